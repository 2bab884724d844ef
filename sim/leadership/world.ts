import type { Sighting } from '../../src/host/followed-store.ts';
import { decide, mayAct, wakeAt } from '../../src/leadership/decide.ts';
import {
  type LeadershipEvent,
  type LeadershipStep,
  type Stance,
  startFollowing,
} from '../../src/leadership/stance.ts';
import type { LeadershipTerms } from '../../src/leadership/terms.ts';
import { Prng } from '../../src/lib/prng.ts';

/** What a run is made of. All in ms of the world's own time. */
export interface LeadershipPlan {
  readonly seed: number;
  readonly managers: number;
  readonly terms: LeadershipTerms;
  readonly durationMs: number;
  /** A message between a manager and the store takes up to this long. */
  readonly delayMs: number;
  /** What the watch tells may be late by up to this. */
  readonly watchDelayMs: number;
  /** The store answers nobody then: it has lost its own leader. */
  readonly outages: readonly Span[];
}

export interface Span {
  readonly fromMs: number;
  readonly toMs: number;
}

export interface CommitRecord {
  readonly atMs: number;
  readonly manager: number;
  readonly epoch: number;
}

/** A request that has no answer is given up after this long. */
const answerLimitMs = 250;
const commitEveryMs = 40;
/** Clocks of two machines run this much apart at most, as a share of time. */
const drift = 0.02;

/**
 * Managers with drifting clocks around one store that compares and sets, on a virtual clock: kill,
 * freeze and cut them, and look who commits and who believes to lead.
 */
export class LeadershipWorld {
  readonly commits: CommitRecord[] = [];
  /** Moments at which more than one manager could have acted. */
  readonly conflicts: number[] = [];
  readonly plan: LeadershipPlan;
  readonly #dice: Prng;
  readonly #managers: SimulatedManager[];
  readonly #queue: { readonly atMs: number; readonly run: () => void }[] = [];
  #nowMs = 0;
  #epoch = 0;
  #sign = 0;

  constructor(plan: LeadershipPlan) {
    this.plan = plan;
    this.#dice = new Prng(plan.seed);
    this.#managers = Array.from({ length: plan.managers }, (_, index) => {
      const rate = 1 + (this.#dice.fraction() * 2 - 1) * drift;
      return new SimulatedManager(this, { index, rate, seen: this.#seen });
    });
    for (const manager of this.#managers) {
      manager.handle({ kind: 'tick' });
      this.#everyCommit(manager);
    }
  }

  get nowMs(): number {
    return this.#nowMs;
  }

  get epoch(): number {
    return this.#epoch;
  }

  /** Who may act now. */
  get leader(): number | undefined {
    return this.#managers.find((manager) => manager.mayAct)?.index;
  }

  fraction(): number {
    return this.#dice.fraction();
  }

  after(delayMs: number, run: () => void): void {
    const atMs = this.#nowMs + delayMs;
    const before = this.#queue.findIndex((entry) => entry.atMs > atMs);
    this.#queue.splice(before < 0 ? this.#queue.length : before, 0, { atMs, run });
  }

  runUntil(untilMs: number): void {
    for (;;) {
      const [next] = this.#queue;
      if (next === undefined || next.atMs > untilMs) break;
      this.#queue.shift();
      this.#nowMs = next.atMs;
      next.run();
      if (this.#managers.filter((manager) => manager.mayAct).length > 1) {
        this.conflicts.push(this.#nowMs);
      }
    }
    this.#nowMs = untilMs;
  }

  kill(manager: number): void {
    this.#managers[manager]?.kill();
  }

  /** SIGSTOP, and later SIGCONT: what arrives meanwhile waits. */
  freeze(manager: number, forMs: number): void {
    this.#managers[manager]?.freeze();
    this.after(forMs, () => this.#managers[manager]?.wake());
  }

  /** Neither its requests nor what it is told get through. */
  cut(manager: number, forMs: number): void {
    const one = this.#managers[manager];
    if (one === undefined) return;
    one.isCut = true;
    this.after(forMs, () => {
      one.isCut = false;
    });
  }

  /**
   * Sends a request to the store; it does what it is asked, if it answers at all. A reply may get
   * lost where the request did not.
   */
  request(
    manager: SimulatedManager,
    { run, lost }: { readonly run: () => LeadershipEvent; readonly lost: LeadershipEvent },
  ): void {
    let isOver = false;
    const end = (event: LeadershipEvent): void => {
      if (isOver) return;
      isOver = true;
      manager.handle(event);
    };
    this.after(answerLimitMs, () => end(lost));
    if (manager.isCut) return;
    this.after(this.fraction() * this.plan.delayMs, () => {
      if (this.#isOut()) return;
      const event = run();
      this.after(this.fraction() * this.plan.delayMs, () => {
        if (!manager.isCut) end(event);
      });
    });
  }

  ask(): LeadershipEvent {
    return { kind: 'answered', seen: this.#seen };
  }

  take(seen: Sighting): LeadershipEvent {
    if (seen.epoch !== this.#epoch || seen.sign !== String(this.#sign)) {
      return { kind: 'not-taken', seen: this.#seen };
    }
    this.#epoch += 1;
    this.#change();
    return { kind: 'taken', epoch: this.#epoch };
  }

  /** A commit or a sign of life. */
  write(
    manager: SimulatedManager,
    from: { readonly epoch: number; readonly sentAt: number; readonly isCommit: boolean },
  ): LeadershipEvent {
    const { epoch, sentAt } = from;
    if (epoch !== this.#epoch) return { kind: 'refused', seen: this.#seen };
    this.#change();
    if (from.isCommit) {
      this.commits.push({ atMs: this.#nowMs, manager: manager.index, epoch });
    }
    return { kind: 'proven', by: from.isCommit ? 'commit' : 'sign', epoch, sentAt };
  }

  get #seen(): Sighting {
    return { epoch: this.#epoch, sign: String(this.#sign) };
  }

  #change(): void {
    this.#sign += 1;
    const seen = this.#seen;
    for (const manager of this.#managers) {
      this.after(this.fraction() * this.plan.watchDelayMs, () => {
        if (!manager.isCut) manager.handle({ kind: 'heard', seen });
      });
    }
  }

  #isOut(): boolean {
    return this.plan.outages.some(
      ({ fromMs, toMs }) => this.#nowMs >= fromMs && this.#nowMs < toMs,
    );
  }

  #everyCommit(manager: SimulatedManager): void {
    manager.tryCommit();
    this.after(commitEveryMs, () => this.#everyCommit(manager));
  }
}

class SimulatedManager {
  readonly index: number;
  isCut = false;
  readonly #world: LeadershipWorld;
  readonly #rate: number;
  readonly #waiting: LeadershipEvent[] = [];
  #state: 'runs' | 'frozen' | 'dead' = 'runs';
  #stance: Stance;
  #ticks = 0;

  constructor(
    world: LeadershipWorld,
    {
      index,
      rate,
      seen,
    }: { readonly index: number; readonly rate: number; readonly seen: Sighting },
  ) {
    this.#world = world;
    this.index = index;
    this.#rate = rate;
    const extraMs = index * world.plan.terms.rankStepMs;
    this.#stance = startFollowing(seen, { now: this.#now, extraMs });
  }

  /** Also for a frozen one, which could act in the moment in which it wakes. */
  get mayAct(): boolean {
    if (this.#state === 'dead') return false;
    return mayAct(this.#stance, { now: this.#now, terms: this.#world.plan.terms });
  }

  kill(): void {
    this.#state = 'dead';
  }

  freeze(): void {
    if (this.#state === 'runs') this.#state = 'frozen';
  }

  wake(): void {
    if (this.#state !== 'frozen') return;
    this.#state = 'runs';
    for (const event of this.#waiting.splice(0)) this.handle(event);
    this.handle({ kind: 'tick' });
  }

  handle(event: LeadershipEvent): void {
    if (this.#state === 'frozen' && event.kind !== 'tick') this.#waiting.push(event);
    if (this.#state !== 'runs') return;
    const { stance, steps } = decide(this.#stance, event, {
      terms: this.#world.plan.terms,
      now: this.#now,
      rank: this.index,
      fraction: this.#world.fraction(),
    });
    this.#stance = stance;
    for (const step of steps) this.#carryOut(step);
    this.#scheduleTick();
  }

  tryCommit(): void {
    if (this.#state !== 'runs' || !this.mayAct || this.#stance.kind !== 'holding') return;
    this.#write(this.#stance.epoch, { isCommit: true, lost: { kind: 'tick' } });
  }

  get #now(): number {
    return this.#world.nowMs * this.#rate;
  }

  #carryOut(step: LeadershipStep): void {
    const world = this.#world;
    switch (step.kind) {
      case 'ask':
        world.request(this, { run: () => world.ask(), lost: { kind: 'unanswered' } });
        return;
      case 'take':
        world.request(this, { run: () => world.take(step.seen), lost: { kind: 'take-lost' } });
        return;
      case 'write-sign':
        this.#write(step.epoch, { isCommit: false, lost: { kind: 'sign-lost' } });
        return;
      case 'lead':
      case 'pause':
      case 'follow':
        return;
    }
  }

  #write(
    epoch: number,
    { isCommit, lost }: { readonly isCommit: boolean; readonly lost: LeadershipEvent },
  ): void {
    // Some time passes between a decision and its request.
    const sentAt = this.#now + 0.1;
    const run = (): LeadershipEvent => this.#world.write(this, { epoch, sentAt, isCommit });
    this.#world.request(this, { run, lost });
  }

  #scheduleTick(): void {
    this.#ticks += 1;
    const tick = this.#ticks;
    const dueMs = wakeAt(this.#stance, this.#world.plan.terms);
    if (dueMs === Number.POSITIVE_INFINITY) return;
    const delayMs = Math.max(1, (dueMs - this.#now) / this.#rate);
    this.#world.after(delayMs, () => {
      if (tick === this.#ticks) this.handle({ kind: 'tick' });
    });
  }
}

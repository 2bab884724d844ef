import type { Instant } from '../model/instant.ts';
import { LeaseClock } from './lease-clock.ts';
import { type Hold, holdFor } from './mass-loss.ts';
import { ReleaseRate } from './release-rate.ts';
import { learn, type Rhythm, tolerableSilenceMs } from './rhythm.ts';
import type { LeaseTerms } from './terms.ts';

/** How a node was heard. */
export type Channel = 'datagram' | 'session';

/** What becomes of a node's lease. */
export type Transition =
  /** It was heard for the first time, or again. */
  | { readonly nodeId: string; readonly kind: 'alive' }
  /** It should have been heard by now; `hold` says why it is not given up, where it is not. */
  | {
      readonly nodeId: string;
      readonly kind: 'silent';
      readonly silentMs: number;
      /** It is heard, and hears nothing itself. */
      readonly deaf?: true;
      readonly hold?: Hold;
    }
  /** Its tasks are given away; those of fenced services only with `fenced`. */
  | {
      readonly nodeId: string;
      readonly kind: 'down';
      readonly silentMs: number;
      readonly deaf?: true;
      readonly fenced: boolean;
    };

/** What the owner knows of nodes and the leases do not. */
export interface LeaseSurroundings {
  /** Tasks that would have to be moved. */
  taskCount(nodeId: string): number;
  /** A person wants the node's tasks elsewhere: it is given up whoever else is silent. */
  isReleased(nodeId: string): boolean;
}

interface Lease {
  readonly nodeId: string;
  standing: 'expected' | 'alive' | 'silent' | 'down';
  /** All by the clock of leases. */
  heardAtMs: number;
  datagramAtMs: number | undefined;
  sessionAtMs: number | undefined;
  datagrams: Rhythm;
  sessions: Rhythm;
  /** Since when it says that it hears nothing; what it says besides does not count meanwhile. */
  deafFromMs: number | undefined;
  /** It said that its machine goes down: it is missed at once. */
  isGoing: boolean;
  /** It is not missed before. */
  patientUntilMs: number;
  silentAtMs: number;
  /** Doubt is counted from here: while something holds, it moves along. */
  doubtFromMs: number;
  hold: Hold | undefined;
  /** How many were left at the least while too many were silent. */
  aliveWhenHeld: number;
  fenced: boolean;
}

interface Counts {
  /** Silent now and not down, or down since a moment ago. */
  readonly vanished: number;
  readonly alive: number;
}

/** Nobody is waited for longer, however unsteady its rhythm was. */
const longestSilenceMs = 20_000;
/** Agents that send no datagrams say at least this often that they live. */
const sessionPeriodMs = 5_000;
/** After this many periods without a datagram a node is judged by its session. */
const datagramPeriods = 20;
/**
 * A node that is deaf for longer is missed. Whoever was not listening finds its words in a row, and
 * has answered all of them when the next one comes.
 */
const deafnessMs = 500;

/**
 * The leases of all nodes. Pure: told what arrived and what time it is, says what follows. Nothing
 * in it decides by itself that time has passed.
 */
export class Leases {
  readonly #terms: LeaseTerms;
  readonly #clock: LeaseClock;
  readonly #rate = new ReleaseRate();
  readonly #leases = new Map<string, Lease>();

  constructor(terms: LeaseTerms) {
    this.#terms = terms;
    this.#clock = new LeaseClock(terms.longestStepMs);
  }

  has(nodeId: string): boolean {
    return this.#leases.has(nodeId);
  }

  nodeIds(): readonly string[] {
    return [...this.#leases.keys()];
  }

  /** Nothing is known of the node yet, and that is not held against it for a while. */
  expect(nodeId: string, at: { readonly now: Instant; readonly patienceMs: number }): void {
    const lease = this.#lease(nodeId, this.#clock.at(at.now));
    lease.patientUntilMs = lease.heardAtMs + at.patienceMs;
  }

  /** A sign of life. Returns what changed, if anything did. */
  heard(
    nodeId: string,
    at: { readonly now: Instant; readonly by: Channel },
  ): Transition | undefined {
    const nowMs = this.#clock.at(at.now);
    const lease = this.#lease(nodeId, nowMs);
    this.#learn(lease, { nowMs, by: at.by });
    lease.heardAtMs = nowMs;
    if (lease.deafFromMs !== undefined && at.by === 'session') return undefined;
    const isNew = lease.standing !== 'alive';
    lease.deafFromMs = undefined;
    lease.standing = 'alive';
    lease.patientUntilMs = nowMs;
    lease.hold = undefined;
    lease.fenced = false;
    lease.isGoing = false;
    return isNew ? { nodeId, kind: 'alive' } : undefined;
  }

  /**
   * The node says that it hears nobody answer. That renews no lease: the node takes no answer to it
   * for a proof of one. Where it was silent before, it has the time of one that begins to be deaf.
   */
  deaf(nodeId: string, now: Instant): Transition | undefined {
    const lease = this.#leases.get(nodeId);
    if (lease === undefined || lease.deafFromMs !== undefined) return undefined;
    if (lease.standing !== 'alive' && lease.standing !== 'silent') return undefined;
    const isNew = lease.standing !== 'alive';
    lease.deafFromMs = this.#clock.at(now);
    lease.standing = 'alive';
    lease.hold = undefined;
    return isNew ? { nodeId, kind: 'alive' } : undefined;
  }

  /** It was spoken with in a new session: it hears. */
  greeted(nodeId: string): void {
    const lease = this.#leases.get(nodeId);
    if (lease !== undefined) lease.deafFromMs = undefined;
  }

  /** The node said that it would be away for a moment: it is not missed so soon. */
  farewell(nodeId: string, at: { readonly now: Instant; readonly patienceMs: number }): void {
    const lease = this.#leases.get(nodeId);
    if (lease === undefined) return;
    lease.patientUntilMs = this.#clock.at(at.now) + at.patienceMs;
  }

  /** The node said that its machine goes down: it is missed from now on. */
  goes(nodeId: string): void {
    const lease = this.#leases.get(nodeId);
    if (lease !== undefined) lease.isGoing = true;
  }

  /** The node said that it stopped everything: it is down until it is heard again. */
  giveUp(nodeId: string, now: Instant): void {
    const lease = this.#lease(nodeId, this.#clock.at(now));
    lease.standing = 'down';
    lease.hold = undefined;
    lease.fenced = true;
  }

  /** The node left the cluster. */
  forget(nodeId: string): void {
    this.#leases.delete(nodeId);
  }

  clear(): void {
    this.#leases.clear();
  }

  /** Time passed: what follows from what did not arrive. */
  tick(now: Instant, surroundings: LeaseSurroundings): readonly Transition[] {
    const nowMs = this.#clock.tick(now);
    const transitions: Transition[] = [];
    for (const lease of this.#leases.values()) {
      if (!this.#isMissed(lease, nowMs)) continue;
      lease.standing = 'silent';
      lease.silentAtMs = nowMs;
      lease.doubtFromMs = nowMs;
      transitions.push(silent(lease, nowMs));
    }
    const counts = this.#count(nowMs);
    const silentOnes = [...this.#leases.values()]
      .filter((lease) => lease.standing === 'silent')
      .toSorted((left, right) => left.silentAtMs - right.silentAtMs);
    for (const lease of silentOnes) {
      const said = this.#judge(lease, { nowMs, counts, surroundings });
      if (said !== undefined) transitions.push(said);
    }
    for (const lease of this.#leases.values()) {
      if (lease.standing !== 'down' || lease.fenced || !this.#isFenced(lease, nowMs)) continue;
      lease.fenced = true;
      transitions.push(down(lease, nowMs));
    }
    return transitions;
  }

  /** Whether somebody is late enough that the next tick should come soon. */
  get isAnybodyLate(): boolean {
    for (const lease of this.#leases.values()) if (lease.standing === 'silent') return true;
    return false;
  }

  #lease(nodeId: string, nowMs: number): Lease {
    const known = this.#leases.get(nodeId);
    if (known !== undefined) return known;
    const lease: Lease = {
      nodeId,
      standing: 'expected',
      heardAtMs: nowMs,
      datagramAtMs: undefined,
      sessionAtMs: undefined,
      deafFromMs: undefined,
      datagrams: { meanMs: this.#terms.periodMs, deviationMs: 0 },
      sessions: { meanMs: sessionPeriodMs, deviationMs: 0 },
      isGoing: false,
      patientUntilMs: nowMs,
      silentAtMs: nowMs,
      doubtFromMs: nowMs,
      hold: undefined,
      aliveWhenHeld: 0,
      fenced: false,
    };
    this.#leases.set(nodeId, lease);
    return lease;
  }

  /** Only from one arrival to the next: an outage teaches nothing about the rhythm. */
  #learn(lease: Lease, at: { readonly nowMs: number; readonly by: Channel }): void {
    const { nowMs, by } = at;
    const wasAlive = lease.standing === 'alive';
    if (by === 'datagram') {
      if (wasAlive && lease.datagramAtMs !== undefined) {
        lease.datagrams = learn(lease.datagrams, nowMs - lease.datagramAtMs);
      }
      lease.datagramAtMs = nowMs;
      return;
    }
    if (wasAlive && lease.sessionAtMs !== undefined) {
      lease.sessions = learn(lease.sessions, nowMs - lease.sessionAtMs);
    }
    lease.sessionAtMs = nowMs;
  }

  #isMissed(lease: Lease, nowMs: number): boolean {
    if (lease.standing !== 'alive' && lease.standing !== 'expected') return false;
    if (lease.isGoing) return true;
    if (nowMs < lease.patientUntilMs) return false;
    if (lease.standing === 'expected') return true;
    if (lease.deafFromMs !== undefined) return nowMs - lease.deafFromMs >= deafnessMs;
    return nowMs - lease.heardAtMs > this.#toleratedMs(lease);
  }

  #toleratedMs(lease: Lease): number {
    const within = { leastMs: this.#leastSilenceMs(lease), mostMs: longestSilenceMs };
    return tolerableSilenceMs(this.#hasDatagrams(lease) ? lease.datagrams : lease.sessions, within);
  }

  #leastSilenceMs(lease: Lease): number {
    const { silentAfterMs, sessionSilentAfterMs } = this.#terms;
    return this.#hasDatagrams(lease) ? silentAfterMs : sessionSilentAfterMs;
  }

  #hasDatagrams({ heardAtMs, datagramAtMs }: Lease): boolean {
    const sinceMs = heardAtMs - (datagramAtMs ?? Number.NEGATIVE_INFINITY);
    return sinceMs <= this.#terms.periodMs * datagramPeriods;
  }

  #count(nowMs: number): Counts {
    let vanished = 0;
    let alive = 0;
    for (const lease of this.#leases.values()) {
      // Who was unsteady before is missed later, and may be as gone as the one that is judged.
      const isLate = nowMs - lease.heardAtMs > this.#leastSilenceMs(lease);
      if (lease.standing === 'alive' && !isLate) alive += 1;
      const isRecent = nowMs - lease.silentAtMs < this.#terms.windowMs;
      const isGone = lease.standing === 'silent' || (lease.standing === 'down' && isRecent);
      if (isGone || (lease.standing === 'alive' && isLate)) vanished += 1;
    }
    return { vanished, alive };
  }

  /** What becomes of a silent node; undefined: nothing new. */
  #judge(
    lease: Lease,
    of: {
      readonly nowMs: number;
      readonly counts: Counts;
      readonly surroundings: LeaseSurroundings;
    },
  ): Transition | undefined {
    const { nowMs, counts, surroundings } = of;
    const blame = surroundings.isReleased(lease.nodeId) ? undefined : blameFor(lease, counts);
    if (blame !== undefined) {
      lease.doubtFromMs = nowMs;
      return changeHold(lease, { hold: blame, nowMs });
    }
    if (nowMs - lease.doubtFromMs < this.#terms.doubtMs) {
      return changeHold(lease, { hold: undefined, nowMs });
    }
    if (!this.#rate.mayRelease(nowMs)) return changeHold(lease, { hold: { kind: 'rate' }, nowMs });
    this.#rate.released(surroundings.taskCount(lease.nodeId), nowMs);
    lease.standing = 'down';
    lease.hold = undefined;
    lease.fenced = this.#isFenced(lease, nowMs);
    return down(lease, nowMs);
  }

  /** The node itself has stopped its fenced tasks by now: it knows these terms. */
  #isFenced(lease: Lease, nowMs: number): boolean {
    return nowMs - lease.heardAtMs >= this.#terms.fencedAfterMs;
  }
}

/** Nodes that fell silent together are judged together, until somebody is back. */
function blameFor(lease: Lease, counts: Counts): Hold | undefined {
  const blame = holdFor(counts);
  if (blame?.kind === 'mass') {
    const isHeld = lease.hold?.kind === 'mass';
    lease.aliveWhenHeld = isHeld ? Math.min(lease.aliveWhenHeld, counts.alive) : counts.alive;
    return blame;
  }
  if (blame !== undefined || lease.hold?.kind !== 'mass') return blame;
  return counts.alive > lease.aliveWhenHeld ? undefined : lease.hold;
}

function silent(lease: Lease, nowMs: number): Transition {
  const { nodeId, hold } = lease;
  const silentMs = nowMs - lease.heardAtMs;
  const said = { nodeId, kind: 'silent', silentMs, ...deafness(lease) } as const;
  return hold === undefined ? said : { ...said, hold };
}

function down(lease: Lease, nowMs: number): Transition {
  const { nodeId, fenced } = lease;
  return { nodeId, kind: 'down', silentMs: nowMs - lease.heardAtMs, ...deafness(lease), fenced };
}

function deafness({ deafFromMs }: Lease): { readonly deaf?: true } {
  return deafFromMs === undefined ? {} : { deaf: true };
}

/** Said again when the cause is another one; the numbers in it may change unsaid. */
function changeHold(
  lease: Lease,
  to: { readonly hold: Hold | undefined; readonly nowMs: number },
): Transition | undefined {
  const isSame = lease.hold?.kind === to.hold?.kind;
  lease.hold = to.hold;
  return isSame ? undefined : silent(lease, to.nowMs);
}

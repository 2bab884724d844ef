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
      readonly hold?: Hold;
    }
  /** Its tasks are given away; those of fenced services only with `fenced`. */
  | {
      readonly nodeId: string;
      readonly kind: 'down';
      readonly silentMs: number;
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
    const isNew = lease.standing !== 'alive';
    lease.standing = 'alive';
    lease.heardAtMs = nowMs;
    lease.patientUntilMs = nowMs;
    lease.hold = undefined;
    lease.fenced = false;
    return isNew ? { nodeId, kind: 'alive' } : undefined;
  }

  /** The node said that it would be away for a moment: it is not missed so soon. */
  farewell(nodeId: string, at: { readonly now: Instant; readonly patienceMs: number }): void {
    const lease = this.#leases.get(nodeId);
    if (lease === undefined) return;
    lease.patientUntilMs = this.#clock.at(at.now) + at.patienceMs;
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
      datagrams: { meanMs: this.#terms.periodMs, deviationMs: 0 },
      sessions: { meanMs: sessionPeriodMs, deviationMs: 0 },
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
    if (nowMs < lease.patientUntilMs) return false;
    if (lease.standing === 'expected') return true;
    return nowMs - lease.heardAtMs > this.#toleratedMs(lease);
  }

  #toleratedMs(lease: Lease): number {
    const { periodMs, silentAfterMs, sessionSilentAfterMs } = this.#terms;
    const sinceMs = lease.heardAtMs - (lease.datagramAtMs ?? Number.NEGATIVE_INFINITY);
    if (sinceMs <= periodMs * datagramPeriods) {
      const within = { leastMs: silentAfterMs, mostMs: longestSilenceMs };
      return tolerableSilenceMs(lease.datagrams, within);
    }
    const within = { leastMs: sessionSilentAfterMs, mostMs: longestSilenceMs };
    return tolerableSilenceMs(lease.sessions, within);
  }

  #count(nowMs: number): Counts {
    let vanished = 0;
    let alive = 0;
    for (const lease of this.#leases.values()) {
      if (lease.standing === 'alive') alive += 1;
      const isRecent = nowMs - lease.silentAtMs < this.#terms.windowMs;
      if (lease.standing === 'silent' || (lease.standing === 'down' && isRecent)) vanished += 1;
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
  const said = { nodeId, kind: 'silent', silentMs: nowMs - lease.heardAtMs } as const;
  return hold === undefined ? said : { ...said, hold };
}

function down(lease: Lease, nowMs: number): Transition {
  const { nodeId, fenced } = lease;
  return { nodeId, kind: 'down', silentMs: nowMs - lease.heardAtMs, fenced };
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

import type { Instant } from '../model/instant.ts';

/** Tasks of fenced services, and the moment from which on none of them may run. */
export interface FenceHold {
  readonly taskIds: readonly string[];
  /** By the clock of guards. */
  readonly until: Instant;
}

/**
 * What stops fenced tasks when nobody else is there to do it; it outlives the daemon that it serves
 * (docs/design/liveness.md, Fencing). Each hold replaces the one before.
 */
export interface FenceGuard {
  /** One clock for all on the machine; it counts the time in which that sleeps. */
  now(): Instant;
  /** Resolves with whether there is a guard that has it. One that holds nothing is not needed. */
  hold(hold: FenceHold): Promise<boolean>;
}

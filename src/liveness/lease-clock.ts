import type { Instant } from '../model/instant.ts';

/**
 * The time by which leases run: it stands still while its owner did not listen. Whoever listens
 * calls `tick` often; time beyond `longestStepMs` since the call before is not counted, because
 * what came meanwhile has not been read yet. A clock that is set forward or back adds no more.
 */
export class LeaseClock {
  readonly #longestStepMs: number;
  #countedMs = 0;
  #tickedAt: Instant | undefined;

  constructor(longestStepMs: number) {
    this.#longestStepMs = longestStepMs;
  }

  /** Counts the time since the last call, and returns what was counted in all. */
  tick(now: Instant): number {
    this.#countedMs = this.at(now);
    this.#tickedAt = now;
    return this.#countedMs;
  }

  /** What the clock shows at a time since the last tick. */
  at(now: Instant): number {
    const sinceMs = now - (this.#tickedAt ?? now);
    return this.#countedMs + Math.min(Math.max(sinceMs, 0), this.#longestStepMs);
  }
}

import { deafAfterMs } from '../liveness/terms.ts';
import type { Instant } from '../model/instant.ts';

/**
 * Whether the manager of a session still answers. Who has others to turn to does not wait for as
 * long as one that is alone.
 */
export class Answers {
  /** Managers that this node can turn to. */
  managerCount = 1;
  #answeredAt: Instant = 0;
  #isHeard = false;

  /** A session begins. */
  opened(now: Instant): void {
    this.#answeredAt = now;
    this.#isHeard = false;
  }

  /** The manager said something in it. */
  heard(): void {
    this.#isHeard = true;
  }

  /**
   * A sign of life was answered. Until something was heard in the session, datagrams of the one
   * before may be answered by another manager.
   */
  answered(now: Instant): void {
    if (this.#isHeard) this.#answeredAt = now;
  }

  /** From when on another manager should be asked. */
  get silentAt(): Instant {
    return this.managerCount > 1 ? this.#answeredAt + deafAfterMs : Number.POSITIVE_INFINITY;
  }
}

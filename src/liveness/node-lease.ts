import type { Instant } from '../model/instant.ts';
import type { LeaseTerms } from './terms.ts';

/** Clocks of two machines may run this much apart, as a share. */
const clockDrift = 0.02;
/** What stopping takes at most: from the moment that a node decides to until nothing runs. */
const stoppingMs = 2_000;
/** Signs of life whose answer may still come. */
const mostOutstanding = 64;

/**
 * The node's own side of its lease: it knows which of its signs of life a manager has answered,
 * and with that the earliest moment at which its tasks may be given away. All times by one clock
 * of the node that never runs slower than time.
 */
export class NodeLease {
  readonly #terms: Pick<LeaseTerms, 'fencedAfterMs'>;
  /** When each unanswered one was sent, the oldest first. */
  readonly #sent = new Map<number, Instant>();
  #provenAt: Instant | undefined;

  /** `provenAt`: when something was sent that counts as heard from the start. */
  constructor(terms: Pick<LeaseTerms, 'fencedAfterMs'>, provenAt?: Instant) {
    this.#terms = terms;
    this.#provenAt = provenAt;
  }

  /** A sign of life is on its way; numbers rise. */
  sent(number: number, now: Instant): void {
    this.#sent.set(number, now);
    if (this.#sent.size <= mostOutstanding) return;
    for (const oldest of this.#sent.keys()) {
      this.#sent.delete(oldest);
      return;
    }
  }

  /** A manager says that it has heard that one. What was not sent, or long ago, proves nothing. */
  answered(number: number): void {
    const sentAt = this.#sent.get(number);
    if (sentAt === undefined) return;
    // The moment of sending counts: the manager heard it later than that.
    this.#provenAt = Math.max(this.#provenAt ?? sentAt, sentAt);
    for (const older of this.#sent.keys()) if (older <= number) this.#sent.delete(older);
  }

  /** When the last sign of life was sent that a manager is known to have heard. */
  get provenAt(): Instant | undefined {
    return this.#provenAt;
  }

  /** From this moment on no task of a fenced service may run; undefined: none may at any time. */
  get fencedFrom(): Instant | undefined {
    if (this.#provenAt === undefined) return undefined;
    return this.#provenAt + this.#terms.fencedAfterMs * (1 - clockDrift) - stoppingMs;
  }
}

import type { Clock } from '../host/clock.ts';
import type { LifeSender } from '../host/life.ts';
import { NodeLease } from '../liveness/node-lease.ts';
import { type LeaseTerms, leaseTerms } from '../liveness/terms.ts';

/** Where no datagrams go, the session says this often that the node lives. */
const sessionPeriodMs = 1_000;
/** Where datagrams are answered, the session is only kept from falling asleep. */
const idlePeriodMs = 5_000;
/**
 * An agent that has just started proves its lease within this time; until then what runs is left
 * alone, and nothing that is fenced is started.
 */
const startGraceMs = 4_000;

/**
 * The node's side of its lease: says again and again that the node lives, listens for answers, and
 * knows when the managers may give away what it runs.
 */
export class LeaseKeeper {
  readonly #clock: Clock;
  readonly #say: (number: number) => void;
  readonly #onChange: () => void;
  /** When the agent began to look after its tasks, and to speak. */
  #startedAt = Number.POSITIVE_INFINITY;
  #lease = new NodeLease(leaseTerms);
  #terms: Pick<LeaseTerms, 'periodMs' | 'retryMs' | 'fencedAfterMs'> = leaseTerms;
  #datagrams: LifeSender | undefined;
  #number = 0;
  #answeredByDatagram = 0;
  #saidAt = Number.NEGATIVE_INFINITY;
  #wake = Promise.withResolvers<void>();
  #wasOver = true;

  constructor(options: {
    /** Never runs slower than time, and never back. */
    readonly clock: Clock;
    /** Says the number over the session, where there is one. */
    readonly say: (number: number) => void;
    /** The lease is over, or is good again. */
    readonly onChange: () => void;
  }) {
    this.#clock = options.clock;
    this.#say = options.say;
    this.#onChange = options.onChange;
  }

  /** No task of a fenced service may be started, and none may run. */
  get isOver(): boolean {
    const from = this.#lease.fencedFrom;
    return from === undefined || this.#clock.now() >= from;
  }

  /** The same, except that an agent which has just started has not had the time to know. */
  get mustStop(): boolean {
    if (this.#lease.fencedFrom !== undefined) return this.isOver;
    return this.#clock.now() >= this.#startedAt + startGraceMs;
  }

  /** What a manager says of the lease when a session begins. */
  begin(
    terms: Pick<LeaseTerms, 'periodMs' | 'retryMs' | 'fencedAfterMs'>,
    datagrams: LifeSender | undefined,
  ): void {
    if (terms.fencedAfterMs !== this.#terms.fencedAfterMs) this.#lease = new NodeLease(terms);
    this.#terms = terms;
    this.#datagrams?.close();
    this.#datagrams = datagrams;
    this.connected();
  }

  /** There is a session: it is the first thing to be said. */
  connected(): void {
    this.#saidAt = Number.NEGATIVE_INFINITY;
    this.#wake.resolve();
  }

  answered(number: number, by: 'datagram' | 'session'): void {
    this.#lease.answered(number);
    if (by === 'datagram') this.#answeredByDatagram = Math.max(this.#answeredByDatagram, number);
    if (this.#wasOver) this.#wake.resolve();
  }

  async run(signal: AbortSignal): Promise<void> {
    signal.addEventListener('abort', () => this.#wake.resolve(), { once: true });
    this.#startedAt = this.#clock.now();
    while (!signal.aborted) {
      this.#wake = Promise.withResolvers<void>();
      this.#look();
      const number = this.#live();
      await this.#waitUntil(this.#clock.now() + this.#retryMs, signal);
      if (this.#datagrams === undefined || this.#answeredByDatagram < number) continue;
      const restMs = this.#terms.periodMs - this.#terms.retryMs;
      await this.#waitUntil(this.#clock.now() + restMs, signal);
    }
    this.#datagrams?.close();
  }

  get #retryMs(): number {
    return this.#datagrams === undefined ? sessionPeriodMs : this.#terms.retryMs;
  }

  /** One sign of life, on every way that is due. */
  #live(): number {
    const now = this.#clock.now();
    this.#number += 1;
    const number = this.#number;
    this.#lease.sent(number, now);
    this.#datagrams?.send(number);
    const isHeard = this.#datagrams !== undefined && number - this.#answeredByDatagram <= 2;
    const dueAt = this.#saidAt + (isHeard ? idlePeriodMs : sessionPeriodMs);
    if (now >= dueAt) {
      this.#saidAt = now;
      this.#say(number);
    }
    return number;
  }

  /** Waits until then, or until something is to be said; looks after the lease meanwhile. */
  async #waitUntil(until: number, signal: AbortSignal): Promise<void> {
    for (;;) {
      const now = this.#clock.now();
      const endsAt = this.#endsAt(now);
      const nextAt = Math.min(until, endsAt);
      const timer = new AbortController();
      const both = AbortSignal.any([timer.signal, signal]);
      const elapsed = this.#clock.sleep(Math.max(0, nextAt - now), both).then(
        () => false,
        () => false,
      );
      const isWoken = await Promise.race([elapsed, this.#wake.promise.then(() => true)]);
      timer.abort();
      this.#look();
      if (isWoken || signal.aborted || this.#clock.now() >= until) return;
    }
  }

  /** When the lease ends, while it has not. */
  #endsAt(now: number): number {
    const at = this.#lease.fencedFrom ?? this.#startedAt + startGraceMs;
    return at > now ? at : Number.POSITIVE_INFINITY;
  }

  #look(): void {
    const isOver = this.mustStop;
    if (isOver === this.#wasOver) return;
    this.#wasOver = isOver;
    this.#onChange();
  }
}

import type { Clock } from '../host/clock.ts';
import type { LifeSender } from '../host/life.ts';
import { NodeLease } from '../liveness/node-lease.ts';
import type { Instant } from '../model/instant.ts';
import { deafAfterMs, type LeaseTerms, leaseTerms } from '../liveness/terms.ts';

/** Where no datagrams go, the session says this often that the node lives. */
const sessionPeriodMs = 1_000;
/** Where datagrams are answered, the session is only kept from falling asleep. */
const idlePeriodMs = 5_000;
/**
 * An agent that has just started proves its lease within this time; until then what runs is left
 * alone, and nothing that is fenced is started.
 */
const startGraceMs = 4_000;

/** As many as are said within two seconds where none is answered. */
const recentSigns = 10;

/**
 * What the assignments of this node are worth to a task that must not run twice:
 *
 * - `doubtful`: it may have been given away, and nobody who could say so has been asked since.
 * - `asked`: a session was opened since then; its first view says what is still this node's.
 * - `told`: that view came while the lease was good, and the lease was good ever since.
 */
type Standing = 'doubtful' | 'asked' | 'told';

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
  /** The highest number that was answered. */
  #answered = 0;
  #answeredByDatagram = 0;
  /** When something was answered last, or the datagrams began. */
  #answeredAt = Number.NEGATIVE_INFINITY;
  /** What was said last says that nobody is heard. */
  #isDeaf = false;
  #saidAt = Number.NEGATIVE_INFINITY;
  #wake = Promise.withResolvers<void>();
  #standing: Standing = 'doubtful';
  #wasTold = false;
  #before = { isOver: true, mustStop: true };

  constructor(options: {
    /** Never runs slower than time, and never back. */
    readonly clock: Clock;
    /** Says the number over the session, where there is one. */
    readonly say: (number: number) => void;
    /** What may run or be started is different now. */
    readonly onChange: () => void;
  }) {
    this.#clock = options.clock;
    this.#say = options.say;
    this.#onChange = options.onChange;
  }

  /** No task of a fenced service may be started, and none may run. */
  get isOver(): boolean {
    return this.#standing !== 'told' || this.#isTermOver;
  }

  /** The same, except that an agent which has just started has not had the time to know. */
  get mustStop(): boolean {
    if (this.#wasTold) return this.isOver;
    return this.#clock.now() >= this.#startedAt + startGraceMs;
  }

  /**
   * Until when fenced tasks that are assigned may run; undefined: they may not, as far as known.
   */
  get until(): Instant | undefined {
    return this.isOver ? undefined : this.#lease.fencedFrom;
  }

  /** What is assigned is worth nothing to a fenced task before a session is opened anew. */
  get isDoubtful(): boolean {
    return this.#standing === 'doubtful';
  }

  /** A session is opened: its `hello` is a sign of life, which its first view answers. */
  asking(): void {
    this.#look();
    if (this.#standing === 'told') return;
    this.#standing = 'asked';
    this.#lease = new NodeLease(this.#terms, this.#clock.now());
  }

  /** A whole view of the session came: what was given away meanwhile is not in it. */
  told(): void {
    this.#look();
    if (this.#standing !== 'asked') return;
    this.#standing = 'told';
    this.#wasTold = true;
    this.#look();
  }

  /** What a manager says of the lease when a session begins. */
  begin(
    terms: Pick<LeaseTerms, 'periodMs' | 'retryMs' | 'fencedAfterMs'>,
    datagrams: LifeSender | undefined,
  ): void {
    if (terms.fencedAfterMs !== this.#terms.fencedAfterMs) {
      this.#lease = new NodeLease(terms, this.#lease.provenAt);
    }
    this.#terms = terms;
    this.#datagrams?.close();
    this.#datagrams = datagrams;
    this.#answeredAt = this.#clock.now();
    this.connected();
  }

  /** There is a session: it is the first thing to be said. */
  connected(): void {
    this.#saidAt = Number.NEGATIVE_INFINITY;
    this.#wake.resolve();
  }

  /** The node leaves: it is missed as if it were gone already. */
  leaving(): void {
    this.#datagrams?.close();
    this.#datagrams = undefined;
  }

  /** Says whether somebody is heard now: an answer may come twice, and late. */
  answered(number: number, by: 'datagram' | 'session'): boolean {
    this.#lease.answered(number);
    if (by === 'datagram') this.#answeredByDatagram = Math.max(this.#answeredByDatagram, number);
    if (number <= this.#answered || number + recentSigns <= this.#number) return false;
    this.#answered = number;
    this.#answeredAt = this.#clock.now();
    return true;
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
      // Whoever hears again says so at once.
      if (this.#isDeaf) continue;
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
    this.#isDeaf = this.#datagrams !== undefined && now >= this.#answeredAt + deafAfterMs;
    // Managers take the word of a deaf node for no proof of its lease, and nor does the node.
    if (!this.#isDeaf) this.#lease.sent(number, now);
    this.#datagrams?.send(number, this.#isDeaf ? 'deaf' : 'alive');
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
      const elapsed = this.#clock.sleep(Math.max(0, nextAt - now), timer.signal).then(
        () => false,
        () => false,
      );
      const isWoken = await Promise.race([elapsed, this.#wake.promise.then(() => true)]);
      if (isWoken) timer.abort();
      this.#look();
      if (isWoken || signal.aborted || this.#clock.now() >= until) return;
    }
  }

  get #isTermOver(): boolean {
    const from = this.#lease.fencedFrom;
    return from === undefined || this.#clock.now() >= from;
  }

  /** When something ends that has not yet. */
  #endsAt(now: number): number {
    const grace = this.#wasTold ? [] : [this.#startedAt + startGraceMs];
    const term = this.#standing === 'doubtful' ? [] : [this.#lease.fencedFrom ?? now];
    return Math.min(Number.POSITIVE_INFINITY, ...[...grace, ...term].filter((at) => at > now));
  }

  #look(): void {
    if (this.#isTermOver) this.#standing = 'doubtful';
    const { isOver, mustStop } = this;
    const { isOver: wasOver, mustStop: hadToStop } = this.#before;
    if (isOver === wasOver && mustStop === hadToStop) return;
    this.#before = { isOver, mustStop };
    this.#onChange();
  }
}

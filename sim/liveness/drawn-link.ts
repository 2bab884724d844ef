import { Prng } from '../../src/lib/prng.ts';
import { Leases } from '../../src/liveness/leases.ts';
import { NodeLease } from '../../src/liveness/node-lease.ts';
import { deafAfterMs, type LeaseTerms } from '../../src/liveness/terms.ts';

/** How the way between one node and its manager behaves; chances are 0 … 1 for each datagram. */
export interface DrawnLink {
  readonly lossChance: number;
  /** What is lost is lost for this long on average; 0: each datagram by itself. */
  readonly lossRunMs: number;
  readonly delayMs: number;
  /** Delays are spread by up to this much, so that datagrams overtake each other. */
  readonly jitterMs: number;
  /** The manager works for this long without listening … */
  readonly stallMs: number;
  /** … again and again, with this much between. */
  readonly betweenStallsMs: number;
  /** The link is cut this often, for long enough to be noticed; 0: never. */
  readonly cutEveryMs: number;
  /** What is cut then is only the way to the node: it is heard, and hears nothing. */
  readonly deafens: boolean;
}

export interface DrawnLife {
  /** How often the node counted as silent, or as down, while the link was not cut. */
  readonly falselySilent: number;
  readonly falselyDown: number;
  /** From each cut to the moment at which the node counted as down. */
  readonly noticedAfterMs: readonly number[];
  /** Cuts at which the node's fenced tasks were given away before it had stopped them. */
  readonly fencedTooLate: number;
  readonly datagrams: number;
  /** How often the node found that it hears nobody while the link was not cut. */
  readonly falselyDeaf: number;
}

export interface LifeRequest {
  readonly terms: LeaseTerms;
  readonly durationMs: number;
  readonly seed: number;
  /** Absent: as it is. */
  readonly deafAfterMs?: number;
}

const cutForMs = 15_000;
/** The manager looks this often. */
const tickMs = 100;
/** Another node, which is always heard: one that is silent is not everybody. */
const witness = 'witness';
const subject = 'subject';
const nobodyElse = { taskCount: () => 1, isReleased: () => false };

type Happening =
  | { readonly at: number; readonly kind: 'send' }
  | {
      readonly at: number;
      readonly kind: 'arrive';
      readonly number: number;
      readonly isDeaf: boolean;
    }
  | { readonly at: number; readonly kind: 'answer'; readonly number: number }
  | { readonly at: number; readonly kind: 'look'; readonly number: number }
  | { readonly at: number; readonly kind: 'tick' };

/** Lets one node live on the link for a while. The same seed gives the same life. */
export function drawLife(link: DrawnLink, of: LifeRequest): DrawnLife {
  return new Life(link, of).run();
}

class Life {
  readonly #link: DrawnLink;
  readonly #terms: LeaseTerms;
  readonly #durationMs: number;
  readonly #deafAfterMs: number;
  readonly #dice: Prng;
  readonly #leases: Leases;
  readonly #node: NodeLease;
  readonly #queue: Happening[] = [];
  #number = 0;
  #answered = 0;
  #losing = false;
  #lossLookedAt = 0;
  #falselySilent = 0;
  #falselyDown = 0;
  #fencedTooLate = 0;
  readonly #noticedAfterMs: number[] = [];
  #isDown = false;
  #answeredAt = 0;
  #isDeaf = false;
  #falselyDeaf = 0;

  constructor(link: DrawnLink, of: LifeRequest) {
    this.#link = link;
    this.#terms = of.terms;
    this.#durationMs = of.durationMs;
    this.#deafAfterMs = of.deafAfterMs ?? deafAfterMs;
    this.#dice = new Prng(of.seed);
    this.#leases = new Leases(of.terms);
    this.#node = new NodeLease(of.terms);
  }

  run(): DrawnLife {
    this.#push({ at: 0, kind: 'tick' });
    this.#push({ at: this.#dice.below(this.#terms.periodMs), kind: 'send' });
    for (let next = this.#queue.shift(); next !== undefined; next = this.#queue.shift()) {
      if (next.at > this.#durationMs) break;
      this.#happen(next);
    }
    return {
      falselySilent: this.#falselySilent,
      falselyDown: this.#falselyDown,
      noticedAfterMs: this.#noticedAfterMs,
      fencedTooLate: this.#fencedTooLate,
      datagrams: this.#number,
      falselyDeaf: this.#falselyDeaf,
    };
  }

  #happen(what: Happening): void {
    switch (what.kind) {
      case 'send':
        this.#send(what.at);
        return;
      case 'arrive': {
        const heard = { now: what.at, by: 'datagram' } as const;
        if (what.isDeaf) this.#leases.deaf(subject, what.at);
        else if (this.#leases.heard(subject, heard) !== undefined) this.#isDown = false;
        this.#carry({ at: what.at, kind: 'answer', number: what.number });
        return;
      }
      case 'answer':
        this.#answered = Math.max(this.#answered, what.number);
        this.#node.answered(what.number);
        this.#answeredAt = what.at;
        return;
      case 'look':
        this.#look(what.at, what.number);
        return;
      case 'tick':
        this.#tick(what.at);
    }
  }

  #send(at: number): void {
    const { retryMs } = this.#terms;
    this.#number += 1;
    const number = this.#number;
    const isDeaf = at >= this.#answeredAt + this.#deafAfterMs;
    if (isDeaf && !this.#isDeaf && this.#cutAt(at) === undefined) this.#falselyDeaf += 1;
    this.#isDeaf = isDeaf;
    if (!isDeaf) this.#node.sent(number, at);
    this.#carry({ at, kind: 'arrive', number, isDeaf });
    this.#push({ at: at + retryMs, kind: 'look', number });
  }

  /** Sends again at once what was not answered, and else when the period is over. */
  #look(at: number, number: number): void {
    const { periodMs, retryMs } = this.#terms;
    if (this.#answered < number || this.#isDeaf) this.#send(at);
    else this.#push({ at: at + periodMs - retryMs, kind: 'send' });
  }

  #tick(at: number): void {
    this.#leases.heard(witness, { now: at, by: 'datagram' });
    for (const change of this.#leases.tick(at, nobodyElse)) {
      if (change.nodeId !== subject) continue;
      const cutAt = this.#cutAt(at);
      if (change.kind === 'silent' && change.hold === undefined && cutAt === undefined) {
        this.#falselySilent += 1;
      }
      if (change.kind !== 'down') continue;
      if (cutAt === undefined) this.#falselyDown += 1;
      else if (!this.#isDown) this.#noticedAfterMs.push(at - cutAt);
      this.#isDown = true;
      if (change.fenced && (this.#node.fencedFrom ?? 0) >= at) this.#fencedTooLate += 1;
    }
    this.#push({ at: this.#listeningFrom(at + tickMs), kind: 'tick' });
  }

  /** A datagram goes out, and may arrive. The manager reads it when it listens. */
  #carry(what: Extract<Happening, { readonly kind: 'arrive' | 'answer' }>): void {
    const { delayMs, jitterMs } = this.#link;
    const isCut = this.#cutAt(what.at) !== undefined;
    if (this.#isLost(what.at) || (isCut && !(this.#link.deafens && what.kind === 'arrive'))) return;
    const at = what.at + delayMs + this.#dice.below(jitterMs + 1);
    // The tick that is due when a stall ends comes before what waits in the socket.
    const readAt = what.kind === 'arrive' ? this.#listeningFrom(at) : at;
    this.#push({ ...what, at: readAt === at ? at : readAt + 1 });
  }

  /** Two states (Gilbert): the share of the losing one is the chance, its length the run. */
  #isLost(at: number): boolean {
    const { lossChance, lossRunMs } = this.#link;
    if (lossChance === 0) return false;
    const sinceMs = at - this.#lossLookedAt;
    this.#lossLookedAt = at;
    const before = this.#losing ? 1 : 0;
    const rate = lossRunMs === 0 ? Infinity : 1 / (lossRunMs * (1 - lossChance));
    const memory = rate === Infinity ? 0 : Math.exp(-rate * sinceMs);
    this.#losing = this.#dice.chance(lossChance + (before - lossChance) * memory);
    return this.#losing;
  }

  #listeningFrom(at: number): number {
    const { stallMs, betweenStallsMs } = this.#link;
    if (stallMs === 0) return at;
    const cycleMs = stallMs + betweenStallsMs;
    const inCycleMs = at % cycleMs;
    return inCycleMs < stallMs ? at - inCycleMs + stallMs : at;
  }

  /** When the cut began that lasts, or that ended no longer ago than its last effects. */
  #cutAt(at: number): number | undefined {
    const { cutEveryMs } = this.#link;
    if (cutEveryMs === 0) return undefined;
    // Drawn by the number of the cut, so that cuts fall anywhere between two datagrams.
    const cycle = Math.floor(at / cutEveryMs);
    const from = cycle * cutEveryMs + cutEveryMs / 2 + ((cycle * 37) % this.#terms.periodMs);
    return at >= from && at < from + cutForMs ? from : undefined;
  }

  #push(what: Happening): void {
    const index = this.#queue.findIndex((other) => other.at > what.at);
    if (index < 0) this.#queue.push(what);
    else this.#queue.splice(index, 0, what);
  }
}

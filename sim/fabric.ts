import type { Clock } from '../src/host/clock.ts';
import type { Prng } from '../src/lib/prng.ts';
import type { LinkModel } from './transport.ts';

/** Of each datagram, and how late the copy may be. */
const copyChance = 0.05;
const longestCopyMs = 20_000;
const usualDelayMs = 4;

/** The ways between machines, which are numbered from 0. A machine reaches itself. */
export interface Ways {
  isOpen(from: number, to: number): boolean;
  /** Drawn for each message. */
  delayMs(from: number, to: number): number;
}

/** The network of some machines: ways are cut in one direction at a time, links are bad. */
export class Fabric implements Ways {
  readonly #clock: Clock;
  readonly #dice: Prng;
  readonly #size: number;
  readonly #cuts = new Set<string>();
  readonly #bad = new Map<number, { readonly lossChance: number; readonly maxDelayMs: number }>();

  constructor(options: { readonly clock: Clock; readonly dice: Prng; readonly size: number }) {
    this.#clock = options.clock;
    this.#dice = options.dice;
    this.#size = options.size;
  }

  isOpen(from: number, to: number): boolean {
    return from === to || !this.#cuts.has(`${from}>${to}`);
  }

  delayMs(from: number, to: number): number {
    return from === to ? 0 : this.#dice.fraction() * this.#worst(from, to).maxDelayMs;
  }

  /** Whether some way of the machine is cut. */
  isCut(machine: number): boolean {
    return [...this.#cuts].some((cut) => cut.split('>').includes(String(machine)));
  }

  cut(from: number, to: number): void {
    if (from !== to) this.#cuts.add(`${from}>${to}`);
  }

  /** From all others, out, in, or both. */
  cutOff(machine: number, how: { readonly out: boolean; readonly in: boolean }): void {
    for (let other = 0; other < this.#size; other += 1) {
      if (how.out) this.cut(machine, other);
      if (how.in) this.cut(other, machine);
    }
  }

  makeBad(machine: number, how: { readonly lossChance: number; readonly maxDelayMs: number }) {
    this.#bad.set(machine, how);
  }

  healAll(): void {
    this.#cuts.clear();
    this.#bad.clear();
  }

  /** What a stream between two machines is cut in: up is from the first to the second. */
  cutOf(one: number, other: number): { readonly up: boolean; readonly down: boolean } {
    const isCut = (from: number, to: number): boolean => !this.isOpen(from, to);
    return {
      get up() {
        return isCut(one, other);
      },
      get down() {
        return isCut(other, one);
      },
    };
  }

  modelOf(one: number, other: number): LinkModel {
    const worst = (): number => this.#worst(one, other).maxDelayMs;
    return {
      minimumDelayMs: 0,
      get maximumDelayMs() {
        return one === other ? 1 : worst();
      },
      breakChance: 0,
      windowMessages: 64,
    };
  }

  /** A datagram, which may be lost, be overtaken, or come twice: the copy perhaps long after. */
  carry(way: { readonly from: number; readonly to: number }, arrive: () => void): void {
    const { from, to } = way;
    const isLost = this.#dice.chance(this.#worst(from, to).lossChance);
    const delayMs = this.delayMs(from, to);
    const hasCopy = this.#dice.chance(copyChance);
    if (!this.isOpen(from, to)) return;
    if (hasCopy) void this.#clock.sleep(this.#dice.below(longestCopyMs)).then(() => arrive());
    if (isLost) return;
    void this.#clock.sleep(delayMs).then(() => {
      if (this.isOpen(from, to)) arrive();
    });
  }

  #worst(one: number, other: number) {
    const usual = { lossChance: 0, maxDelayMs: usualDelayMs };
    const [left, right] = [this.#bad.get(one) ?? usual, this.#bad.get(other) ?? usual];
    return left.maxDelayMs > right.maxDelayMs ? left : right;
  }
}

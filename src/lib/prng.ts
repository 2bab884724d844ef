/**
 * A seeded source of 32-bit numbers (sfc32, PractRand suite). The same seed gives the same numbers
 * on every machine; it is for simulation and tie-breaking, never for secrets.
 */
export class Prng {
  #a: number;
  #b: number;
  #c: number;
  #counter = 1;

  constructor(seed: number) {
    this.#a = seed >>> 0;
    this.#b = (seed ^ 0x9e3779b9) >>> 0;
    this.#c = 0x243f6a88;
    for (let round = 0; round < 12; round += 1) this.uint32();
  }

  /** The next number in 0 … 2³²−1. */
  uint32(): number {
    const result = (this.#a + this.#b + this.#counter) >>> 0;
    this.#counter = (this.#counter + 1) >>> 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) >>> 0;
    this.#c = ((this.#c << 21) | (this.#c >>> 11)) >>> 0;
    this.#c = (this.#c + result) >>> 0;
    return result;
  }

  /** A fraction in [0, 1). */
  fraction(): number {
    return this.uint32() / 2 ** 32;
  }

  /** An integer in 0 … limit−1. */
  below(limit: number): number {
    return Math.floor(this.fraction() * limit);
  }

  /** True with the given probability. */
  chance(probability: number): boolean {
    return this.fraction() < probability;
  }

  /** One of the items; there must be at least one. */
  pick<T>(items: readonly T[]): T {
    const item = items[this.below(items.length)];
    if (item === undefined) throw new Error('invariant broken: nothing to pick from');
    return item;
  }

  bytes(count: number): Uint8Array {
    return Uint8Array.from({ length: count }, () => this.uint32() & 0xff);
  }
}

import { randomFillSync } from 'node:crypto';
import type { Random } from '../host/random.ts';

/** Asked of the kernel at once: an id of 17 bytes alone would cost a call of two microseconds. */
const poolBytes = 4_096;
const fractionBytes = 6;

/** Cryptographic dice: fit for ids and for secrets. */
export class SystemRandom implements Random {
  readonly #pool = Buffer.alloc(poolBytes);
  #used = poolBytes;

  bytes(count: number): Uint8Array {
    if (count > poolBytes) return randomFillSync(Buffer.alloc(count));
    if (this.#used + count > poolBytes) {
      randomFillSync(this.#pool);
      this.#used = 0;
    }
    const drawn = this.#pool.subarray(this.#used, this.#used + count);
    const bytes = Uint8Array.from(drawn);
    // What was given away is nobody else's to find.
    drawn.fill(0);
    this.#used += count;
    return bytes;
  }

  fraction(): number {
    const bytes = Buffer.from(this.bytes(fractionBytes));
    return bytes.readUIntBE(0, fractionBytes) / 2 ** (8 * fractionBytes);
  }
}

import { randomBytes } from 'node:crypto';
import type { Random } from '../host/random.ts';

const fractionBytes = 6;

/** Cryptographic dice: fit for ids and for secrets. */
export class SystemRandom implements Random {
  bytes(count: number): Uint8Array {
    return randomBytes(count);
  }

  fraction(): number {
    return randomBytes(fractionBytes).readUIntBE(0, fractionBytes) / 2 ** (8 * fractionBytes);
  }
}

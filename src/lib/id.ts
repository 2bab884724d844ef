import { assert } from './assert.ts';
import { toBase36 } from './base36.ts';

const idLength = 25;
const idBytes = 17;

/**
 * A 25-character base-36 identifier made of 17 random bytes, the shape that Swarm gives its objects
 * (swarmkit identity/randomid.go), so that tools which look for it find it.
 */
export function newId(randomBytes: (count: number) => Uint8Array): string {
  const bytes = randomBytes(idBytes);
  assert(bytes.length === idBytes, `expected ${idBytes} random bytes`);
  return toBase36(bytes, idLength);
}

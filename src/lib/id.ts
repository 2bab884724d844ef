import { assert } from './assert.ts';

const idLength = 25;
const idBytes = 17;

/**
 * A 25-character base-36 identifier made of 17 random bytes, the shape that Swarm gives its objects
 * (swarmkit identity/randomid.go), so that tools which look for it find it.
 */
export function newId(randomBytes: (count: number) => Uint8Array): string {
  const bytes = randomBytes(idBytes);
  assert(bytes.length === idBytes, `expected ${idBytes} random bytes`);
  let value = 0n;
  for (const byte of bytes) value = (value << 8n) | BigInt(byte);
  return value.toString(36).padStart(idLength, '0').slice(-idLength);
}

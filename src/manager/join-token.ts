const digestLength = 50;
const secretLength = 25;

/*
 * Tokens look as Swarm's do: SWMTKN-1-<digest of the root certificate>-<secret>. There is no root
 * certificate yet, so the digest is random, made once for each cluster; it pins nothing.
 */

export function tokenDigest(randomBytes: (count: number) => Uint8Array): string {
  return base36(randomBytes(32), digestLength);
}

export function newJoinToken(digest: string, randomBytes: (count: number) => Uint8Array): string {
  return `SWMTKN-1-${digest}-${base36(randomBytes(16), secretLength)}`;
}

function base36(bytes: Uint8Array, length: number): string {
  let value = 0n;
  for (const byte of bytes) value = (value << 8n) | BigInt(byte);
  return value.toString(36).padStart(length, '0').slice(-length);
}

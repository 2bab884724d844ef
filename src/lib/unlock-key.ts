const prefix = 'SWMKEY-1-';
const keyBytes = 32;

/**
 * A new key that opens locked managers, in Swarm's form: 32 bytes in base64 without padding
 * (swarmkit manager/encryption).
 */
export function newUnlockKey(randomBytes: (count: number) => Uint8Array): string {
  const text = btoa(String.fromCharCode(...randomBytes(keyBytes)));
  return prefix + text.replace(/=+$/, '');
}

/** Undefined where the text is no such key. */
export function parseUnlockKey(text: string): Uint8Array | undefined {
  const [, digits] = /^SWMKEY-1-([A-Za-z0-9+/]{43})$/.exec(text.trim()) ?? [];
  if (digits === undefined) return undefined;
  return Uint8Array.from(atob(`${digits}=`), (character) => character.charCodeAt(0));
}

import { createHash } from 'node:crypto';

/** SHA-256 in hexadecimal: the name under which made things are kept. */
export function contentHash(content: string | Uint8Array): string {
  return createHash('sha256').update(content).digest('hex');
}

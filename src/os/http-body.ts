import type { Readable } from 'node:stream';
import { TuttiError } from '../lib/error.ts';

/**
 * Reads a whole body.
 * @throws TuttiError `resource-exhausted` with field `body` beyond `limitBytes`; what follows is
 *   not read.
 */
export async function readBody(source: Readable, limitBytes: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let sizeBytes = 0;
  for await (const chunk of source as AsyncIterable<Uint8Array>) {
    sizeBytes += chunk.byteLength;
    if (sizeBytes > limitBytes) {
      throw new TuttiError('resource-exhausted', `the body is larger than ${limitBytes} bytes`, {
        field: 'body',
        hint: 'Send less at once.',
      });
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, sizeBytes);
}

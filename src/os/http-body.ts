import type { IncomingMessage } from 'node:http';
import type { Duplex, Readable } from 'node:stream';
import { finished } from 'node:stream/promises';
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

const skipLimitBytes = 1024 * 1024;

/**
 * Lets a small body that nobody wanted arrive before its reply: a client that finds the connection
 * closed while it still writes never reads why. False where the rest stays unread.
 */
export async function skipBody(request: IncomingMessage): Promise<boolean> {
  if (request.complete || request.readableEnded) return true;
  const length = Number(request.headers['content-length'] ?? Number.NaN);
  const isSmall = length <= skipLimitBytes && request.headers.upgrade === undefined;
  if (!isSmall || request.destroyed) return false;
  try {
    request.resume();
    await finished(request);
    return true;
  } catch {
    // The client left; there is nobody to answer.
    return false;
  }
}

/**
 * Reads the body of an upgrade request: newer Node parses it like any other, older Node leaves it
 * on the socket, before the upgraded stream.
 */
export async function takeUpgradeBody(
  from: {
    readonly request: IncomingMessage;
    readonly socket: Duplex;
    /** What the client sent behind its headers. */
    readonly head: Buffer;
  },
  limitBytes: number,
): Promise<{ readonly body: Uint8Array; readonly rest: Uint8Array }> {
  const { request, socket, head } = from;
  const length = Number(request.headers['content-length'] ?? '0');
  if (!Number.isInteger(length) || length < 0 || length > limitBytes) {
    throw new TuttiError('invalid-argument', `Content-Length ${length} is not acceptable here`, {
      field: 'Content-Length',
    });
  }
  const parsed = await readBody(request, limitBytes);
  if (parsed.byteLength >= length) return { body: parsed, rest: head };
  let held = head;
  while (held.byteLength < length) {
    const chunk = (await readChunk(socket)) ?? missingBody();
    held = Buffer.concat([held, chunk]);
  }
  return { body: held.subarray(0, length), rest: held.subarray(length) };
}

function missingBody(): never {
  throw new TuttiError('cancelled', 'the client left before its request was complete');
}

function readChunk(socket: Duplex): Promise<Buffer | undefined> {
  const ready = socket.read() as Buffer | null;
  if (ready !== null) return Promise.resolve(ready);
  return new Promise((resolve) => {
    const settle = (): void => {
      socket.removeListener('readable', settle);
      socket.removeListener('close', settle);
      resolve((socket.read() as Buffer | null) ?? undefined);
    };
    socket.once('readable', settle);
    socket.once('close', settle);
  });
}

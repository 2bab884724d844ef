import type { Http2Stream } from 'node:http2';
import { constants } from 'node:http2';
import type { MessageStream } from '../host/transport.ts';
import { TuttiError } from '../lib/error.ts';
import { encodeMessage, NdjsonDecoder } from '../wire/ndjson.ts';

/**
 * Messages over one HTTP/2 stream. `parse` turns a decoded line into a message, into undefined for
 * one that is passed over, or throws `invalid-argument`, which then comes out of `incoming`.
 */
export function messageStream<Outgoing, Incoming>(
  stream: Http2Stream,
  parse: (value: unknown) => Incoming | undefined,
): MessageStream<Outgoing, Incoming> {
  let failure: Error | undefined;
  stream.on('error', (error: Error) => {
    failure = error;
  });
  let draining: Promise<void> | undefined;
  const drained = (): Promise<void> => {
    draining ??= new Promise<void>((resolve) => {
      const done = (): void => {
        draining = undefined;
        stream.off('drain', done).off('close', done);
        resolve();
      };
      stream.once('drain', done).once('close', done);
    });
    return draining;
  };
  return {
    async send(message) {
      if (stream.destroyed || stream.closed || stream.writableEnded) throw broken(failure);
      if (stream.write(encodeMessage(message))) return;
      await drained();
      if (stream.destroyed) throw broken(failure);
    },
    incoming: receive(stream, { parse, failure: () => failure }),
    close() {
      endSide(stream);
    },
  };
}

async function* receive<Incoming>(
  stream: Http2Stream,
  options: {
    readonly parse: (value: unknown) => Incoming | undefined;
    readonly failure: () => unknown;
  },
): AsyncGenerator<Incoming, void, undefined> {
  const decoder = new NdjsonDecoder();
  const chunks = stream.iterator({ destroyOnReturn: false })[Symbol.asyncIterator]();
  for (;;) {
    const next = await chunks.next().catch((error: unknown) => {
      throw broken(error);
    });
    if (next.done === true) break;
    for (const value of decoder.push(next.value as Uint8Array)) {
      const message = options.parse(value);
      if (message !== undefined) yield message;
    }
  }
  const cancelled = stream.rstCode !== undefined && stream.rstCode !== constants.NGHTTP2_NO_ERROR;
  if (cancelled || stream.aborted) throw broken(options.failure());
  endSide(stream);
  decoder.end();
}

/**
 * Says that no more comes from here. Whoever hears that answers with the same, and the stream is
 * over.
 */
export function endSide(stream: Http2Stream): void {
  if (!stream.writableEnded) stream.end();
  stream.resume();
}

function broken(cause: unknown): TuttiError {
  const detail = cause instanceof Error ? `: ${cause.message}` : '';
  return new TuttiError('unavailable', `the link to the other side broke${detail}`, { cause });
}

import { createReadStream, createWriteStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { type IncomingMessage, request } from 'node:http';
import { text } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import type { ImageTransfer } from '../host/playground-machine.ts';
import { TuttiError } from '../lib/error.ts';

/**
 * Writes images of a container engine into an archive, as `docker save` does.
 *
 * @throws TuttiError `not-found` for an image that the engine does not have, `unavailable` where no
 *   engine answers.
 */
export async function saveImages(tags: readonly string[], to: ImageTransfer): Promise<void> {
  for (const tag of tags) {
    const path = `/images/${encodeURIComponent(tag)}/json`;
    const found = await send(to, { method: 'GET', path });
    if (found.statusCode !== 200) throw await refusal(found);
    found.resume();
  }
  const names = tags.map((tag) => `names=${encodeURIComponent(tag)}`).join('&');
  const reply = await send(to, { method: 'GET', path: `/images/get?${names}` });
  if (reply.statusCode !== 200) throw await refusal(reply);
  await pipeline(reply, createWriteStream(to.archive), { signal: to.signal });
}

/**
 * Reads an archive into a container engine, as `docker load` does.
 *
 * @throws TuttiError `not-found` and `invalid-argument` for a file that is none.
 */
export async function loadImages(from: ImageTransfer): Promise<void> {
  const { size } = await statArchive(from.archive);
  const reply = await send(from, {
    method: 'POST',
    path: '/images/load?quiet=1',
    headers: { 'content-type': 'application/x-tar', 'content-length': String(size) },
    body: from.archive,
  });
  if (reply.statusCode !== 200) throw await refusal(reply);
  const said = await text(reply);
  // What goes wrong after the engine began to read is said in the stream, with status 200.
  const failed = /"error":"((?:[^"\\]|\\.)*)"/.exec(said)?.[1];
  if (failed !== undefined) throw new TuttiError('invalid-argument', `${from.archive}: ${failed}`);
}

/**
 * The size of a file that may be an archive.
 *
 * @throws TuttiError `not-found` where there is none.
 */
export async function statArchive(path: string): Promise<{ readonly size: number }> {
  const found = await stat(path).catch(() => undefined);
  if (found?.isFile() === true) return found;
  const why = found === undefined ? 'there is no such file' : 'it is no file';
  throw new TuttiError('not-found', `${path}: ${why}`);
}

interface Sent {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** A file. */
  readonly body?: string;
}

async function send(
  { socketPath, signal }: ImageTransfer,
  { method, path, headers = {}, body }: Sent,
): Promise<IncomingMessage> {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  const outgoing = request({ socketPath, method, path, headers, agent: false, signal }, resolve);
  outgoing.once('error', (error) =>
    reject(
      signal.aborted
        ? error
        : new TuttiError(
            'unavailable',
            `no container engine answers on ${socketPath}: ${error.message}`,
            { cause: error },
          ),
    ),
  );
  if (body === undefined) outgoing.end();
  else pipeline(createReadStream(body), outgoing).catch(reject);
  return await promise;
}

async function refusal(reply: IncomingMessage): Promise<TuttiError> {
  const said = await text(reply);
  const message = /"message":"((?:[^"\\]|\\.)*)"/.exec(said)?.[1] ?? said.trim();
  return new TuttiError(reply.statusCode === 404 ? 'not-found' : 'internal', message);
}

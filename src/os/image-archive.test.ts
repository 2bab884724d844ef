import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempDisposableSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { TuttiError } from '../lib/error.ts';
import { loadImages, saveImages } from './image-archive.ts';

interface Answer {
  readonly status: number;
  readonly body: string;
}

/** An engine that answers like this; gives what it was sent. */
async function withEngine(
  answer: (request: IncomingMessage, body: string) => Answer,
  use: (engine: { readonly socketPath: string; readonly archive: string }) => Promise<void>,
): Promise<void> {
  using scratch = mkdtempDisposableSync(join(tmpdir(), 'tutti-archive-'));
  const socketPath = join(scratch.path, 'engine.sock');
  const server = createServer((request, response) => {
    void text(request).then((body) => {
      const { status, body: said } = answer(request, body);
      response.writeHead(status).end(said);
    });
  });
  server.listen(socketPath);
  await once(server, 'listening');
  try {
    await use({ socketPath, archive: join(scratch.path, 'images.tar') });
  } finally {
    server.close();
  }
}

const { signal } = new AbortController();

test('images of one engine arrive in another as they are', async () => {
  const got: string[] = [];
  await withEngine(
    ({ url = '' }, body) => {
      got.push(`${url} ${body}`);
      return { status: 200, body: url.startsWith('/images/get') ? 'archive' : '{}' };
    },
    async (engine) => {
      await saveImages(['a/b:1', 'c'], { ...engine, signal });
      assert.equal(readFileSync(engine.archive, 'utf8'), 'archive');
      await loadImages({ ...engine, signal });
    },
  );
  assert.deepEqual(got, [
    '/images/a%2Fb%3A1/json ',
    '/images/c/json ',
    '/images/get?names=a%2Fb%3A1&names=c ',
    '/images/load?quiet=1 archive',
  ]);
});

test('an image that is not there is named, as the engine names it', async () => {
  await withEngine(
    () => ({ status: 404, body: '{"message":"No such image: c:latest"}' }),
    async (engine) => {
      await assert.rejects(
        saveImages(['c'], { ...engine, signal }),
        (error) =>
          error instanceof TuttiError &&
          error.code === 'not-found' &&
          /No such/.test(error.message),
      );
    },
  );
});

test('what an engine says late of an archive is heard', async () => {
  await withEngine(
    () => ({ status: 200, body: '{"stream":"x"}\n{"error":"unexpected EOF","errorDetail":{}}' }),
    async (engine) => {
      writeFileSync(engine.archive, 'no archive');
      await assert.rejects(loadImages({ ...engine, signal }), /images\.tar: unexpected EOF/);
    },
  );
});

test('no file and no engine are told apart', async () => {
  const nobody = { socketPath: '/nowhere.sock', signal };
  await assert.rejects(loadImages({ ...nobody, archive: '/nowhere.tar' }), /there is no such file/);
  await assert.rejects(loadImages({ ...nobody, archive: '/tmp' }), /it is no file/);
  await assert.rejects(
    saveImages(['c'], { ...nobody, archive: '/nowhere.tar' }),
    /no container engine answers on \/nowhere\.sock/,
  );
});

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { test } from 'node:test';
import { connectEngine } from './engine-api.ts';

interface PlannedReply {
  readonly status: number;
  readonly body: string;
}

/** An engine that answers as planned; a request that nobody planned gets a 500. */
async function startEngine(replies: Readonly<Record<string, PlannedReply>>) {
  const directory = mkdtempSync(join(tmpdir(), 'tutti-engine-'));
  const bodies: string[] = [];
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk) => {
      body += String(chunk);
    });
    request.once('end', () => {
      bodies.push(body);
      const reply = replies[`${request.method} ${request.url}`];
      response.writeHead(reply?.status ?? 500).end(reply?.body ?? 'unplanned');
    });
  });
  const socket = join(directory, 'engine.sock');
  await new Promise<void>((resolve) => {
    server.listen(socket, resolve);
  });
  return {
    bodies,
    engine: connectEngine(`unix://${socket}`),
    [Symbol.dispose]: () => {
      server.close();
      rmSync(directory, { recursive: true });
    },
  };
}

test('an image is found with its labels, also when it has none', async () => {
  using fake = await startEngine({
    'GET /images/app:1/json': {
      status: 200,
      body: '{"Id":"sha256:1","Config":{"Labels":{"a":"b"}}}',
    },
    'GET /images/app:2/json': { status: 200, body: '{"Id":"sha256:2","Config":{"Labels":null}}' },
    'GET /images/app:3/json': { status: 404, body: '{"message":"no such image"}' },
  });
  assert.deepEqual(await fake.engine.findImage('app:1'), { id: 'sha256:1', labels: { a: 'b' } });
  assert.deepEqual(await fake.engine.findImage('app:2'), { id: 'sha256:2', labels: {} });
  assert.equal(await fake.engine.findImage('app:3'), undefined);
  await assert.rejects(fake.engine.findImage('app:4'), /answered 500 to GET .*: unplanned/);
});

test('an archive is sent whole', async () => {
  using fake = await startEngine({
    'POST /images/load?quiet=1': { status: 200, body: '{"stream":"Loaded image: app:1"}' },
  });
  await fake.engine.loadImages(Readable.from(['one ', 'two']));
  assert.deepEqual(fake.bodies, ['one two']);
});

test('a failure that comes after the status is a failure', async () => {
  using fake = await startEngine({
    'POST /images/load?quiet=1': { status: 200, body: '{"stream":"a"}\n{"error":"no space left"}' },
  });
  await assert.rejects(fake.engine.loadImages(Readable.from(['x'])), /no space left/);
});

test('what became of a removal is told', async () => {
  using fake = await startEngine({
    'DELETE /images/app:1': { status: 200, body: '[]' },
    'DELETE /images/app:2': { status: 404, body: '{}' },
    'DELETE /images/app:3': { status: 409, body: '{}' },
  });
  assert.equal(await fake.engine.removeImage('app:1'), 'removed');
  assert.equal(await fake.engine.removeImage('app:2'), 'not-there');
  assert.equal(await fake.engine.removeImage('app:3'), 'in-use');
});

test('an engine that is not there is named', async () => {
  const engine = connectEngine('/nowhere/engine.sock');
  await assert.rejects(engine.findImage('app:1'), /at \/nowhere\/engine\.sock does not answer/);
});

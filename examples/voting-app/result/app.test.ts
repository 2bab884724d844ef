import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Reply } from '../shared/reply.ts';
import { createResultApp } from './app.ts';
import type { ResultAppOptions } from './app.ts';

function start(changes: Partial<ResultAppOptions> = {}) {
  const tally = { a: 2_000, b: 1_000, total: 3_000 };
  const handler = createResultApp({
    settings: { port: 80, optionA: 'Tea', optionB: 'Coffee', version: '1' },
    hostName: 'f00d',
    readTally: async () => tally,
    live: { watch: (listener) => listener(tally) },
    isReady: () => true,
    ...changes,
  });
  return async (path: string, method = 'GET'): Promise<Reply> =>
    handler({ method, path, body: '', cookie: '' });
}

function asBody(reply: Reply): Extract<Reply, { kind: 'body' }> {
  assert.equal(reply.kind, 'body');
  return reply;
}

test('the page shows shares and counts before any script runs', async () => {
  const { body } = asBody(await start()('/'));
  for (const part of [
    '66.7 %',
    '33.3 %',
    '2,000 votes',
    '1,000 votes',
    '3,000 votes',
    'width="66.667%"',
  ]) {
    assert.ok(body.includes(part), part);
  }
});

test('programs get the bare numbers', async () => {
  const reply = asBody(await start()('/api/results'));
  assert.deepEqual(JSON.parse(reply.body), { a: 2_000, b: 1_000, total: 3_000 });
});

test('the stream of events begins with the current numbers', async () => {
  const reply = await start()('/api/events');
  assert.equal(reply.kind, 'events');
  const sent: string[] = [];
  reply.open((data) => sent.push(data), new AbortController().signal);
  assert.deepEqual(sent, ['{"a":2000,"b":1000,"total":3000}']);
});

test('a database that is away is a 503 and not a page of zeros', async () => {
  const get = start({ readTally: () => Promise.reject(new Error('away')) });
  assert.equal(asBody(await get('/')).status, 503);
  assert.equal(asBody(await get('/api/results')).status, 503);
});

test('health waits for the database', async () => {
  assert.equal(asBody(await start({ isReady: () => false })('/healthz')).status, 503);
  assert.equal(asBody(await start()('/healthz')).status, 200);
});

test('other methods and paths are told so', async () => {
  assert.equal(asBody(await start()('/', 'POST')).status, 405);
  assert.equal(asBody(await start()('/nowhere')).status, 404);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Reply } from '../shared/reply.ts';
import type { Vote } from '../shared/vote.ts';
import { createVoteApp } from './app.ts';
import type { VoteAppOptions } from './app.ts';

function start(changes: Partial<VoteAppOptions> = {}) {
  const cast: Vote[] = [];
  const handler = createVoteApp({
    settings: { port: 80, optionA: 'Tea', optionB: '<Coffee>', version: '7' },
    hostName: 'f00d',
    castVote: async (vote) => {
      cast.push(vote);
    },
    isReady: () => true,
    nowMs: () => 1_234,
    newVoterId: () => 'fresh',
    ...changes,
  });
  const send = async (
    method: string,
    path: string,
    extra: { body?: string; cookie?: string } = {},
  ) => asBody(await handler({ method, path, body: '', cookie: '', ...extra }));
  return { cast, send };
}

function asBody(reply: Reply): Extract<Reply, { kind: 'body' }> {
  assert.equal(reply.kind, 'body');
  return reply;
}

test('the page shows both options, the container and the version, all escaped', async () => {
  const { body, headers } = await start().send('GET', '/');
  for (const part of ['Tea', '&#60;Coffee&#62;', 'f00d', '<code>7</code>']) {
    assert.ok(body.includes(part), part);
  }
  assert.ok(!body.includes('<Coffee>'));
  assert.match(headers['content-security-policy'] ?? '', /default-src 'none'/);
});

test('a first vote gets a voter id, and the page says what was chosen', async () => {
  const { cast, send } = start();
  const reply = await send('POST', '/', { body: 'vote=a' });
  assert.equal(reply.status, 200);
  assert.deepEqual(cast, [{ voterId: 'fresh', choice: 'a', castAtMs: 1_234 }]);
  assert.match(reply.headers['set-cookie'] ?? '', /^voter_id=fresh;/);
  assert.match(reply.body, /value="a"\s+aria-pressed="true"/);
  assert.match(reply.body, /value="b"\s+aria-pressed="false"/);
});

test('a second vote is of the same voter', async () => {
  const { cast, send } = start();
  await send('POST', '/', { body: 'vote=b', cookie: 'voter_id=known' });
  assert.equal(cast[0]?.voterId, 'known');
});

test('a vote is answered only after the queue has it', async () => {
  const stored = Promise.withResolvers<void>();
  const { send } = start({ castVote: () => stored.promise });
  let answered = false;
  const reply = send('POST', '/', { body: 'vote=a' }).then((value) => {
    answered = true;
    return value;
  });
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(answered, false);
  stored.resolve();
  assert.equal((await reply).status, 200);
});

test('a vote that the queue did not take is refused, with a cookie for the next try', async () => {
  const { send } = start({ castVote: () => Promise.reject(new Error('no queue')) });
  const reply = await send('POST', '/', { body: 'vote=a' });
  assert.equal(reply.status, 503);
  assert.match(reply.headers['set-cookie'] ?? '', /^voter_id=fresh;/);
});

test('nothing is cast by a form without a choice', async () => {
  const { cast, send } = start();
  const reply = await send('POST', '/', { body: 'vote=c' });
  assert.equal(reply.status, 400);
  assert.deepEqual(cast, []);
});

test('health waits for the queue', async () => {
  assert.equal((await start({ isReady: () => false }).send('GET', '/healthz')).status, 503);
  assert.equal((await start().send('GET', '/healthz')).status, 200);
});

test('other methods and paths are told so', async () => {
  const { send } = start();
  assert.equal((await send('DELETE', '/')).status, 405);
  assert.equal((await send('GET', '/nowhere')).status, 404);
});

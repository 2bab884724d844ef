import assert from 'node:assert/strict';
import { test } from 'node:test';
import { castVotes, describeReport } from './cast-votes.ts';
import { startServer } from './shared/graceful-server.ts';
import { textReply } from './shared/reply.ts';
import type { Handler } from './shared/reply.ts';

async function castAgainst(handler: Handler, votes: number, onVote?: (count: number) => void) {
  const server = await startServer({ port: 0, handler, drain: { quietMs: 0, limitMs: 0 } });
  try {
    const url = `http://127.0.0.1:${server.port}/`;
    return await castVotes({ url, votes, concurrency: 10, ...(onVote && { onVote }) });
  } finally {
    await server.stop();
  }
}

test('each vote is one request, two of three for a', async () => {
  const forms: string[] = [];
  const report = await castAgainst(async ({ body }) => {
    forms.push(body);
    return textReply(200, 'thanks');
  }, 30);
  assert.deepEqual(report.cast, { a: 20, b: 10, total: 30 });
  assert.equal(forms.filter((form) => form === 'vote=a').length, 20);
  assert.equal(forms.filter((form) => form === 'vote=b').length, 10);
  assert.equal(
    [...report.servedBy.values()].reduce((sum, count) => sum + count),
    30,
  );
});

test('a refused vote is a failure with its reason, and is not tried again', async () => {
  let requests = 0;
  const report = await castAgainst(async () => {
    requests += 1;
    return requests === 3 ? textReply(503, 'not now') : textReply(200, 'thanks');
  }, 9);
  assert.equal(requests, 9);
  assert.equal(report.cast.total, 8);
  assert.deepEqual(
    report.failures.map(({ reason }) => reason),
    ['status 503: not now'],
  );
  assert.match(describeReport(report), /1 failed\n {2}1 × status 503: not now/);
});

test('a server that is not there fails each vote', async () => {
  const report = await castVotes({ url: 'http://127.0.0.1:1/', votes: 4, concurrency: 2 });
  assert.equal(report.failures.length, 4);
  assert.equal(report.cast.total, 0);
});

test('others hear how far it is', async () => {
  const heard: number[] = [];
  await castAgainst(
    async () => textReply(200, 'thanks'),
    3,
    (count) => heard.push(count),
  );
  assert.deepEqual(heard, [1, 2, 3]);
});

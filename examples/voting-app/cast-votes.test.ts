import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
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

test('a voter on a slow line sends the head first, and the body later', async () => {
  const wasWhole: boolean[] = [];
  const listener = createServer((request, response) => {
    setImmediate(() => wasWhole.push(request.complete));
    void text(request).then((body) => response.end(body));
  });
  listener.listen(0);
  await once(listener, 'listening');
  const { port } = listener.address() as AddressInfo;
  const url = `http://127.0.0.1:${port}/`;
  const report = await castVotes({ url, votes: 3, concurrency: 3, bodyDelayMs: 100 });
  listener.close();
  assert.deepEqual(report.failures, []);
  assert.deepEqual(wasWhole, [false, false, false]);
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

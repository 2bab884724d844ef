import assert from 'node:assert/strict';
import { Agent, request } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import { test } from 'node:test';
import { startServer } from './graceful-server.ts';
import type { GracefulServer } from './graceful-server.ts';
import { textReply } from './reply.ts';
import type { Handler } from './reply.ts';

const drain = { quietMs: 0, limitMs: 0 };

async function get(port: number, options: { agent?: Agent; body?: string } = {}) {
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    const outgoing = request({ port, method: 'POST', ...options }, resolve);
    outgoing.once('error', reject);
    outgoing.end(options.body ?? '');
  });
  let body = '';
  for await (const chunk of response) body += String(chunk);
  return { status: response.statusCode, headers: response.headers, body };
}

function start(handler: Handler): Promise<GracefulServer> {
  return startServer({ port: 0, handler, drain });
}

test('a request that is under way when the server stops is answered', async () => {
  const arrived = Promise.withResolvers<void>();
  const release = Promise.withResolvers<void>();
  const server = await start(async () => {
    arrived.resolve();
    await release.promise;
    return textReply(200, 'done');
  });
  const reply = get(server.port);
  await arrived.promise;
  const stopped = server.stop();
  release.resolve();
  assert.equal((await reply).body, 'done\n');
  assert.equal((await reply).headers.connection, 'close');
  await stopped;
});

test('an idle kept connection does not hold the server up', async () => {
  const server = await start(async () => textReply(200, 'done'));
  const agent = new Agent({ keepAlive: true });
  await get(server.port, { agent });
  await server.stop();
  await assert.rejects(get(server.port), /ECONNREFUSED/);
  agent.destroy();
});

test('connections are still taken while the server drains', async () => {
  const server = await startServer({
    port: 0,
    handler: async () => textReply(200, 'done'),
    drain: { quietMs: 200, limitMs: 10_000 },
  });
  const stopped = server.stop();
  assert.equal((await get(server.port)).status, 200);
  await stopped;
});

test('a stream of events ends when the server stops, and its source is told', async () => {
  const closed = Promise.withResolvers<void>();
  const server = await start(async () => ({
    kind: 'events',
    open: (send, signal) => {
      send('{"a":1}');
      signal.addEventListener('abort', () => closed.resolve());
    },
  }));
  const socket = connect(server.port);
  socket.write('GET / HTTP/1.1\r\nhost: x\r\n\r\n');
  let received = '';
  const ended = new Promise<void>((resolve) => {
    socket.once('close', () => resolve());
  });
  const gotEvent = new Promise<void>((resolve) => {
    socket.on('data', (chunk) => {
      received += String(chunk);
      if (received.includes('data: {"a":1}')) resolve();
    });
  });
  await gotEvent;
  await server.stop();
  await Promise.all([closed.promise, ended]);
  assert.match(received, /text\/event-stream/);
});

test('a body beyond the limit is refused without being read', async () => {
  let handled = 0;
  const server = await start(async () => {
    handled += 1;
    return textReply(200, 'done');
  });
  const reply = await get(server.port, { body: 'x'.repeat(5_000) });
  assert.equal(reply.status, 413);
  assert.equal(handled, 0);
  await server.stop();
});

test('a handler that throws is a 500 that tells nothing of the inside', async () => {
  const server = await start(() => Promise.reject(new Error('the secret is 42')));
  const reply = await get(server.port);
  assert.equal(reply.status, 500);
  assert.doesNotMatch(reply.body, /42/);
  await server.stop();
});

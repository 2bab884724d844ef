import assert from 'node:assert/strict';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { connect as connectHttp2 } from 'node:http2';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Logger } from '../host/logger.ts';
import type { ManagerTransportHandler, MessageStream } from '../host/transport.ts';
import type { AgentMessage, LogMessage, ManagerMessage } from '../wire/messages.ts';
import { type SessionServer, serveSessions, sessionClient } from './session-transport.ts';

const silent: Logger = { debug() {}, info() {}, warn() {}, error() {} };
const beat: AgentMessage & ManagerMessage = { kind: 'beat', sentAt: 1 };
const never = new AbortController().signal;

async function withServer(
  handler: Partial<ManagerTransportHandler>,
  check: (socketPath: string, server: SessionServer) => Promise<void>,
): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'tutti-session-'));
  const socketPath = join(directory, 'session.sock');
  const whole: ManagerTransportHandler = {
    async onSession() {},
    async onLogs() {},
    ...handler,
  };
  const server = await serveSessions({ socketPath, handler: whole, logger: silent });
  try {
    await check(socketPath, server);
  } finally {
    await server.close();
    await rm(directory, { recursive: true });
  }
}

async function collect<T>(messages: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const message of messages) all.push(message);
  return all;
}

test('both sides of a session hear each other, and its end', async () => {
  const heard: AgentMessage[] = [];
  const handler = {
    async onSession(session: MessageStream<ManagerMessage, AgentMessage>): Promise<void> {
      for await (const message of session.incoming) {
        heard.push(message);
        await session.send({ kind: 'beat', sentAt: 2 });
        if (heard.length === 2) return;
      }
    },
  };
  await withServer(handler, async (socketPath) => {
    const session = await sessionClient({ socketPath }).openSession(never);
    await session.send(beat);
    await session.send(beat);
    const answers = await collect(session.incoming);
    assert.equal(answers.length, 2);
    assert.deepEqual(heard, [beat, beat]);
  });
});

test('an agent that closes its session ends it for the manager without an error', async () => {
  const ended = Promise.withResolvers<number>();
  const handler = {
    async onSession(session: MessageStream<ManagerMessage, AgentMessage>): Promise<void> {
      ended.resolve((await collect(session.incoming)).length);
    },
  };
  await withServer(handler, async (socketPath) => {
    const session = await sessionClient({ socketPath }).openSession(never);
    await session.send(beat);
    session.close();
    assert.equal(await ended.promise, 1);
  });
});

test('a sender waits for a receiver that does not read, and nothing is lost', async () => {
  const start = Promise.withResolvers<void>();
  const received = Promise.withResolvers<number>();
  const handler = {
    async onLogs(_: string, stream: MessageStream<never, LogMessage>): Promise<void> {
      await start.promise;
      received.resolve((await collect(stream.incoming)).length);
    },
  };
  await withServer(handler, async (socketPath) => {
    const stream = await sessionClient({ socketPath }).openLogs('one', never);
    const data = 'x'.repeat(64 * 1024);
    const frame: LogMessage = { kind: 'frame', frame: { stream: 'stdout', timestamp: '', data } };
    let sent = 0;
    const sending = (async () => {
      for (; sent < 200; sent += 1) await stream.send(frame);
      stream.close();
    })();
    await new Promise<void>((resolve) => {
      const look = (before: number): void => {
        if (sent > 0 && sent === before) resolve();
        else setImmediate(() => setImmediate(look, sent));
      };
      look(-1);
    });
    assert.ok(sent < 200, `all ${sent} messages of 64 KiB were taken by nobody`);
    start.resolve();
    await sending;
    assert.equal(await received.promise, 200);
  });
});

test('a whole node view of a large cluster passes in one message', async () => {
  const data = 'x'.repeat(1024 * 1024);
  const changes = Array.from({ length: 32 }, (_, index) => ({
    put: 'data' as const,
    value: { id: String(index), kind: 'config' as const, data },
  }));
  const handler = {
    async onSession(session: MessageStream<ManagerMessage, AgentMessage>): Promise<void> {
      await session.send({ kind: 'assign', clusterId: 'c', sequence: 1, full: true, changes });
      await collect(session.incoming);
    },
  };
  await withServer(handler, async (socketPath) => {
    const client = sessionClient({ socketPath });
    const session = await client.openSession(never);
    const logs = await client.openLogs('one', never);
    await logs.send({ kind: 'failed', message: 'beside it' });
    const messages = session.incoming[Symbol.asyncIterator]();
    const first = await messages.next();
    assert.equal(first.done !== true && first.value.kind === 'assign', true);
    session.close();
  });
});

test('a slow log stream does not hold up the session beside it', async () => {
  const handler: Partial<ManagerTransportHandler> = {
    async onSession(session) {
      for await (const message of session.incoming) {
        assert.equal(message.kind, 'beat');
        await session.send(beat);
      }
    },
    async onLogs() {
      await new Promise(() => {});
    },
  };
  await withServer(handler, async (socketPath) => {
    const client = sessionClient({ socketPath });
    const session = await client.openSession(never);
    const stop = new AbortController();
    const logs = await client.openLogs('one', stop.signal);
    const data = 'x'.repeat(1024 * 1024);
    const stuck = Promise.allSettled(
      Array.from({ length: 8 }, async () => {
        await logs.send({ kind: 'frame', frame: { stream: 'stdout', timestamp: '', data } });
      }),
    );
    await session.send(beat);
    const answers = session.incoming[Symbol.asyncIterator]();
    const answer = await answers.next();
    assert.equal(answer.done === true ? undefined : answer.value.kind, 'beat');
    stop.abort();
    await stuck;
    session.close();
  });
});

test('a manager that dies, or is not there, is reported as unavailable', async () => {
  await withServer({ onSession: async () => await new Promise(() => {}) }, async (path, server) => {
    const client = sessionClient({ socketPath: path });
    const session = await client.openSession(never);
    await server.close();
    await assert.rejects(collect(session.incoming), { code: 'unavailable' });
    await assert.rejects(session.send(beat), { code: 'unavailable' });
    await assert.rejects(client.openSession(never), { code: 'unavailable' });
  });
});

test('what is no message ends the stream with an error for its reader', async () => {
  const outcome = Promise.withResolvers<unknown>();
  const handler = {
    async onSession(session: MessageStream<ManagerMessage, AgentMessage>): Promise<void> {
      await collect(session.incoming).catch(outcome.resolve);
    },
  };
  await withServer(handler, async (socketPath) => {
    const connection = connectHttp2('http://x', { createConnection: () => connect(socketPath) });
    const stream = connection.request({ ':method': 'POST', ':path': '/session' });
    stream.write('{"kind":"hello","nodeId":""}\n');
    const error = (await outcome.promise) as Error;
    assert.match(error.message, /nodeId of a message of kind hello/);
    connection.destroy();
  });
});

test('the socket belongs to its owner alone, and other paths are unknown', async () => {
  await withServer({}, async (socketPath) => {
    assert.equal((await stat(socketPath)).mode & 0o777, 0o600);
    const connection = connectHttp2('http://x', { createConnection: () => connect(socketPath) });
    const stream = connection.request({ ':path': '/elsewhere' });
    const status = await new Promise((resolve) => {
      stream.once('response', (headers) => resolve(headers[':status']));
    });
    assert.equal(status, 404);
    connection.destroy();
  });
});

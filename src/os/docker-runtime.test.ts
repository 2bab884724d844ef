import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempDisposableSync } from 'node:fs';
import { createServer, type IncomingMessage } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { json } from 'node:stream/consumers';
import { test } from 'node:test';
import type { Clock } from '../host/clock.ts';
import { DockerRuntime } from './docker-runtime.ts';

const { signal } = new AbortController();

/** Networks of an engine, as it keeps them: what it has on one, by what it lists it. */
class KeptNetwork {
  readonly said: string[] = [];
  endpoints: Readonly<Record<string, { readonly Name: string }>>;
  exists = true;

  constructor(endpoints: KeptNetwork['endpoints']) {
    this.endpoints = endpoints;
  }

  async answer(request: IncomingMessage): Promise<readonly [status: number, body: unknown]> {
    const path = (request.url ?? '').replace(/^\/v[\d.]+/, '');
    if (request.method === 'GET') return [200, { Containers: this.endpoints }];
    if (request.method === 'DELETE') {
      if (Object.keys(this.endpoints).length > 0) return [403, { message: 'has active endpoints' }];
      this.exists = false;
      return [204, ''];
    }
    const { Container } = (await json(request)) as { readonly Container: string };
    this.said.push(`${path} ${Container}`);
    this.endpoints = Object.fromEntries(
      Object.entries(this.endpoints).filter(([, { Name }]) => Name !== Container),
    );
    return [200, ''];
  }
}

async function removeFrom(network: KeptNetwork, meanwhile: () => void = () => {}): Promise<void> {
  using scratch = mkdtempDisposableSync(join(tmpdir(), 'tutti-engine-'));
  const socketPath = join(scratch.path, 'engine.sock');
  const server = createServer((request, response) => {
    void network.answer(request).then(([status, body]) => {
      response.writeHead(status).end(body === '' ? undefined : JSON.stringify(body));
    });
  });
  server.listen(socketPath);
  await once(server, 'listening');
  const clock: Clock = {
    now: () => 0,
    sleep: async () => meanwhile(),
    turn: async () => {},
  };
  const runtime = new DockerRuntime({ socketPath, clock });
  try {
    await runtime.removeNetwork('net', signal);
  } finally {
    runtime.close();
    server.close();
  }
}

test('a network goes with the endpoints whose containers are gone', async () => {
  const network = new KeptNetwork({ 'ep-1': { Name: 'web.1' }, 'ep-2': { Name: 'web.2' } });
  await removeFrom(network);
  assert.equal(network.exists, false);
  assert.deepEqual(network.said, [
    '/networks/net/disconnect web.1',
    '/networks/net/disconnect web.2',
  ]);
});

test('a network stays as long as a container is on it', async () => {
  const network = new KeptNetwork({ c1: { Name: 'web.1' } });
  await assert.rejects(removeFrom(network), /has active endpoints/);
  assert.deepEqual(network.said, []);
});

test('an endpoint whose container was just starting is left alone', async () => {
  const network = new KeptNetwork({ 'ep-1': { Name: 'web.1' } });
  const start = (): void => {
    network.endpoints = { c1: { Name: 'web.1' } };
  };
  await assert.rejects(removeFrom(network, start), /has active endpoints/);
  assert.deepEqual(network.said, []);
  assert.equal(network.exists, true);
});

test('an event says what a container died of, and only then', async () => {
  using scratch = mkdtempDisposableSync(join(tmpdir(), 'tutti-engine-'));
  const socketPath = join(scratch.path, 'engine.sock');
  const labels = { 'dev.tutti.task.id': 't1' };
  const server = createServer((_request, response) => {
    for (const [Action, attributes] of [
      ['kill', { signal: '9' }],
      ['die', { exitCode: '137' }],
    ] as const) {
      const Actor = { ID: 'c1', Attributes: { ...labels, ...attributes } };
      response.write(`${JSON.stringify({ Type: 'container', Action, Actor })}\n`);
    }
  });
  server.listen(socketPath);
  await once(server, 'listening');
  const clock: Clock = { now: () => 0, sleep: async () => {}, turn: async () => {} };
  const runtime = new DockerRuntime({ socketPath, clock });
  const stop = new AbortController();
  const heard: (number | undefined)[] = [];
  for await (const event of runtime.events(stop.signal)) {
    if (event.kind !== 'container') continue;
    heard.push(event.exitCode);
    if (heard.length === 2) break;
  }
  assert.deepEqual(heard, [undefined, 137]);
  runtime.close();
  server.closeAllConnections();
  server.close();
});

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server } from 'node:net';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { ProxyPortListeners } from './port-listeners.ts';

const address = '127.0.0.1';

async function freePort(): Promise<number> {
  const server = createServer().listen(0, address);
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  await close(server);
  return port;
}

async function close(server: Server): Promise<void> {
  server.close();
  await once(server, 'close');
}

async function call(port: number) {
  const client = connect(port, address);
  await once(client, 'connect');
  return client;
}

test('who calls while no back end listens yet is led to one that comes to listen', async () => {
  const [port, backEndPort] = [await freePort(), await freePort()];
  const listeners = new ProxyPortListeners();
  const backEnds = [{ address, port: backEndPort }];
  assert.deepEqual(await listeners.apply([{ protocol: 'tcp', port, backEnds }]), []);
  const early = await call(port);
  const answer = text(early);
  // Whoever comes later finds the back end refusing, and so did the first one.
  for (const late of [await call(port), await call(port), await call(port)]) late.destroy();
  const backEnd = createServer((socket) => socket.end('welcome')).listen(backEndPort, address);
  assert.equal(await answer, 'welcome');
  await listeners.apply([]);
  await close(backEnd);
});

test('who calls where there is no back end is refused at once', async () => {
  const port = await freePort();
  const listeners = new ProxyPortListeners();
  await listeners.apply([{ protocol: 'tcp', port, backEnds: [] }]);
  await assert.rejects(text(connect(port, address)), { code: 'ECONNRESET' });
  await listeners.apply([]);
});

test('a port that is chosen is free, and none is chosen twice', async () => {
  const listeners = new ProxyPortListeners();
  const chosen = [
    await listeners.choose('tcp'),
    await listeners.choose('udp'),
    await listeners.choose('tcp'),
  ];
  assert.equal(new Set(chosen).size, chosen.length);
  const forwards = chosen.map((port) => ({ protocol: 'tcp', port, backEnds: [] }) as const);
  assert.deepEqual(await listeners.apply(forwards), []);
  await listeners.apply([]);
});

test('a port goes from one holder to the next, and no call is refused meanwhile', async () => {
  const [port, backEndPort] = [await freePort(), await freePort()];
  const backEnd = createServer((socket) => socket.end('welcome')).listen(backEndPort, address);
  const forwards = [{ protocol: 'tcp', port, backEnds: [{ address, port: backEndPort }] }] as const;
  const before = new ProxyPortListeners();
  assert.deepEqual(await before.apply(forwards), []);
  assert.equal(await text(await call(port)), 'welcome');
  const stranger = new ProxyPortListeners();
  const [refused] = await stranger.apply(forwards);
  assert.match(refused?.message ?? '', /is taken by/, 'who was not told shares nothing');
  const next = new ProxyPortListeners({ isShared: () => true });
  assert.deepEqual(await next.apply(forwards), []);
  await before.handOver(1_000);
  for (let calls = 0; calls < 5; calls += 1) assert.equal(await text(await call(port)), 'welcome');
  assert.deepEqual(await before.apply([]), [], 'what was handed over is not touched any more');
  assert.equal(await text(await call(port)), 'welcome');
  await next.apply([]);
  await close(backEnd);
});

import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { test } from 'node:test';
import type { Logger } from '../host/logger.ts';
import type { LifeAccess } from '../model/life.ts';
import { UdpLifeReceiver, UdpLifeTransport } from './life-datagrams.ts';

const quiet: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
};
const host = '127.0.0.1';

async function freePort(): Promise<number> {
  const socket = createSocket('udp4').bind(0, host);
  await once(socket, 'listening');
  const { port } = socket.address();
  socket.close();
  return port;
}

/** A receiver, and what it heard. */
async function listening(): Promise<{
  readonly receiver: UdpLifeReceiver;
  readonly port: number;
  readonly heard: string[];
  readonly admit: (nodeId: string) => LifeAccess;
}> {
  const heard: string[] = [];
  const receiver = new UdpLifeReceiver(quiet).tell((nodeId) => heard.push(nodeId));
  const port = await freePort();
  await receiver.bind({ host, port });
  const admit = (nodeId: string): LifeAccess => {
    const access = receiver.admit(nodeId);
    assert.ok(access);
    return access;
  };
  return { receiver, port, heard, admit };
}

/** Sends the numbers one after the other, each when the one before was answered. */
async function say(
  access: LifeAccess,
  to: { readonly port: number; readonly numbers: readonly number[] },
): Promise<void> {
  for (const number of to.numbers) {
    const { promise, resolve } = Promise.withResolvers<number>();
    const sender = new UdpLifeTransport(() => ({ host, port: to.port })).open(access, resolve);
    sender?.send(number, 'alive');
    assert.equal(await promise, number);
    sender?.close();
  }
}

test('signs of life are heard and answered', async () => {
  const { receiver, port, heard, admit } = await listening();
  await say(admit('a'), { port, numbers: [1, 2, 2 ** 40] });
  await say(admit('b'), { port, numbers: [1] });
  assert.deepEqual(heard, ['a', 'a', 'a', 'b']);
  await receiver.close();
});

test('what is forged, cut, said again or signed with an old key counts for nothing', async () => {
  const { receiver, port, heard, admit } = await listening();
  const old = admit('a');
  const access = admit('a');
  await say(access, { port, numbers: [5] });
  const socket = createSocket('udp4');
  const ways = new UdpLifeTransport(() => ({ host, port }));
  const send = (by: LifeAccess, number: number): void => {
    const sender = ways.open(by, () => assert.fail('it was answered'));
    sender?.send(number, 'alive');
    setImmediate(() => sender?.close());
  };
  send(old, 6);
  send(access, 5);
  send(access, 4);
  send({ ...access, key: Buffer.alloc(32).toString('base64') }, 7);
  send({ ...access, keyId: (access.keyId + 1) % 2 ** 32 }, 8);
  socket.send(Buffer.alloc(29, 1), port, host);
  socket.send(Buffer.alloc(3), port, host);
  // Datagrams of one machine to itself keep their order.
  await say(access, { port, numbers: [9] });
  assert.deepEqual(heard, ['a', 'a']);
  socket.close();
  await receiver.close();
});

test('a node that left is heard no more, and an address that is taken is named', async () => {
  const { receiver, port, heard, admit } = await listening();
  const gone = admit('gone');
  receiver.forget('gone');
  const sender = new UdpLifeTransport(() => ({ host, port })).open(gone, () => undefined);
  sender?.send(1, 'alive');
  await say(admit('a'), { port, numbers: [1] });
  assert.deepEqual(heard, ['a']);
  await assert.rejects(
    new UdpLifeReceiver(quiet).bind({ host, port }),
    new RegExp(`UDP ${host}:${port} cannot be had.*EADDRINUSE`),
  );
  sender?.close();
  await receiver.close();
  assert.equal(receiver.admit('a'), undefined);
});

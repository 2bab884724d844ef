import assert from 'node:assert/strict';
import { createSocket, Socket, type RemoteInfo } from 'node:dgram';
import { once } from 'node:events';
import { test, type TestContext } from 'node:test';
import { encode } from 'dns-packet';
import { sendBack } from './datagrams.ts';
import { DnsServer } from './dns-listeners.ts';
import { UdpLifeReceiver, UdpLifeTransport } from './life-datagrams.ts';

const host = '127.0.0.1';
const quiet = () => undefined;
const logger = { debug: quiet, info: quiet, warn: quiet, error: quiet };

async function listening(): Promise<Socket> {
  const socket = createSocket('udp4').bind(0, host);
  await once(socket, 'listening');
  return socket;
}

/**
 * What sockets at that port receive seems to come from port 0: programs with raw sockets, as
 * containers usually may have, send such packets. Resolves when one was taken.
 */
function comesFromNowhere(context: TestContext, port: number): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const emit = Reflect.get(Socket.prototype, 'emit');
  context.mock.method(
    Socket.prototype,
    'emit',
    function (this: Socket, event: string, ...values: unknown[]) {
      if (event !== 'message' || this.address().port !== port) {
        return Reflect.apply(emit, this, [event, ...values]);
      }
      const [bytes, from] = values as [Buffer, RemoteInfo];
      const isTaken = Reflect.apply(emit, this, [event, bytes, { ...from, port: 0 }]);
      setImmediate(resolve);
      return isTaken;
    },
  );
  return promise;
}

test('an answer goes to where the datagram came from, and nowhere for port 0', async () => {
  const [one, other] = [await listening(), await listening()];
  const received = once(other, 'message');
  const to = { address: host, family: 'IPv4', size: 1 } as const;
  sendBack(one, { to: { ...to, port: 0 }, bytes: Buffer.from('lost') });
  sendBack(one, { to: { ...to, port: other.address().port }, bytes: Buffer.from('here') });
  assert.equal(String((await received)[0]), 'here');
  one.close();
  other.close();
});

test('a question from port 0 does not end who answers names', async (context) => {
  const answer = () => ({ kind: 'no-such-name' }) as const;
  const server = new DnsServer({
    names: { revision: 1, sightOf: () => 'net', answer },
    upstream: { ask: async () => undefined } as never,
    logger,
  });
  const { port } = await server.open('net', host);
  const client = await listening();
  const query = encode({ type: 'query', id: 1, questions: [{ type: 'A', name: 'web' }] });
  // The first is answered with an answer that is new, the second with one that was kept.
  for (let count = 0; count < 2; count += 1) {
    const taken = comesFromNowhere(context, port);
    client.send(query, port, host);
    await taken;
    context.mock.restoreAll();
  }
  client.send(query, port, host);
  await once(client, 'message');
  client.close();
  await server.close('net');
});

test('a sign of life from port 0 is heard, and does not end who hears it', async (context) => {
  const probe = await listening();
  const { port } = probe.address();
  probe.close();
  const heard: string[] = [];
  const receiver = new UdpLifeReceiver(logger).tell((nodeId) => heard.push(nodeId));
  await receiver.bind({ host, port });
  const access = receiver.admit('a') ?? assert.fail();
  const sender = new UdpLifeTransport(() => ({ host, port })).open(access, quiet);
  const taken = comesFromNowhere(context, port);
  sender?.send(1, 'alive');
  await taken;
  assert.deepEqual(heard, ['a']);
  sender?.close();
  await receiver.close();
});

import assert from 'node:assert/strict';
import { createPublicKey, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { after, before, test } from 'node:test';
import { connect, createServer, type Server, type TLSSocket } from 'node:tls';
import { isBound, signBinding } from '../src/os/tls-binding.ts';
import { newKey, Workshop } from './certificates/workshop.ts';

/* A recorded join is worth nothing on another connection. */

let workshop: Workshop;
let server: Server;
let root: string;

before(async () => {
  workshop = await Workshop.open();
  const made = await workshop.createRoot();
  root = made.certificate;
  const { key, certificate } = await workshop.issue({ root: made, nodeId: 'm1', role: 'manager' });
  server = createServer({ key, cert: certificate, minVersion: 'TLSv1.3' });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
});
after(async () => {
  server.close();
  await workshop[Symbol.asyncDispose]();
});

interface Ends extends Disposable {
  readonly joiner: TLSSocket;
  readonly manager: TLSSocket;
}

async function open(session?: Buffer): Promise<Ends> {
  const { port } = server.address() as AddressInfo;
  const arrived = once(server, 'secureConnection');
  const joiner = connect({
    host: '127.0.0.1',
    port,
    ca: root,
    servername: 'swarm-manager',
    ...(session === undefined ? {} : { session }),
  });
  await once(joiner, 'secureConnect');
  const [manager] = (await arrived) as [TLSSocket];
  return {
    joiner,
    manager,
    [Symbol.dispose]: () => {
      joiner.destroy();
      manager.destroy();
    },
  };
}

const key = newKey();
const publicKey = createPublicKey(key);
const request = 'a request';

test('a request is bound to its connection', async () => {
  using ends = await open();
  const proof = signBinding(ends.joiner, { request, key });
  assert.equal(isBound(ends.manager, { request, proof, publicKey }), true);
});

test('a recorded request is bound to no other connection, nor to one that resumes its own', async () => {
  using first = await open();
  const ticket = once(first.joiner, 'session') as Promise<[Buffer]>;
  const proof = signBinding(first.joiner, { request, key });
  first.joiner.resume();
  const [session] = await ticket;
  using second = await open();
  assert.equal(isBound(second.manager, { request, proof, publicKey }), false);
  using resumed = await open(session);
  assert.equal(resumed.joiner.isSessionReused(), true);
  assert.equal(isBound(resumed.manager, { request, proof, publicKey }), false);
});

test('a proof is for one request and one key', async () => {
  using ends = await open();
  const proof = signBinding(ends.joiner, { request, key });
  const other = { request: 'another', proof, publicKey };
  assert.equal(isBound(ends.manager, other), false);
  assert.equal(
    isBound(ends.manager, { request, proof, publicKey: createPublicKey(newKey()) }),
    false,
  );
});

test('garbage is no proof', async () => {
  using ends = await open();
  for (const proof of ['', 'x', '!!', randomBytes(72).toString('base64url')]) {
    assert.equal(isBound(ends.manager, { request, proof, publicKey }), false);
  }
});

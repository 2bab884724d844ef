import assert from 'node:assert/strict';
import { connect as connectTls } from 'node:tls';
import { after, before, test } from 'node:test';
import type { MadeRoot } from '../src/host/authority.ts';
import { rootIdOf } from '../src/ca/join-token.ts';
import type { NodeRecord } from '../src/model/identity.ts';
import type { Root, RootStage } from '../src/model/root.ts';
import { keyDigestOf, parseCertificate } from '../src/os/certificates-read.ts';
import { SecureClient } from '../src/os/tls-client.ts';
import type { ServerTrust } from '../src/os/tls-server.ts';
import { type Judge, ManagerPort } from './certificates/link.ts';
import { newKey, type NodeKey, Workshop } from './certificates/workshop.ts';

/* Real TLS 1.3 on the loopback: who may call what, row by row of docs/design/identity.md. */

const dayMs = 24 * 3_600_000;

let workshop: Workshop;
let root: MadeRoot;
let foreign: MadeRoot;
let manager: NodeKey;
let worker: NodeKey;

before(async () => {
  workshop = await Workshop.open();
  root = await workshop.createRoot();
  foreign = await workshop.createRoot();
  manager = await workshop.issue({ root, nodeId: 'm1', role: 'manager' });
  worker = await workshop.issue({ root, nodeId: 'w1', role: 'worker' });
});
after(async () => await workshop[Symbol.asyncDispose]());

const recordOf = (nodeId: string, role: NodeRecord['role'], of: NodeKey): NodeRecord => ({
  nodeId,
  role,
  keyDigest: keyDigestOf(parseCertificate(of.certificate)),
});

const rootRow = (made: MadeRoot, stage: RootStage): Root => {
  const { digest, ...rest } = made;
  return { id: rootIdOf(digest), createdAt: 0, stage, ...rest };
};

const trustIn = (roots: readonly Root[]): ServerTrust => ({
  roots: roots.map(({ id, certificate, stage }) => ({
    id,
    certificate,
    trusted: stage !== 'retired',
  })),
});

function judgeBy(records: readonly NodeRecord[], roots: readonly Root[]): Judge {
  const node = (nodeId: string): NodeRecord | undefined =>
    records.find((record) => record.nodeId === nodeId);
  return { knowledge: { clusterId: 'c1', roots, node, now: workshop.now } };
}

interface Opened extends AsyncDisposable {
  readonly port: ManagerPort;
  readonly judge: Judge;
}

/** A manager of the cluster with one worker, unless told otherwise. */
async function openManager(
  given: { readonly server?: NodeKey; readonly records?: readonly NodeRecord[] } = {},
): Promise<Opened> {
  const roots = [rootRow(root, 'signing')];
  const own = [recordOf('m1', 'manager', manager), recordOf('w1', 'worker', worker)];
  const judge = judgeBy(given.records ?? own, roots);
  const credentials = given.server ?? manager;
  const port = new ManagerPort({ credentials, trust: trustIn(roots), judge });
  await port.listen();
  return { port, judge, [Symbol.asyncDispose]: async () => await port[Symbol.asyncDispose]() };
}

const as = (credentials: NodeKey) => ({ credentials, roots: [root.certificate] });

test('a worker opens its session, and calls nothing of the managers', async () => {
  await using opened = await openManager();
  const link = await opened.port.connect(new SecureClient(as(worker)));
  assert.equal(await link.ask('session.open'), 'w1 as worker');
  assert.equal(await link.ask('manager.forward'), 'wrong-role');
  assert.equal(await link.ask('manager.sealing-key'), 'wrong-role');
  assert.equal(await link.ask('anything.else'), 'unknown-call');
});

test('a manager calls managers', async () => {
  await using opened = await openManager();
  assert.equal(await opened.port.ask(as(manager), 'manager.forward'), 'm1 as manager');
});

test('without a certificate one can join, and do nothing else', async () => {
  await using opened = await openManager();
  const link = await opened.port.connect(new SecureClient({ roots: [root.certificate] }));
  assert.equal(await link.ask('authority.root'), 'anyone');
  assert.equal(await link.ask('authority.join'), 'anyone');
  assert.equal(await link.ask('authority.renew'), 'no-certificate');
  assert.equal(await link.ask('session.open'), 'no-certificate');
});

test('certificates of others, of other times and of removed nodes open no session', async () => {
  const { now } = workshop;
  const byForeign = await workshop.issue({ root: foreign });
  const otherCluster = await workshop.issue({ root, clusterId: 'c2', key: worker.key });
  const expired = await workshop.issue({
    root,
    key: worker.key,
    notBefore: now - 2 * dayMs,
    notAfter: now - dayMs,
  });
  const early = await workshop.issue({
    root,
    key: worker.key,
    notBefore: now + dayMs,
    notAfter: now + 2 * dayMs,
  });
  const removed = await workshop.issue({ root, nodeId: 'gone' });
  const sameId = await workshop.issue({ root, nodeId: 'w1', key: newKey() });
  const claimsManager = await workshop.issue({ root, nodeId: 'm1', role: 'manager' });
  await using opened = await openManager();
  const said = async (of: NodeKey, call = 'session.open'): Promise<string> =>
    await opened.port.ask(as(of), call);
  assert.equal(await said(byForeign), 'unknown-issuer');
  assert.equal(await said(otherCluster), 'wrong-cluster');
  assert.equal(await said(expired), 'expired');
  assert.equal(await said(expired, 'authority.renew'), 'w1 as worker');
  assert.equal(await said(early), 'not-yet-valid');
  assert.equal(await said(removed), 'unknown-node');
  assert.equal(await said(sameId), 'wrong-key');
  assert.equal(await said(claimsManager, 'manager.forward'), 'wrong-key');
});

test('what a worker signs with its own certificate is nothing', async () => {
  const { request } = await workshop.requests.ask('request', { key: newKey() });
  const { certificate } = await workshop.requests.ask('node', {
    request,
    nodeId: 'm1',
    role: 'manager',
    clusterId: 'c1',
    notBefore: workshop.now - dayMs,
    notAfter: workshop.now + dayMs,
    issuer: worker,
  });
  await using opened = await openManager();
  const forged = { key: newKey(), certificate: certificate + worker.certificate };
  // The key does not fit the certificate: nothing can be shown with it.
  await assert.rejects(opened.port.ask(as(forged), 'session.open'));
  const key = newKey();
  const fitting = await workshop.requests.ask('node', {
    request: (await workshop.requests.ask('request', { key })).request,
    nodeId: 'm1',
    role: 'manager',
    clusterId: 'c1',
    notBefore: workshop.now - dayMs,
    notAfter: workshop.now + dayMs,
    issuer: worker,
  });
  const chained = { key, certificate: fitting.certificate + worker.certificate };
  assert.equal(await opened.port.ask(as(chained), 'manager.forward'), 'unknown-issuer');
});

test('a certificate that only names our root as its issuer is nothing', async () => {
  const key = newKey();
  const { request } = await workshop.requests.ask('request', { key });
  const { certificate } = await workshop.requests.ask('node', {
    request,
    nodeId: 'w1',
    role: 'worker',
    clusterId: 'c1',
    notBefore: workshop.now - dayMs,
    notAfter: workshop.now + dayMs,
    // The name and the key's id of the root, and the signature of somebody.
    issuer: { certificate: root.certificate, key: newKey() },
  });
  await using opened = await openManager();
  assert.equal(await opened.port.ask(as({ key, certificate }), 'session.open'), 'unknown-issuer');
});

test('an open link is judged at every call: by rows, roots and time as they are then', async () => {
  await using opened = await openManager();
  const { judge } = opened;
  const link = await opened.port.connect(new SecureClient(as(worker)));
  assert.equal(await link.ask('session.open'), 'w1 as worker');
  const before = judge.knowledge;
  judge.knowledge = { ...before, now: before.now + 91 * dayMs };
  assert.equal(await link.ask('session.open'), 'expired');
  judge.knowledge = { ...before, node: () => undefined };
  assert.equal(await link.ask('session.open'), 'unknown-node');
  judge.knowledge = { ...before, roots: [rootRow(root, 'retired')] };
  assert.equal(await link.ask('session.open'), 'retired-issuer');
  judge.knowledge = before;
  assert.equal(await link.ask('session.open'), 'w1 as worker');
});

test('a node speaks to no manager but those of its cluster', async () => {
  const { now } = workshop;
  const servers: readonly (readonly [NodeKey, RegExp])[] = [
    [
      await workshop.issue({ root: foreign, nodeId: 'm1', role: 'manager' }),
      /belongs to another cluster/,
    ],
    [worker, /not a manager's/],
    [
      await workshop.issue({
        root,
        nodeId: 'm1',
        role: 'manager',
        notBefore: now - 2 * dayMs,
        notAfter: now - dayMs,
      }),
      /has expired/,
    ],
    [
      await workshop.issue({
        root,
        nodeId: 'm1',
        role: 'manager',
        notBefore: now + dayMs,
        notAfter: now + 2 * dayMs,
      }),
      /not valid yet/,
    ],
  ];
  for (const [server, message] of servers) {
    await using opened = await openManager({ server });
    await assert.rejects(opened.port.ask(as(worker), 'session.open'), {
      code: 'unauthenticated',
      message,
    });
  }
});

test('a server of the cluster that goes by another name is no manager', async () => {
  const times = { notBefore: workshop.now - dayMs, notAfter: workshop.now + dayMs };
  const own = await workshop.requests.ask('root', times);
  const key = newKey();
  const files = {
    root: await workshop.file(own.certificate),
    rootKey: await workshop.file(own.key),
    request: await workshop.file((await workshop.requests.ask('request', { key })).request),
    extensions: await workshop.file('extendedKeyUsage=serverAuth\nsubjectAltName=DNS:other\n'),
  };
  const signing = ['-CA', files.root, '-CAkey', files.rootKey, '-extfile', files.extensions];
  const { stdout: certificate } = await workshop.openssl(
    'x509',
    '-req',
    '-in',
    files.request,
    ...signing,
  );
  await using opened = await openManager({ server: { key, certificate } });
  const believing = { credentials: worker, roots: [own.certificate] };
  await assert.rejects(opened.port.ask(believing, 'session.open'), {
    code: 'unauthenticated',
    message: /not a manager's/,
  });
});

test('where nobody listens the sentence says so', async () => {
  const opened = await openManager();
  const { port } = opened.port;
  await opened[Symbol.asyncDispose]();
  const client = new SecureClient(as(worker));
  await assert.rejects(client.connect({ host: '127.0.0.1', port }), {
    code: 'unavailable',
    message: /127\.0\.0\.1:\d+ cannot be reached: .*ECONNREFUSED/,
  });
});

test('nothing older than TLS 1.3 is spoken', async () => {
  await using opened = await openManager();
  const handshake = async (maxVersion: 'TLSv1.2' | 'TLSv1.3'): Promise<string> =>
    await new Promise((resolve) => {
      const socket = connectTls({
        host: '127.0.0.1',
        port: opened.port.port,
        ca: root.certificate,
        servername: 'swarm-manager',
        ALPNProtocols: ['h2'],
        minVersion: 'TLSv1.2',
        maxVersion,
      });
      socket.once('secureConnect', () => {
        resolve(socket.getProtocol() ?? '');
        socket.destroy();
      });
      socket.once('error', (error) => resolve(error.message));
    });
  assert.equal(await handshake('TLSv1.3'), 'TLSv1.3');
  assert.match(await handshake('TLSv1.2'), /protocol version/);
});

/** The server sends its tickets right after the handshake: they are there before the answer. */
async function connectWithTicket(port: ManagerPort, client: SecureClient) {
  const link = await port.connect(client);
  const said = await link.ask('session.open');
  return { link, said };
}

test('a link that is resumed knows who is there, and a ticket outlives no removal', async () => {
  await using opened = await openManager();
  const client = new SecureClient(as(worker));
  const first = await connectWithTicket(opened.port, client);
  assert.equal(first.link.isResumed, false);
  const second = await connectWithTicket(opened.port, client);
  assert.equal(second.link.isResumed, true);
  assert.equal(second.said, 'w1 as worker');
  const { judge } = opened;
  judge.knowledge = { ...judge.knowledge, node: () => undefined };
  const third = await connectWithTicket(opened.port, client);
  assert.equal(third.link.isResumed, true);
  assert.equal(third.said, 'unknown-node');
});

test('the root is rotated under open links, and a node that was down comes back', async () => {
  const next = await workshop.createRoot();
  const times = { notBefore: workshop.now - dayMs, notAfter: workshop.now + 365 * dayMs };
  const cross = await workshop.authority.signCross({
    root: next.certificate,
    issuer: root,
    ...times,
  });
  const issued = await workshop.issue({
    root: next,
    nodeId: 'm1',
    role: 'manager',
    key: manager.key,
  });
  const managerNow = { ...issued, certificate: issued.certificate + cross };
  const renewed = await workshop.issue({ root: next, nodeId: 'w1', key: worker.key });
  await using opened = await openManager();
  const { port, judge } = opened;
  const rotateTo = (roots: readonly Root[]): void => {
    judge.knowledge = { ...judge.knowledge, roots };
    port.server.rotate({ credentials: managerNow, trust: trustIn(roots) });
  };
  const client = new SecureClient(as(worker));
  const { link } = await connectWithTicket(port, client);
  const early = await port.connect(
    new SecureClient({ credentials: renewed, roots: [root.certificate] }),
  );
  assert.equal(await early.ask('session.open'), 'unknown-issuer');

  rotateTo([rootRow(root, 'trusted'), rootRow(next, 'signing')]);
  assert.equal(await link.ask('session.open'), 'w1 as worker');
  assert.equal(await early.ask('session.open'), 'w1 as worker');
  // Who knows only the old root believes the new manager; tickets from before are worth nothing.
  const during = await connectWithTicket(port, client);
  assert.equal(during.said, 'w1 as worker');
  assert.equal(during.link.isResumed, false);
  const both = { credentials: renewed, roots: [next.certificate, root.certificate] };
  assert.equal(await port.ask(both, 'session.open'), 'w1 as worker');

  rotateTo([rootRow(root, 'retired'), rootRow(next, 'signing')]);
  assert.equal(await link.ask('session.open'), 'retired-issuer');
  // The one that slept knows only the old root, and shows its certificate.
  assert.equal(await port.ask(as(worker), 'session.open'), 'retired-issuer');
  assert.equal(await port.ask(as(worker), 'authority.renew'), 'w1 as worker');
  const only = { credentials: renewed, roots: [next.certificate] };
  assert.equal(await port.ask(only, 'session.open'), 'w1 as worker');
  // Whoever stole the old root's key signs what he likes, and it is worth nothing.
  const thief = await workshop.issue({ root, nodeId: 'm1', role: 'manager' });
  assert.equal(await port.ask({ ...as(thief) }, 'authority.renew'), 'wrong-key');
});

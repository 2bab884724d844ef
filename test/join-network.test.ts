import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseHostPort } from '../src/lib/host-port.ts';
import { TuttiError } from '../src/lib/error.ts';
import { managerCalls } from '../src/os/manager-calls.ts';
import { signBinding } from '../src/os/tls-binding.ts';
import { SecureClient } from '../src/os/tls-client.ts';
import type { TLSSocket } from 'node:tls';
import {
  freePort,
  NetworkCluster,
  type TestMember,
  until,
} from './certificates/network-cluster.ts';

/*
 * Joining, renewing, rotating, leaving over real TLS on the loopback: the rows of the table of
 * threats in docs/design/identity.md that the network's path has.
 */

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;
const never = new AbortController().signal;

let cluster: NetworkCluster;
before(async () => {
  cluster = await NetworkCluster.start();
});
after(async () => await cluster[Symbol.asyncDispose]());

const workerIdOf = (member: TestMember): string => {
  const { state } = member.membership;
  assert.equal(state.kind, 'worker');
  return state.kind === 'worker' ? state.nodeId : '';
};

async function joined(name: string): Promise<TestMember> {
  const member = cluster.node(name);
  await member.join();
  const nodeId = workerIdOf(member);
  await until(`${name} is ready`, () => cluster.stateOf(nodeId) === 'ready');
  return member;
}

test('a machine with the token becomes a worker that is ready, at the address it is seen by', async () => {
  const member = await joined('plain');
  const { nodes } = cluster.manager.controlPlane.view;
  const node = nodes.get(workerIdOf(member));
  assert.equal(node?.spec.role, 'worker');
  assert.equal(node?.description.address, '127.0.0.1');
  const identity = await member.identity.load();
  assert.equal(node?.keyDigest, member.keys.digestOf(identity?.key ?? ''));
  const { state } = member.membership;
  assert.ok(state.kind === 'worker');
  assert.deepEqual(state.managers, [{ nodeId: 'manager0001', address: cluster.address }]);
  await assert.rejects(member.join(), /already part of a swarm/);
});

test('a wrong secret, another cluster and half a token are refused, and no row is written', async () => {
  const { view } = cluster.manager.controlPlane;
  const { size } = view.nodes;
  const stranger = cluster.node('stranger');
  const [, , digest = '', secret = ''] = cluster.token.split('-');
  const other = `SWMTKN-1-${digest}-${secret.replace(/.$/, (last) => (last === '0' ? '1' : '0'))}`;
  await assert.rejects(stranger.join({ token: other }), {
    code: 'permission-denied',
    message: /not the current one/,
  });
  assert.equal(cluster.log.refusals.at(-1), 'wrong-secret');
  const foreign = `SWMTKN-1-${'0'.repeat(50)}-${secret}`;
  await assert.rejects(stranger.join({ token: foreign }), /no address leads to the cluster/);
  await assert.rejects(stranger.join({ token: 'SWMTKN-1-short' }), { code: 'invalid-argument' });
  const manager = cluster.manager.controlPlane.cluster()?.joinTokens.manager ?? '';
  await assert.rejects(stranger.join({ token: manager }), /one manager/);
  assert.equal(view.nodes.size, size);
  assert.equal(stranger.membership.state.kind, 'fresh');
});

test('a token that was rotated away lets nobody in', async () => {
  const { token } = cluster;
  const { controlPlane } = cluster.manager;
  const current = controlPlane.cluster();
  assert.ok(current);
  const { spec, version } = current;
  const rotate = { version, rotateWorkerToken: true, rotateManagerToken: false };
  await controlPlane.updateCluster(spec, rotate);
  await assert.rejects(cluster.node('late').join({ token }), /not the current one/);
  assert.equal(cluster.log.refusals.at(-1), 'wrong-secret');
});

test('who is in the middle of a join gets no secret: another root is shown to be another', async () => {
  await using foreign = await NetworkCluster.start();
  const victim = cluster.node('victim');
  await assert.rejects(victim.join({ addresses: [foreign.address] }), /not the one that the token/);
  assert.deepEqual(foreign.log.refusals, []);
});

test('a recorded join is worth nothing on another connection', async () => {
  const key = cluster.node('recorded').keys.create();
  const { keys } = cluster.node('recorder');
  const address = parseHostPort(cluster.address);
  assert.ok(address);
  const { certificate } = await managerCalls.root(address, never);
  const request = await keys.request(key);
  const client = new SecureClient({ roots: [certificate] });
  const first = await client.connect(address);
  const proof = signBinding(first.socket as TLSSocket, { request, key });
  const second = await client.connect(address);
  const stream = second.request({ ':method': 'POST', ':path': '/authority.join' });
  const { description } = [...cluster.manager.controlPlane.view.nodes.all()][0] ?? {};
  const { token } = cluster;
  const availability = 'active';
  const call = { token, nodeId: 'rec1', request, proof, availability, description };
  stream.end(JSON.stringify(call));
  const [headers] = (await once(stream, 'response')) as [{ readonly ':status': number }];
  stream.resume();
  first.destroy();
  second.destroy();
  assert.equal(headers[':status'], 403);
  assert.equal(cluster.log.refusals.at(-1), 'replayed');
});

test('an id that another key has is not given away', async () => {
  const member = await joined('original');
  const copy = cluster.node('copy');
  copy.nodeId = workerIdOf(member);
  await assert.rejects(copy.join(), /already, with another key/);
  copy.nodeId = 'manager0001';
  await assert.rejects(copy.join(), /already, with another key/);
  assert.equal(cluster.log.refusals.at(-1), 'id-taken');
});

test('a join whose answer was lost finds the same membership with the same key', async () => {
  const member = cluster.node('twice');
  const key = member.keys.create();
  await member.identity.save({ nodeId: member.nodeId, key });
  const address = parseHostPort(cluster.address);
  assert.ok(address);
  const { certificate: root } = await managerCalls.root(address, never);
  const { token } = cluster;
  const { description } = [...cluster.manager.controlPlane.view.nodes.all()][0] ?? {};
  assert.ok(description);
  const request = await member.keys.request(key);
  const { nodeId } = member;
  const asked = { address, root, key, request, token, nodeId, description } as const;
  const lost = await managerCalls.join({ ...asked, availability: 'active' }, never);
  assert.equal(lost.kind, 'accepted');
  const { size } = cluster.manager.controlPlane.view.nodes;
  await member.join();
  assert.equal(workerIdOf(member), nodeId);
  assert.equal(cluster.manager.controlPlane.view.nodes.size, size);
});

test('a node that was removed loses its session at once, and is told why', async () => {
  const member = await joined('removed');
  const nodeId = workerIdOf(member);
  const { controlPlane } = cluster.manager;
  await assert.rejects(controlPlane.removeNode(nodeId, { force: false }), /is not down/);
  await controlPlane.removeNode(nodeId, { force: true });
  const troubleOf = (): string => {
    const { state } = member.membership;
    return state.kind === 'worker' ? state.trouble : '';
  };
  await until('it is refused', () => troubleOf().includes('it was removed'));
  assert.equal(cluster.log.refusals.at(-1), 'unknown-node');
  assert.equal(member.cleaned, 0, 'a refusal removes nothing');
  assert.equal(controlPlane.view.nodes.get(nodeId), undefined, 'and makes no row again');
});

test('a worker that leaves is down at once, may be removed, and can join again as another', async () => {
  const member = await joined('leaver');
  const nodeId = workerIdOf(member);
  await member.membership.leave();
  assert.equal(member.cleaned, 1);
  assert.notEqual(member.stateWhenCleaned, 'down', 'its tasks ran until then');
  assert.equal(member.membership.state.kind, 'fresh');
  assert.equal(await member.identity.load(), undefined);
  assert.equal(cluster.stateOf(nodeId), 'down');
  const { nodes } = cluster.manager.controlPlane.view;
  await until('it is on disk that it left', () => nodes.get(nodeId)?.leftAt !== undefined);
  await cluster.manager.controlPlane.removeNode(nodeId, { force: false });
  await member.join();
  assert.notEqual(workerIdOf(member), nodeId);
});

test('an expired certificate does one thing: it renews itself', async () => {
  const member = await joined('sleeper');
  const other = await joined('bystander');
  const before_ = (await member.identity.load())?.membership?.certificate;
  const { sessions } = member;
  cluster.clock.aheadMs = 100 * dayMs;
  try {
    // What is open is judged again, too.
    const { controlPlane } = cluster.manager;
    await controlPlane.removeNode(workerIdOf(other), { force: true });
    await until('it has another session', () => member.sessions > sessions);
    assert.ok(cluster.log.refusals.includes('expired'));
    const after_ = (await member.identity.load())?.membership?.certificate;
    assert.notEqual(after_, before_);
  } finally {
    cluster.clock.aheadMs = 0;
  }
});

test('clocks that are hours apart are named before anything else is tried', async () => {
  const member = cluster.node('yesterday');
  member.clock.aheadMs = -3 * hourMs;
  await assert.rejects(
    member.join(),
    /the clocks are 180 min apart: here it is .*, at the manager/,
  );
});

test('a machine whose container engine does not answer does not even ask', async () => {
  const member = cluster.node('engineless');
  member.engineSays = 'client version 1.41 is too new. Maximum supported API version is 1.40';
  await assert.rejects(member.join(), {
    code: 'failed-precondition',
    message: /while its container engine does not answer as it should: client version 1\.41/,
  });
  assert.equal(member.membership.state.kind, 'fresh');
});

test('an address where nobody answers is named, and leaving ends the attempt', async () => {
  const member = cluster.node('lost');
  const address = `127.0.0.1:${await freePort()}`;
  const joining = member.join({ addresses: [address] });
  joining.catch(() => undefined);
  const troubleOf = (): string => {
    const { state } = member.membership;
    return state.kind === 'joining' ? state.trouble : '';
  };
  await until('the trouble is told', () => troubleOf().includes(`${address} cannot be reached`));
  assert.match(troubleOf(), /ECONNREFUSED/);
  await member.membership.leave();
  assert.equal(member.membership.state.kind, 'fresh');
  await assert.rejects(joining, /given up/);
});

test('two machines of one name may both be there, and it is said', async () => {
  const first = await joined('clone');
  const second = cluster.node('clone');
  second.nodeId = 'clone0002';
  await second.identity.forget();
  await second.join();
  const warnings = second.log.lines.filter(({ message }) => message === 'joined, but');
  assert.match(JSON.stringify(warnings), new RegExp(`node ${workerIdOf(first)} is called clone`));
});

test('a flood of bad joins writes a bounded number of lines', async () => {
  const before_ = cluster.log.refusals.length;
  const { keys } = cluster.node('flood');
  const key = keys.create();
  const address = parseHostPort(cluster.address);
  const { description } = [...cluster.manager.controlPlane.view.nodes.all()][0] ?? {};
  assert.ok(address && description);
  const { certificate: root } = await managerCalls.root(address, never);
  const asked = {
    address,
    root,
    key,
    description,
    request: await keys.request(key),
    token: cluster.token.replace(/.{25}$/, '0'.repeat(25)),
    nodeId: 'flood1',
    availability: 'active',
  } as const;
  const answers = Array.from({ length: 30 }, async () => await managerCalls.join(asked, never));
  for (const answer of await Promise.all(answers)) {
    assert.ok(answer.kind === 'refused' && answer.reason === 'wrong-secret');
  }
  assert.ok(cluster.log.refusals.length - before_ <= 20);
});

test('the port speaks to nobody without TLS, and to no call that is unknown', async () => {
  const address = parseHostPort(cluster.address);
  assert.ok(address);
  const { certificate } = await managerCalls.root(address, never);
  const session = await new SecureClient({ roots: [certificate] }).connect(address);
  const statusOf = async (path: string, text: string): Promise<number | undefined> => {
    const stream = session.request({ ':method': 'POST', ':path': path });
    stream.on('error', () => undefined);
    stream.end(text);
    const [headers] = (await once(stream, 'response')) as [{ readonly ':status'?: number }];
    stream.resume();
    return headers[':status'];
  };
  for (const call of ['session.open', 'session.logs/1', 'node.leave', 'manager.forward', 'x', '']) {
    assert.equal(await statusOf(`/${call}`, ''), 403, call);
  }
  for (const text of ['', '{', '[]', '{"token":"a"}', 'null']) {
    assert.equal(await statusOf('/authority.join', text), 400, text);
  }
  assert.equal(await statusOf('/authority.join', 'x'.repeat(70_000)), 400);
  session.destroy();
});

test('a port that is taken refuses the cluster with its address, and nothing has changed', async () => {
  const taken = createServer();
  const port = await freePort();
  taken.listen(port, '127.0.0.1');
  await once(taken, 'listening');
  try {
    await assert.rejects(NetworkCluster.start({ port }), (error: unknown) => {
      const { message, code } = TuttiError.from(error);
      assert.equal(code, 'failed-precondition');
      assert.equal(
        message,
        `the manager cannot listen on 127.0.0.1:${port} (TCP): another program listens there already`,
      );
      return true;
    });
  } finally {
    taken.close();
  }
});

test('a port that the cluster of before is about to give back is waited for', async () => {
  const before_ = createServer();
  const port = await freePort();
  before_.listen(port, '127.0.0.1');
  await once(before_, 'listening');
  const starting = NetworkCluster.start({ port });
  const isStarted = starting.then(() => true);
  assert.equal(await Promise.race([isStarted, sleep(300, false)]), false);
  before_.close();
  await using started = await starting;
  assert.equal(started.address, `127.0.0.1:${port}`);
});

test('a rotation of the authority reaches every node that is there, and ends by itself', async () => {
  await using own = await NetworkCluster.start();
  const { controlPlane } = own.manager;
  const member = own.node('rotated');
  await member.join();
  const nodeId = workerIdOf(member);
  await until('it is ready', () => own.stateOf(nodeId) === 'ready');
  const { token } = own;
  const current = controlPlane.cluster();
  assert.ok(current);
  const spec = { ...current.spec, forceRotate: 1 };
  const options = { rotateWorkerToken: false, rotateManagerToken: false };
  await controlPlane.updateCluster(spec, { ...options, version: current.version });
  assert.notEqual(own.token, token, 'tokens pin the new root');
  const stages = (): readonly string[] =>
    [...controlPlane.view.roots.all()].map(({ stage }) => stage).toSorted();
  await until('the rotation is finished', () => stages().join() === 'retired,signing');
  await until('it is ready again', () => own.stateOf(nodeId) === 'ready');
  const signing = [...controlPlane.view.roots.all()].find(({ stage }) => stage === 'signing');
  const identity = await member.identity.load();
  assert.deepEqual(identity?.membership?.roots, [signing?.certificate]);
  await assert.rejects(own.node('old').join({ token }), /no address leads to the cluster/);
  await own.node('new').join();
});

test('a node that slept through a rotation renews, and is believed again', async () => {
  await using own = await NetworkCluster.start();
  const { controlPlane } = own.manager;
  const member = own.node('dreamer');
  await member.join();
  const nodeId = workerIdOf(member);
  const slept = await member.identity.load();
  assert.ok(slept);
  member.stop();
  await until('it is away', () => own.stateOf(nodeId) !== 'ready');
  const current = controlPlane.cluster();
  assert.ok(current);
  await controlPlane.updateCluster(
    { ...current.spec, forceRotate: 1 },
    { version: current.version, rotateWorkerToken: false, rotateManagerToken: false },
  );
  const stages = (): readonly string[] =>
    [...controlPlane.view.roots.all()].map(({ stage }) => stage).toSorted();
  await until('nobody is waited for', () => stages().join() === 'retired,signing');
  const woken = own.node('dreamer');
  await woken.identity.save(slept);
  await woken.membership.load(nodeId);
  woken.nodeId = nodeId;
  await until('it is ready again', () => own.stateOf(nodeId) === 'ready');
  assert.ok(own.log.refusals.includes('retired-issuer'));
});

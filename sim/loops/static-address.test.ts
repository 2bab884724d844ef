import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { UpdateSettings } from '../../src/model/service.ts';
import type { Task } from '../../src/model/task.ts';
import { LoopWorld } from './loop-world.ts';

const address = '10.9.0.5';
const subnet = '10.9.0.0/28';

const dynamic = { networks: [{ networkId: 'net', aliases: [], driverOptions: {} }] };
const at = (ipv4Address: string) => ({
  networks: [{ networkId: 'net', aliases: [], driverOptions: {}, ipv4Address }],
});

function worldWith(ipRange?: string): LoopWorld {
  const world = new LoopWorld();
  for (const id of ['n1', 'n2']) world.addNode(id);
  const range = ipRange === undefined ? {} : { ipRange };
  world.addNetwork('net', { subnets: [{ subnet, ...range }] });
  return world;
}

function declare(world: LoopWorld, image: string, update: UpdateSettings = {}): void {
  const restart = { condition: 'any' } as const;
  world.declare('web', {
    spec: { update },
    template: { ...at(address), restart },
    container: { image },
  });
}

function deployed(): LoopWorld {
  const world = worldWith();
  declare(world, 'v1');
  world.run();
  return world;
}

const addressesOf = (tasks: readonly Task[]) =>
  tasks.map((task) => task.addresses.map((one) => one.address).join());

function holders(world: LoopWorld): readonly string[] {
  return [...world.view.tasks.by('address', `net/${address}`)].map(({ id }) => id);
}

test('the task has the declared address, and the service no virtual one beside it', () => {
  const world = deployed();
  assert.deepEqual(addressesOf(world.running('web')), ['10.9.0.5/28']);
  assert.deepEqual(world.service('web').virtualAddresses, []);
});

test('nobody else is given a declared address, whether its task is there or not', () => {
  const world = worldWith();
  world.declare('web', {
    spec: { mode: { kind: 'replicated', replicas: 0 } },
    template: at(address),
  });
  world.declare('other', {
    spec: { mode: { kind: 'replicated', replicas: 20 } },
    template: dynamic,
  });
  world.run();
  // 16 addresses: without network, gateway, the engine's 4, the virtual and the declared one.
  assert.equal(world.running('other').length, 8);
  assert.deepEqual(holders(world), []);
  declare(world, 'v1');
  world.run();
  assert.deepEqual(addressesOf(world.running('web')), ['10.9.0.5/28']);
});

test('outside of a declared range it takes no room of what is chosen', () => {
  const world = worldWith('10.9.0.8/30');
  declare(world, 'v1');
  world.declare('other', {
    spec: { mode: { kind: 'replicated', replicas: 9 } },
    template: dynamic,
  });
  world.run();
  assert.deepEqual(addressesOf(world.running('web')), ['10.9.0.5/28']);
  // Four, of which one is virtual.
  assert.equal(world.running('other').length, 3);
});

test('a second service that declares it is told who has it', () => {
  const world = deployed();
  assert.throws(() => world.declare('late', { template: at(address) }), {
    code: 'failed-precondition',
    field: 'template.networks[0].ipv4Address',
    message: 'the address 10.9.0.5 of network net is already in use by service web',
  });
});

test('an address that a task or a service was given is refused with its name', () => {
  const world = worldWith();
  world.declare('other', { template: dynamic });
  world.run();
  const [virtual] = world.service('other').virtualAddresses;
  const [given] = world.running('other')[0]?.addresses ?? [];
  const bare = (text = '') => text.split('/')[0] ?? '';
  assert.throws(() => world.declare('web', { template: at(bare(virtual?.address)) }), {
    message: /is already in use by service other \(as its virtual address\)$/,
  });
  assert.throws(() => world.declare('web', { template: at(bare(given?.address)) }), {
    message: /is already in use by task other\.1 on node n[12]$/,
  });
});

test('a service may declare what it was given itself', () => {
  const world = worldWith();
  world.declare('web', { template: dynamic });
  world.run();
  const mine = (world.running('web')[0]?.addresses[0]?.address ?? '').split('/')[0] ?? '';
  world.declare('web', { template: at(mine) });
  world.run();
  assert.deepEqual(addressesOf(world.running('web')), [`${mine}/28`]);
});

test('an update stops the task first, and the next one has its address', () => {
  const world = deployed();
  const [old] = world.running('web');
  declare(world, 'v2');
  world.plan();
  assert.equal(old && world.view.tasks.get(old.id)?.desired, 'shutdown');
  const next = world.tasks('web').find(({ id }) => id !== old?.id);
  assert.equal(next?.nodeId, undefined);
  const reason = next && world.refusal(next);
  assert.equal(reason?.code, 'address-in-use');
  assert.match(
    reason?.message ?? '',
    /^the static address 10\.9\.0\.5 of network net is still that of task web\.1 on node n[12]$/,
  );
  world.advance(60_000);
  assert.deepEqual(addressesOf(world.running('web')), ['10.9.0.5/28']);
  assert.equal(world.service('web').update?.state, 'completed');
});

test('a task that no node would take costs nothing: the one before serves on', () => {
  const world = deployed();
  world.declare('web', {
    template: at(address),
    container: { image: 'v2', reservations: { memoryBytes: 2 ** 60 } },
  });
  world.advance(20_000);
  assert.equal(world.running('web').length, 1);
});

test('a drained node hands the address on', () => {
  const world = deployed();
  const from = world.running('web')[0]?.nodeId ?? '';
  world.changeNode(from, { availability: 'drain' });
  world.advance(60_000);
  assert.notEqual(world.running('web')[0]?.nodeId, from);
  assert.deepEqual(addressesOf(world.running('web')), ['10.9.0.5/28']);
});

test('a task that ends by itself has its address again', () => {
  const world = deployed();
  world.end(world.running('web')[0]?.id ?? '');
  world.run();
  assert.deepEqual(addressesOf(world.running('web')), ['10.9.0.5/28']);
});

test('on a node that is down the task keeps it, and serves again when the node is back', () => {
  const world = deployed();
  const [old] = world.running('web');
  world.setNodeState(old?.nodeId ?? '', 'down');
  world.advance(120_000);
  assert.deepEqual(holders(world), [old?.id]);
  const waiting = world.tasks('web').find(({ nodeId }) => nodeId === undefined);
  assert.equal(waiting && world.refusal(waiting)?.code, 'address-in-use');
  world.setNodeState(old?.nodeId ?? '', 'ready');
  world.advance(60_000);
  assert.deepEqual(
    world.running('web').map(({ id }) => id),
    [old?.id],
  );
});

test('a node that is removed gives it to the next task', () => {
  const world = deployed();
  const [old] = world.running('web');
  world.setNodeState(old?.nodeId ?? '', 'down');
  world.advance(60_000);
  world.removeNode(old?.nodeId ?? '');
  world.advance(60_000);
  assert.deepEqual(addressesOf(world.running('web')), ['10.9.0.5/28']);
});

test('who declares what a service on its way out has waits for it', () => {
  const world = deployed();
  const [old] = world.running('web');
  world.setNodeState(old?.nodeId ?? '', 'unreachable');
  world.remove('web');
  world.plan();
  world.declare('next', { template: at(address) });
  world.plan();
  assert.deepEqual(holders(world), [old?.id]);
  world.setNodeState(old?.nodeId ?? '', 'ready');
  world.advance(60_000);
  assert.deepEqual(addressesOf(world.running('next')), ['10.9.0.5/28']);
});

test('what a rollback would go back to is kept for it', () => {
  const world = deployed();
  world.declare('web', { template: dynamic });
  world.run();
  world.declare('other', {
    spec: { mode: { kind: 'replicated', replicas: 20 } },
    template: dynamic,
  });
  world.run();
  assert.ok(!addressesOf(world.running('other')).includes('10.9.0.5/28'));
  world.rollBack('web');
  world.advance(60_000);
  assert.deepEqual(addressesOf(world.running('web')), ['10.9.0.5/28']);
});

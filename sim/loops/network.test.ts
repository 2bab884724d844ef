import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PublishedPort } from '../../src/model/service.ts';
import { LoopWorld } from './loop-world.ts';

const onNet = { networks: [{ networkId: 'net', aliases: [], driverOptions: {} }] };
const http: PublishedPort = { protocol: 'tcp', targetPort: 80, mode: 'ingress' };

function worldWith(subnet?: string): LoopWorld {
  const world = new LoopWorld();
  world.addNode('n1');
  world.addNetwork('ingress', { ingress: true });
  world.addNetwork('net', subnet === undefined ? {} : { subnets: [{ subnet }] });
  return world;
}

test('a service has a virtual address and its tasks have addresses on each of its networks', () => {
  const world = worldWith();
  world.declare('web', { spec: { ports: [http] }, template: onNet });
  world.run();
  assert.deepEqual(world.service('web').virtualAddresses, [
    { networkId: 'net', address: '10.0.1.2/24' },
    { networkId: 'ingress', address: '10.0.0.2/24' },
  ]);
  assert.deepEqual(world.tasks('web')[0]?.addresses, [
    { networkId: 'net', address: '10.0.1.3/24' },
    { networkId: 'ingress', address: '10.0.0.3/24' },
  ]);
});

test('a service of endpoint mode dnsrr has no virtual address', () => {
  const world = worldWith();
  world.declare('web', { spec: { endpointMode: 'dnsrr' }, template: onNet });
  assert.deepEqual(world.service('web').virtualAddresses, []);
});

test('an address that was just freed is not given again at once', () => {
  const world = worldWith();
  world.declare('web', { template: onNet });
  world.run();
  const first = world.tasks('web')[0]?.addresses[0]?.address;
  world.end(world.tasks('web')[0]?.id ?? '');
  world.run();
  assert.notEqual(world.running('web')[0]?.addresses[0]?.address, first);
});

test('an exhausted network keeps tasks waiting, names itself, and lets them in when there is room', () => {
  const world = worldWith('10.9.0.0/28');
  // 16 addresses: without network, gateway and the engine's 4, and the virtual address, 9 are left
  const web = (replicas: number): void =>
    world.declare('web', { spec: { mode: { kind: 'replicated', replicas } }, template: onNet });
  web(11);
  world.run();
  assert.equal(world.running('web').length, 9);
  const waiting = world.tasks('web').filter((task) => task.nodeId === undefined);
  const reason = waiting[0] && world.refusal(waiting[0]);
  assert.equal(reason?.code, 'addresses-exhausted');
  assert.equal(reason?.message, 'network net (10.9.0.0/28) has no address left');
  web(9);
  world.run();
  assert.equal(world.running('web').length, 9);
  assert.equal(world.view.tasks.size, 9);
  const held = world.tasks('web').flatMap((task) => task.addresses.map((one) => one.address));
  assert.equal(new Set(held).size, 9);
});

test('a task that gets no address takes nothing of its node', () => {
  const world = worldWith('10.9.0.0/28');
  world.declare('web', {
    spec: { mode: { kind: 'replicated', replicas: 20 } },
    template: onNet,
    container: { reservations: { memoryBytes: 1024 } },
  });
  world.run();
  assert.equal(world.loads.get('n1')?.taskCount, 9);
  assert.equal(world.loads.get('n1')?.memoryBytes, 9 * 1024);
});

test('a removed network goes when the last task has left it', () => {
  const world = worldWith();
  world.declare('web', { template: onNet });
  world.run();
  world.setNodeState('n1', 'unreachable');
  world.remove('web');
  world.removeNetwork('net');
  world.run();
  assert.equal(world.view.networks.get('net')?.removing, true);
  world.setNodeState('n1', 'ready');
  world.run();
  assert.equal(world.view.networks.get('net'), undefined);
});

test('a removed network that nobody uses goes at once', () => {
  const world = worldWith();
  world.removeNetwork('net');
  world.run();
  assert.equal(world.view.networks.get('net'), undefined);
});

test('a service that begins to publish a port gets its tasks onto the ingress network', () => {
  const world = worldWith();
  world.declare('web', { template: onNet });
  world.run();
  world.declare('web', { spec: { ports: [http] }, template: onNet });
  world.advance(60_000);
  const [task] = world.running('web');
  assert.deepEqual(
    task?.addresses.map((one) => one.networkId),
    ['net', 'ingress'],
  );
});

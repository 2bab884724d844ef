import assert from 'node:assert/strict';
import { test } from 'node:test';
import { declare, ManagerWorld } from '../../sim/manager-world.ts';
import type { Labels } from '../model/labels.ts';
import type { Rounds } from './round.ts';
import { overlayNetwork } from '../../sim/overlay-network.ts';

test('a full disk refuses writes and keeps reading, and work is done later', async () => {
  const { world, agent } = await ManagerWorld.withCluster();
  const service = await world.control.createService(declare('w', 1));
  await world.settle();
  const [before] = world.liveTasks(service);
  assert.ok(before);
  world.disk.full = true;
  const { revision } = world.control.view;
  await assert.rejects(world.control.createService(declare('x', 1)), {
    code: 'resource-exhausted',
    message: /disk of the data directory is full/,
  });
  await agent.report(before.id, { state: 'failed' });
  await world.pass(20_000);
  assert.equal(world.control.view.revision, revision);
  assert.deepEqual(world.liveTasks(service), [before]);
  assert.equal(world.control.taskStatus(before).state, 'failed');
  world.disk.full = false;
  await world.pass(5_000);
  const [after] = world.liveTasks(service);
  assert.ok(after);
  assert.notEqual(after.id, before.id);
  assert.equal(world.control.view.tasks.get(before.id)?.end?.state, 'failed');
});

test('retries on a full disk slow down', async () => {
  const { world, agent } = await ManagerWorld.withCluster();
  const service = await world.control.createService(declare('w', 1));
  await world.settle();
  const [task] = world.liveTasks(service);
  assert.ok(task);
  world.disk.full = true;
  await agent.report(task.id, { state: 'failed' });
  await world.pass(60_000);
  const retries = world.log.filter((line) =>
    line.message.startsWith('a plan could not be written'),
  );
  assert.ok(retries.length > 5 && retries.length < 30, `${retries.length} tries in a minute`);
});

/** Rounds that throw whenever they are to plan the service with this name. */
function refusing(name: string): (rounds: Rounds) => Rounds {
  return (rounds) => ({
    addressReuse: rounds.addressReuse,
    committed: (change) => rounds.committed(change),
    reload: () => rounds.reload(),
    run(tx, work, context) {
      const units = [...work.units];
      for (const unit of units) {
        const service = 'serviceId' in unit ? tx.services.get(unit.serviceId) : undefined;
        if (service?.spec.name === name) throw new Error(`planted: ${name} cannot be planned`);
      }
      return rounds.run(tx, { ...work, units }, context);
    },
  });
}

test('a service whose plan throws is named, tried again, and holds up no other', async () => {
  const { world } = await ManagerWorld.withCluster({ wrapRounds: refusing('bad') });
  const bad = await world.control.createService(declare('bad', 1));
  const good = await world.control.createService(declare('good', 1));
  await world.settle();
  assert.equal(world.liveTasks(good).length, 1);
  assert.equal(world.liveTasks(bad).length, 0);
  const errors = world.log.filter((line) => line.level === 'error');
  assert.equal(errors[0]?.fields['part'], `service/${bad.id}`);
  const before = errors.length;
  await world.pass(30_000);
  const after = world.log.filter((line) => line.level === 'error').length;
  assert.ok(after > before && after - before < 20, `${after - before} tries in 30 s`);
});

test('a restart that waits for its delay comes when it is due', async () => {
  const { world, agent } = await ManagerWorld.withCluster();
  const restart = { delayMs: 5_000 };
  const service = await world.control.createService(declare('w', 1, { template: { restart } }));
  await world.settle();
  const [task] = world.liveTasks(service);
  assert.ok(task);
  await agent.report(task.id, { state: 'failed' });
  await world.settle();
  const [next] = world.liveTasks(service);
  assert.ok(next);
  assert.equal(next.desired, 'ready');
  const waiting = world.control.taskStatus(next);
  assert.equal(waiting.reason?.code, 'waiting-to-restart');
  await world.pass(4_000);
  assert.equal(world.control.view.tasks.get(next.id)?.desired, 'ready');
  await world.pass(1_100);
  assert.equal(world.control.view.tasks.get(next.id)?.desired, 'running');
});

test('a restarted manager goes on where the last one stopped', async () => {
  const { world, agent } = await ManagerWorld.withCluster();
  agent.obedient = false;
  const restart = { delayMs: 5_000 };
  const service = await world.control.createService(declare('w', 2, { template: { restart } }));
  await world.settle();
  const [first, second] = world.liveTasks(service);
  assert.ok(first && second);
  agent.obedient = true;
  await agent.report(first.id, { state: 'running' });
  await agent.report(second.id, { state: 'failed' });
  await world.settle();
  world.crashManager();
  await world.settle();
  await world.startManager();
  await agent.connect();
  await world.settle();
  assert.equal(world.control.taskStatus(first).state, 'running');
  const [, next] = world.liveTasks(service);
  assert.ok(next);
  assert.equal(next.desired, 'ready');
  await world.pass(5_100);
  assert.equal(world.control.view.tasks.get(next.id)?.desired, 'running');
});

test('a store that cannot tell what is durable is loaded again and nothing is lost', async () => {
  const { world } = await ManagerWorld.withCluster();
  world.faults.unknownChance = 1;
  await assert.rejects(world.control.createService(declare('w', 1)), {
    code: 'unavailable',
    message: /cannot tell whether the change is durable/,
  });
  world.faults.unknownChance = 0;
  await world.pass(10_000);
  const service = await world.control.createService(declare('x', 1));
  await world.settle();
  assert.equal(world.liveTasks(service).length, 1);
});

test('a task that found no place is placed as soon as there is room', async () => {
  const { world } = await ManagerWorld.withCluster();
  const placement = {
    constraints: ['node.labels.zone==a'],
    preferences: [],
    maxReplicasPerNode: 0,
    platforms: [],
  };
  const service = await world.control.createService(declare('w', 1, { spec: { placement } }));
  await world.settle();
  const [task] = world.liveTasks(service);
  assert.ok(task);
  const status = world.control.taskStatus(task);
  assert.equal(status.state, 'pending');
  assert.equal(status.reason?.code, 'constraint-unmet');
  await relabel(world, { zone: 'a' });
  const placed = world.control.view.tasks.get(task.id);
  assert.equal(placed?.nodeId, 'node-1');
  assert.ok(placed);
  assert.equal(world.control.taskStatus(placed).state, 'running');
});

/** A node that changes makes the planner place again what found no place. */
async function relabel(world: ManagerWorld, labels: Labels): Promise<void> {
  const node = world.control.view.nodes.get('node-1');
  assert.ok(node);
  await world.control.updateNode(node.id, { ...node.spec, labels }, node.version);
  await world.settle();
}

test('the reason why a task is not placed keeps the time since when that is so', async () => {
  const { world } = await ManagerWorld.withCluster();
  const reservations = { nanoCpus: 64_000_000_000 };
  const service = await world.control.createService(
    declare('w', 1, { container: { reservations } }),
  );
  await world.settle();
  const [task] = world.liveTasks(service);
  assert.ok(task);
  const before = world.control.taskStatus(task).reason;
  assert.equal(before?.code, 'insufficient-resources');
  await world.pass(60_000);
  await relabel(world, { tried: 'again' });
  assert.equal(world.control.taskStatus(task).reason?.since, before.since);
});

test('a manager that was away does not hold that against an update', async () => {
  const { world, agent } = await ManagerWorld.withCluster();
  const service = await world.control.createService(declare('w', 2));
  await world.settle();
  agent.obedient = false;
  const next = declare('w', 2, { container: { image: 'bb:2' } });
  await world.control.updateService(service.id, next, { version: service.version });
  await world.settle();
  world.crashManager();
  await world.pass(60_000);
  await world.startManager();
  await world.settle();
  agent.obedient = true;
  await agent.connect();
  await world.pass(30_000);
  const update = world.control.view.services.get(service.id)?.update;
  assert.deepEqual([update?.state, update?.failures], ['completed', 0]);
});

test('a write that failed holds no room on any node', async () => {
  const { world } = await ManagerWorld.withCluster();
  const hungry = declare('w', 1, { container: { reservations: { nanoCpus: 8_000_000_000 } } });
  world.disk.full = true;
  await assert.rejects(world.control.createService(hungry), { code: 'resource-exhausted' });
  await world.settle();
  world.disk.full = false;
  const service = await world.control.createService(hungry);
  await world.settle();
  assert.equal(world.liveTasks(service)[0]?.nodeId, 'node-1');
});

test('a task without an address holds no room either', async () => {
  const { world } = await ManagerWorld.withCluster();
  const network = await world.control.createNetwork(
    overlayNetwork('tiny', { subnets: [{ subnet: '10.9.0.0/29' }] }),
  );
  const networks = [{ networkId: network.id, aliases: [], driverOptions: {} }];
  const container = { reservations: { nanoCpus: 1_000_000_000 } };
  const crowd = await world.control.createService(
    declare('crowd', 7, { container, template: { networks } }),
  );
  await world.settle();
  const unplaced = world.liveTasks(crowd).filter((task) => task.nodeId === undefined);
  assert.ok(unplaced.length > 0);
  for (const task of unplaced) {
    assert.equal(world.control.taskStatus(task).reason?.code, 'addresses-exhausted');
  }
  await relabel(world, { tried: 'again' });
  const rest = await world.control.createService(
    declare('rest', unplaced.length + 1, { container }),
  );
  await world.settle();
  for (const task of world.liveTasks(rest)) assert.equal(task.nodeId, 'node-1');
});

test('what does not fit into one transaction goes into the next ones', async () => {
  const { world } = await ManagerWorld.withCluster();
  await world.control.deployStack(
    {
      name: 'app',
      networks: [],
      secrets: [],
      configs: [],
      services: ['a', 'b', 'c', 'd'].map((name) => declare(name, 1_100)),
    },
    { prune: false },
  );
  await world.settle();
  assert.equal(world.control.view.tasks.size, 4_400);
  const sizes = world.commits.map((commit) => commit.changes.length);
  assert.ok(sizes.length > 1 && Math.max(...sizes) < 3_000, sizes.join(' '));
});

test('an update that fails and is rolled back takes its ports back, too', async () => {
  const { world, agent } = await ManagerWorld.withCluster();
  const service = await world.control.createService(declare('w', 1));
  await world.settle();
  agent.obedient = false;
  const ports = [
    { protocol: 'tcp', targetPort: 80, publishedPort: 8080, mode: 'ingress' },
  ] as const;
  const next = declare('w', 1, {
    spec: { ports, update: { failureAction: 'rollback', order: 'start-first' } },
    container: { image: 'bb:2' },
  });
  const { version } = service;
  const updated = await world.control.updateService(service.id, next, { version });
  assert.equal(updated.publishedPorts.length, 1);
  await world.settle();
  const created = world.liveTasks(service).find((task) => task.templateId === updated.templateId);
  await agent.report(created?.id ?? '', { state: 'failed' });
  await world.settle();
  const row = world.control.view.services.get(service.id);
  assert.match(row?.update?.state ?? '', /^rollback_/);
  assert.deepEqual(row?.publishedPorts, []);
  assert.deepEqual(row?.virtualAddresses, []);
});

test('a task of a drained node is let go though its successor has no place', async () => {
  const { world } = await ManagerWorld.withCluster();
  const service = await world.control.createService(declare('w', 1));
  await world.settle();
  const [before] = world.liveTasks(service);
  assert.ok(before);
  const node = world.control.view.nodes.get('node-1');
  assert.ok(node);
  const spec = { ...node.spec, availability: 'drain' } as const;
  await world.control.updateNode(node.id, spec, node.version);
  await world.pass(60_000);
  assert.equal(world.control.view.tasks.get(before.id)?.end?.state, 'shutdown');
  const [after] = world.liveTasks(service);
  assert.ok(after);
  assert.equal(world.control.taskStatus(after).state, 'pending');
});

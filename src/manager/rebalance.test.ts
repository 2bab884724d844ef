import assert from 'node:assert/strict';
import { test } from 'node:test';
import { declare, ManagerWorld } from '../../sim/manager-world.ts';
import type { Service } from '../model/service.ts';

/** Four tasks of `w` on the first of two nodes. */
async function crowded(): Promise<{ readonly world: ManagerWorld; readonly service: Service }> {
  const { world } = await ManagerWorld.withCluster();
  const service = await world.control.createService(declare('w', 4));
  await world.settle();
  await world.agent('node-2', { hostname: 'vm2' }).connect();
  await world.settle();
  return { world, service };
}

function places(world: ManagerWorld, service: Service): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const { nodeId = 'nowhere' } of world.liveTasks(service)) {
    counts[nodeId] = (counts[nodeId] ?? 0) + 1;
  }
  return counts;
}

test('a rebalance is planned without a change, then moves one task after the other', async () => {
  const { world, service } = await crowded();
  const { revision } = world.control.view;
  assert.equal(world.control.planRebalance([]).moves.length, 2);
  assert.equal(world.control.view.revision, revision);
  assert.deepEqual(world.control.rebalance(), { running: false, services: [] });

  await world.control.startRebalance([service.id]);
  await world.settle();
  const [report] = world.control.rebalance().services;
  assert.deepEqual(report?.moving, { task: 'w.4', from: 'vm', to: 'vm2' });
  await world.pass(20_000);
  assert.deepEqual(places(world, service), { 'node-1': 2, 'node-2': 2 });
  const { running, services } = world.control.rebalance();
  assert.equal(running, false);
  assert.deepEqual(
    services.map(({ service: name, state, moved }) => [name, state, moved]),
    [['w', 'completed', 2]],
  );
  assert.deepEqual(
    world.log.filter(({ level }) => level === 'error'),
    [],
  );
});

test('where nothing is to be moved a rebalance changes nothing', async () => {
  const { world } = await crowded();
  await world.control.startRebalance([]);
  await world.pass(20_000);
  const { revision } = world.control.view;
  const plan = await world.control.startRebalance([]);
  assert.deepEqual([plan.moves, world.control.view.revision], [[], revision]);
});

test('a manager that dies in the middle of a rebalance goes on with it', async () => {
  const { world, service } = await crowded();
  await world.control.startRebalance([]);
  await world.settle();
  world.crashManager();
  for (const agent of world.agents) agent.disconnect();
  await world.startManager();
  assert.equal(world.control.rebalance().running, true);
  for (const agent of world.agents) await agent.connect();
  await world.pass(60_000);
  assert.deepEqual(places(world, service), { 'node-1': 2, 'node-2': 2 });
  assert.equal(world.control.rebalance().running, false);
});

test('a rebalance that is stopped moves no further task, and what does not run yet goes back', async () => {
  const { world, service } = await crowded();
  const [, other] = world.agents;
  assert.ok(other);
  other.obedient = false;
  await world.control.startRebalance([]);
  await world.settle();
  assert.deepEqual(await world.control.stopRebalance(), ['w']);
  await world.pass(20_000);
  assert.deepEqual(places(world, service), { 'node-1': 4 });
  const [report] = world.control.rebalance().services;
  assert.deepEqual([report?.state, report?.message], ['stopped', 'somebody stopped it']);
  assert.deepEqual(await world.control.stopRebalance(), []);
});

test('services that are named and cannot be balanced are kept, with the reason', async () => {
  const { world } = await crowded();
  const global = await world.control.createService(
    declare('all', 1, { spec: { mode: { kind: 'global' } } }),
  );
  await world.settle();
  const { moves, kept } = world.control.planRebalance([global.id]);
  assert.deepEqual([moves, kept], [[], [{ service: 'all', why: 'it has one task for each node' }]]);
  assert.deepEqual(world.control.planRebalance([]).kept, []);
  assert.throws(() => world.control.planRebalance(['nobody']), /service nobody not found/);
});

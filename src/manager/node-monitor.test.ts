import assert from 'node:assert/strict';
import { test } from 'node:test';
import { declare, ManagerWorld } from '../../sim/manager-world.ts';
import type { ScriptedAgent } from '../../sim/scripted-agent.ts';
import type { Service } from '../model/service.ts';
import { NodeMonitor } from './node-monitor.ts';
import { ObservedState } from './observed-state.ts';
import { overlayNetwork } from '../../sim/overlay-network.ts';

/** A manager with a node of its own and workers. */
async function clusterOf(
  workers: number,
): Promise<{ readonly world: ManagerWorld; readonly agents: readonly ScriptedAgent[] }> {
  const { world, agent } = await ManagerWorld.withCluster();
  const agents = [agent];
  for (let number = 2; number < workers + 2; number += 1) {
    const worker = world.agent(`node-${number}`, { hostname: `host-${number}` });
    await worker.connect();
    agents.push(worker);
  }
  await world.settle();
  return { world, agents };
}

async function service(world: ManagerWorld, replicas: number): Promise<Service> {
  const network = await world.control.createNetwork(overlayNetwork('net'));
  const networks = [{ networkId: network.id, aliases: [], driverOptions: {} }];
  const made = await world.control.createService(
    declare('web', replicas, { template: { networks } }),
  );
  await world.settle();
  return made;
}

const stateOf = (world: ManagerWorld, nodeId: string): string | undefined =>
  world.control.observed.node(nodeId)?.state;

function nodesOf(world: ManagerWorld, of: Service): readonly (string | undefined)[] {
  return world.liveTasks(of).map(({ nodeId }) => nodeId);
}

test('tasks of a worker that fell silent run elsewhere, and it gives them back in order', async () => {
  const { world, agents } = await clusterOf(2);
  const web = await service(world, 6);
  const cut = agents[2] as ScriptedAgent;
  const lost = world.liveTasks(web).filter(({ nodeId }) => nodeId === 'node-3');
  assert.equal(lost.length, 2);
  cut.disconnect();
  await world.pass(20_000);
  assert.equal(stateOf(world, 'node-3'), 'down');
  assert.equal(world.liveTasks(web).length, 6);
  assert.ok(!nodesOf(world, web).includes('node-3'));
  for (const { id } of lost) {
    const row = world.control.view.tasks.get(id);
    assert.deepEqual([row?.desired, row?.end, row?.addresses.length], ['shutdown', undefined, 1]);
  }
  await cut.connect();
  await world.settle();
  assert.equal(stateOf(world, 'node-3'), 'ready');
  for (const { id } of lost) {
    assert.equal(world.control.view.tasks.get(id)?.end?.state, 'shutdown');
  }
  assert.equal(world.liveTasks(web).length, 6);
});

test('nobody is led to tasks of a node that is down', async () => {
  const { world, agents } = await clusterOf(2);
  const web = await service(world, 3);
  for (const agent of agents) agent.obedient = false;
  const readyOn = (nodeId: string): boolean | undefined => {
    const task = world.liveTasks(web).find((one) => one.nodeId === nodeId);
    return agents[0]?.view.catalogTasks.get(task?.id ?? '')?.ready;
  };
  assert.equal(readyOn('node-3'), true);
  agents[2]?.disconnect();
  await world.pass(20_000);
  assert.equal(stateOf(world, 'node-3'), 'down');
  assert.equal(readyOn('node-3'), false);
});

test('where half of the nodes vanish at once nothing is moved, and the nodes say why', async () => {
  const { world, agents } = await clusterOf(3);
  const web = await service(world, 4);
  const before = nodesOf(world, web);
  agents[2]?.disconnect();
  agents[3]?.disconnect();
  await world.pass(120_000);
  assert.deepEqual(nodesOf(world, web), before);
  assert.equal(stateOf(world, 'node-3'), 'unreachable');
  const message = world.control.observed.node('node-3')?.message ?? '';
  assert.match(message, /2 of 4 nodes fell silent together.*drained or removed/);
  const row = world.control.view.nodes.get('node-3');
  assert.ok(row);
  await world.control.updateNode(row.id, { ...row.spec, availability: 'drain' }, row.version);
  await world.pass(5_000);
  assert.equal(stateOf(world, 'node-3'), 'down');
  assert.ok(!nodesOf(world, web).includes('node-3'));
  assert.ok(nodesOf(world, web).includes('node-4'));
});

test('a manager that was frozen declares nobody down', async () => {
  const { world } = await clusterOf(3);
  const web = await service(world, 4);
  const before = nodesOf(world, web);
  for (let freeze = 0; freeze < 5; freeze += 1) {
    world.clock.freeze(60_000);
    await world.pass(1_000);
  }
  for (const id of ['node-1', 'node-2', 'node-3', 'node-4']) {
    assert.equal(stateOf(world, id), 'ready');
  }
  assert.deepEqual(nodesOf(world, web), before);
});

test('a manager that starts anew keeps what was moved, and moves nothing more in a hurry', async () => {
  const { world, agents } = await clusterOf(2);
  const web = await service(world, 3);
  agents[2]?.disconnect();
  await world.pass(20_000);
  const moved = nodesOf(world, web);
  assert.ok(!moved.includes('node-3'));
  world.crashManager();
  await world.startManager();
  for (const agent of agents.slice(0, 2)) await agent.connect();
  await world.pass(25_000);
  assert.deepEqual(nodesOf(world, web), moved);
  assert.equal(stateOf(world, 'node-3'), 'unknown');
  await world.pass(10_000);
  assert.equal(stateOf(world, 'node-3'), 'down');
  assert.deepEqual(nodesOf(world, web), moved);
});

test('a daemon that says that it goes has ten seconds to come back', async () => {
  const { world, agents } = await clusterOf(2);
  const web = await service(world, 3);
  const before = world.liveTasks(web).map(({ id }) => id);
  await agents[2]?.closeSession();
  await world.pass(9_000);
  assert.equal(stateOf(world, 'node-3'), 'unreachable');
  await agents[2]?.connect();
  await world.settle();
  assert.equal(stateOf(world, 'node-3'), 'ready');
  assert.deepEqual(
    world.liveTasks(web).map(({ id }) => id),
    before,
  );
});

test('a node that says that its machine goes down is given up after a second of doubt', async () => {
  const { world, agents } = await clusterOf(2);
  const web = await service(world, 3);
  // A manager that was alone looks seldom.
  await world.pass(3_000);
  await agents[2]?.closeSession({ returns: false });
  await world.pass(800);
  assert.equal(stateOf(world, 'node-3'), 'unreachable');
  await world.pass(700);
  assert.equal(stateOf(world, 'node-3'), 'down');
  assert.ok(!nodesOf(world, web).includes('node-3'));
});

test('whoever takes over from another manager waits less long for nodes than after a start', async () => {
  const { world } = await clusterOf(2);
  const stateAfterMs = async (durationMs: number, isTakeover: boolean) => {
    const observed = new ObservedState();
    const events = { nodeChanged: () => undefined, endSession: () => undefined };
    const { view } = world.control;
    const monitor = new NodeMonitor({
      clock: world.clock,
      logger: world.logger(),
      view,
      observed,
      events,
      isTakeover,
    });
    const running = monitor.run();
    monitor.connected('node-1');
    monitor.connected('node-2');
    for (let passedMs = 0; passedMs < durationMs; passedMs += 1_000) {
      await world.pass(1_000);
      for (const nodeId of ['node-1', 'node-2']) monitor.heard(nodeId, 'session');
    }
    monitor.stop();
    await world.pass(1_000);
    await running;
    return observed.node('node-3')?.state;
  };
  assert.deepEqual(
    [await stateAfterMs(7_000, true), await stateAfterMs(12_000, true)],
    ['unknown', 'down'],
  );
  assert.deepEqual(
    [await stateAfterMs(12_000, false), await stateAfterMs(35_000, false)],
    ['unknown', 'down'],
  );
});

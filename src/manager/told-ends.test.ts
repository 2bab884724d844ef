import assert from 'node:assert/strict';
import { test } from 'node:test';
import { declare, ManagerWorld } from '../../sim/manager-world.ts';
import { overlayNetwork } from '../../sim/overlay-network.ts';
import type { ScriptedAgent } from '../../sim/scripted-agent.ts';
import type { Service } from '../model/service.ts';
import type { Task } from '../model/task.ts';

/** A network that has as many addresses as the tasks of this service need. */
async function fullNetwork(): Promise<{
  readonly world: ManagerWorld;
  readonly agent: ScriptedAgent;
  readonly service: Service;
}> {
  const { world, agent } = await ManagerWorld.withCluster();
  const network = await world.control.createNetwork(
    overlayNetwork('tiny', { subnets: [{ subnet: '10.9.0.0/29' }] }),
  );
  const networks = [{ networkId: network.id, aliases: [], driverOptions: {} }];
  const service = await world.control.createService(
    declare('crowd', 7, { spec: { endpointMode: 'dnsrr' }, template: { networks } }),
  );
  await world.settle();
  assert.ok(waiting(world, service).length > 0);
  return { world, agent, service };
}

function waiting(world: ManagerWorld, service: Service): readonly Task[] {
  return world.liveTasks(service).filter((task) => task.nodeId === undefined);
}

function placed(world: ManagerWorld, service: Service): readonly Task[] {
  return world.liveTasks(service).filter((task) => task.nodeId !== undefined);
}

async function fail(world: ManagerWorld, agent: ScriptedAgent, task: Task): Promise<void> {
  await agent.report(task.id, { state: 'failed', exitCode: 1, since: world.clock.now() });
  await world.settle();
}

test('an address is given again as soon as the node knows that its task has ended', async () => {
  const { world, agent, service } = await fullNetwork();
  const before = placed(world, service);
  const [task] = before;
  assert.ok(task);
  await fail(world, agent, task);
  await world.pass(10_000);
  const after = placed(world, service);
  assert.equal(after.length, before.length);
  const heirs = after.filter(
    ({ addresses }) => addresses[0]?.address === task.addresses[0]?.address,
  );
  assert.equal(heirs.length, 1);
  assert.notEqual(heirs[0]?.id, task.id);
});

test('an address waits for the node that may give it to a stand-in', async () => {
  const { world, agent, service } = await fullNetwork();
  const before = placed(world, service);
  const [task] = before;
  assert.ok(task);
  // It reports, but nothing that it is told arrives.
  agent.obedient = false;
  await fail(world, agent, task);
  agent.disconnect();
  await world.pass(3_000);
  assert.notEqual(world.control.view.tasks.get(task.id)?.end, undefined);
  assert.equal(placed(world, service).length, before.length - 1);
  agent.obedient = true;
  await agent.connect();
  await world.pass(10_000);
  assert.equal(placed(world, service).length, before.length);
});

test('an address outlives the row of its task until the node knows that it is gone', async () => {
  const { world, agent, service } = await fullNetwork();
  const [task] = placed(world, service);
  assert.ok(task);
  agent.obedient = false;
  await fail(world, agent, task);
  agent.disconnect();
  await world.settle();
  await world.control.removeService(service.id);
  await world.settle();
  assert.equal(world.control.view.tasks.get(task.id), undefined);
  await world.agent('node-2').connect();
  await world.settle();
  const networks = [
    { networkId: task.addresses[0]?.networkId ?? '', aliases: [], driverOptions: {} },
  ];
  const heir = await world.control.createService(
    declare('heir', 1, { spec: { endpointMode: 'dnsrr' }, template: { networks } }),
  );
  await world.pass(3_000);
  const why = world.liveTasks(heir).map((one) => world.control.taskStatus(one).reason?.code);
  assert.deepEqual(why, ['addresses-exhausted']);
  agent.obedient = true;
  await agent.connect();
  await world.pass(10_000);
  assert.equal(placed(world, heir).length, 1);
});

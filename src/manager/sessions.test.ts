import assert from 'node:assert/strict';
import { test } from 'node:test';
import { declare, initRequest, ManagerWorld } from '../../sim/manager-world.ts';
import type { ScriptedAgent } from '../../sim/scripted-agent.ts';
import { overlayNetwork } from '../../sim/overlay-network.ts';
import type { NodeRole } from '../model/node.ts';

/** The view that the agent was told must be the one that a fresh session would be told. */
async function assertViewIsWhole(world: ManagerWorld, agent: ScriptedAgent): Promise<void> {
  const told = structuredClone(agent.view);
  agent.disconnect();
  await world.settle();
  agent.obedient = false;
  await agent.connect();
  await world.settle();
  assert.deepEqual(told, structuredClone(agent.view));
}

test('a session that breaks and returns forgets nothing', async () => {
  const { world, agent } = await ManagerWorld.withCluster();
  const service = await world.control.createService(declare('w', 2));
  await world.settle();
  const before = world.liveTasks(service);
  agent.disconnect();
  await world.pass(60_000);
  assert.equal(world.control.observed.node('node-1')?.state, 'unreachable');
  assert.deepEqual(world.liveTasks(service), before);
  for (const task of before) assert.equal(world.control.taskStatus(task).state, 'running');
  await agent.connect();
  await world.settle();
  assert.equal(world.control.observed.node('node-1')?.state, 'ready');
  assert.deepEqual(world.liveTasks(service), before);
});

test('a task that ended while nobody listened is replaced when its agent is back', async () => {
  const { world, agent } = await ManagerWorld.withCluster();
  const service = await world.control.createService(declare('w', 1));
  await world.settle();
  const [before] = world.liveTasks(service);
  assert.ok(before);
  agent.disconnect();
  await world.settle();
  await agent.report(before.id, { state: 'failed', exitCode: 1, since: world.clock.now() });
  await agent.connect();
  await world.settle();
  const [after] = world.liveTasks(service);
  assert.ok(after);
  assert.notEqual(after.id, before.id);
  assert.equal(world.control.view.tasks.get(before.id)?.end?.exitCode, 1);
});

test('an agent that falls silent loses its session after three periods', async () => {
  const { world, agent } = await ManagerWorld.withCluster();
  await world.pass(60_000);
  assert.equal(world.control.observed.node('node-1')?.state, 'ready');
  agent.silent = true;
  await world.pass(9_000);
  assert.equal(world.control.observed.node('node-1')?.state, 'ready');
  await world.pass(9_000);
  assert.equal(world.control.observed.node('node-1')?.state, 'unreachable');
});

test('a second session of the same node takes the place of the first', async () => {
  const { world, agent } = await ManagerWorld.withCluster();
  const again = world.agent('node-1');
  await again.connect();
  await world.settle();
  assert.deepEqual([agent.isConnected, again.isConnected], [false, true]);
  const service = await world.control.createService(declare('w', 1));
  await world.settle();
  const [task] = world.liveTasks(service);
  assert.ok(task);
  assert.equal(again.view.tasks.has(task.id), true);
  assert.equal(agent.view.tasks.has(task.id), false);
  assert.equal(world.control.observed.node('node-1')?.state, 'ready');
});

test('an agent speaks for the tasks of its own node only', async () => {
  const { world } = await ManagerWorld.withCluster();
  const service = await world.control.createService(declare('w', 1));
  await world.settle();
  const [task] = world.liveTasks(service);
  assert.ok(task);
  const other = world.agent('node-2', { hostname: 'other' });
  await other.connect();
  await world.settle();
  await other.report(task.id, { state: 'failed' });
  await world.settle();
  assert.equal(world.control.taskStatus(task).state, 'running');
});

test('without a cluster an agent is told nothing but that the manager lives', async () => {
  const world = await ManagerWorld.start();
  const agent = world.agent('node-1');
  await agent.connect();
  await world.pass(6_000);
  assert.deepEqual(
    agent.heard.map((message) => message.kind),
    ['beat'],
  );
  const { nodeId } = await world.control.initCluster(initRequest);
  await world.settle();
  assert.equal(nodeId, 'node-1');
  const assigns = agent.heard.filter((message) => message.kind === 'assign');
  assert.equal(assigns[0]?.full, true);
  assert.equal(world.control.view.nodes.get('node-1')?.spec.role, 'manager');
});

test('a message that comes before the hello ends the session', async () => {
  const world = await ManagerWorld.start();
  const session = await world.transport.agent().openSession(new AbortController().signal);
  await session.send({ kind: 'beat', sentAt: 0 });
  await world.settle();
  await assert.rejects(session.incoming[Symbol.asyncIterator]().next(), { code: 'unavailable' });
});

test('a node is told of networks, names and data while its tasks need them', async () => {
  const { world, agent } = await ManagerWorld.withCluster();
  const network = await world.control.createNetwork(overlayNetwork('net'));
  const secret = await world.control.createSecret({ name: 'sec', labels: {} }, btoa('x'));
  assert.equal(agent.view.networks.size, 0);
  const file = {
    sourceId: secret.id,
    sourceName: 'sec',
    target: 'sec',
    uid: '0',
    gid: '0',
    mode: 0o444,
  };
  const attachment = { networkId: network.id, aliases: ['web'], driverOptions: {} };
  const service = await world.control.createService(
    declare('w', 1, { container: { secrets: [file] }, template: { networks: [attachment] } }),
  );
  await world.settle();
  const [task] = world.liveTasks(service);
  assert.ok(task);
  assert.deepEqual([...agent.view.networks.keys()], [network.id]);
  assert.equal(agent.view.data.get(secret.id)?.data, btoa('x'));
  const [told] = agent.view.catalogServices.values();
  const row = world.control.view.services.get(service.id);
  assert.equal(told?.networks[0]?.virtualAddress, row?.virtualAddresses[0]?.address.split('/')[0]);
  assert.deepEqual(told?.networks[0]?.aliases, ['web']);
  assert.equal(agent.view.catalogTasks.get(task.id)?.ready, true);
  await assertViewIsWhole(world, agent);
  agent.obedient = true;
  await world.control.removeService(service.id);
  await world.settle();
  for (const [kind, values] of Object.entries(agent.view)) assert.equal(values.size, 0, kind);
});

test('a task that is told to stop leads nobody to it, and keeps its addresses until it has', async () => {
  const { world, agent } = await ManagerWorld.withCluster();
  const ports = [
    { protocol: 'tcp', targetPort: 80, publishedPort: 8080, mode: 'ingress' },
  ] as const;
  const service = await world.control.createService(declare('w', 2, { spec: { ports } }));
  await world.settle();
  assert.equal(agent.view.catalogTasks.size, 2);
  assert.deepEqual([...agent.view.catalogServices.values()][0]?.ports, ports);
  agent.obedient = false;
  const [, second] = world.liveTasks(service);
  assert.ok(second);
  const { version } = service;
  await world.control.updateService(service.id, declare('w', 1, { spec: { ports } }), { version });
  await world.settle();
  assert.equal(agent.view.tasks.get(second.id)?.desired, 'removed');
  assert.equal(agent.view.catalogTasks.get(second.id)?.ready, false);
  assert.deepEqual(agent.view.catalogTasks.get(second.id)?.addresses, second.addresses);
  await agent.report(second.id, { state: 'shutdown' });
  await world.settle();
  assert.equal(agent.view.catalogTasks.has(second.id), false);
  assert.equal(agent.view.catalogTasks.size, 1);
});

test('a task is ready for discovery only when all of its containers are healthy', async () => {
  const { world, agent } = await ManagerWorld.withCluster();
  agent.obedient = false;
  const ports = [{ protocol: 'tcp', targetPort: 80, mode: 'ingress' }] as const;
  const service = await world.control.createService(declare('w', 1, { spec: { ports } }));
  await world.settle();
  const [task] = world.liveTasks(service);
  assert.ok(task);
  const ready = (): boolean | undefined => agent.view.catalogTasks.get(task.id)?.ready;
  assert.equal(ready(), false);
  const container = { name: 'main', containerId: 'c' };
  await agent.report(task.id, { containers: [{ ...container, health: 'starting' }] });
  await world.settle();
  assert.equal(ready(), false);
  await agent.report(task.id, { containers: [{ ...container, health: 'healthy' }] });
  await world.settle();
  assert.equal(ready(), true);
  await agent.report(task.id, { containers: [{ ...container, health: 'unhealthy' }] });
  await world.settle();
  assert.equal(ready(), false);
});

test('one commit is one message, however much it changes', async () => {
  const { world, agent } = await ManagerWorld.withCluster();
  agent.obedient = false;
  agent.heard.length = 0;
  await world.control.createService(declare('w', 50));
  await world.settle();
  const assigns = agent.heard.filter((message) => message.kind === 'assign');
  assert.equal(assigns.length, 1);
  assert.equal(agent.view.tasks.size, 50);
});

test('a node that does not come back after a restart of the manager is not waited for long', async () => {
  const { world } = await ManagerWorld.withCluster();
  world.crashManager();
  await world.startManager();
  assert.equal(world.control.observed.node('node-1')?.state, 'unknown');
  await world.pass(31_000);
  assert.equal(world.control.observed.node('node-1')?.state, 'unreachable');
});

test('content of a secret leaves the node as soon as its task is told to stop', async () => {
  const { world, agent } = await ManagerWorld.withCluster();
  const secret = await world.control.createSecret({ name: 'sec', labels: {} }, btoa('x'));
  const file = {
    sourceId: secret.id,
    sourceName: 'sec',
    target: 'sec',
    uid: '0',
    gid: '0',
    mode: 0o444,
  };
  const declaration = declare('w', 1, { container: { secrets: [file] } });
  const service = await world.control.createService(declaration);
  await world.settle();
  assert.equal(agent.view.data.size, 1);
  agent.obedient = false;
  await world.control.removeService(service.id);
  await world.settle();
  assert.equal(agent.view.tasks.size, 1);
  assert.equal(agent.view.data.size, 0);
});

test('a removed service is found under no name while its tasks stop', async () => {
  const { world, agent } = await ManagerWorld.withCluster();
  const ports = [{ protocol: 'tcp', targetPort: 80, mode: 'ingress' }] as const;
  const service = await world.control.createService(declare('w', 1, { spec: { ports } }));
  await world.settle();
  assert.equal(agent.view.catalogServices.size, 1);
  agent.obedient = false;
  await world.control.removeService(service.id);
  await world.settle();
  assert.equal(agent.view.tasks.size, 1);
  assert.equal(agent.view.catalogServices.size, 0);
  assert.deepEqual(
    [...agent.view.catalogTasks.values()].map(({ ready }) => ready),
    [false],
  );
});

test('published ports are told to nodes that run none of the tasks', async () => {
  const { world } = await ManagerWorld.withCluster();
  const other = world.agent('node-2', { hostname: 'other' });
  await other.connect();
  await world.settle();
  const ports = [{ protocol: 'tcp', targetPort: 80, mode: 'ingress' }] as const;
  const placement = {
    constraints: ['node.hostname==vm'],
    preferences: [],
    maxReplicasPerNode: 0,
    platforms: [],
  };
  await world.control.createService(declare('private', 1, { spec: { placement } }));
  const service = await world.control.createService(
    declare('w', 1, { spec: { ports, placement } }),
  );
  await world.settle();
  assert.equal(other.view.tasks.size, 0);
  assert.deepEqual([...other.view.catalogServices.keys()], [service.id]);
  assert.equal([...other.view.catalogTasks.values()][0]?.ready, true);
  assert.equal([...other.view.networks.values()][0]?.ingress, true);
  await world.control.removeService(service.id);
  await world.settle();
  for (const [kind, values] of Object.entries(other.view)) assert.equal(values.size, 0, kind);
});

test('new labels of a service reach its tasks, and restart none', async () => {
  const { world, agent } = await ManagerWorld.withCluster();
  const service = await world.control.createService(declare('w', 1));
  await world.settle();
  const before = world.liveTasks(service);
  const labels = { team: 'a' };
  const { version } = service;
  await world.control.updateService(service.id, declare('w', 1, { spec: { labels } }), { version });
  await world.settle();
  assert.deepEqual(world.liveTasks(service), before);
  assert.deepEqual(agent.tasks[0]?.serviceLabels, labels);
});

test('a description that changes is written, one that does not is not, even on a full disk', async () => {
  const { world, agent } = await ManagerWorld.withCluster();
  const { revision } = world.control.view;
  agent.disconnect();
  await agent.connect();
  await world.settle();
  assert.equal(world.control.view.revision, revision);
  const description = { ...agent.description, engineVersion: '28.5.2' };
  await agent.send({ kind: 'description', description });
  await world.settle();
  const row = world.control.view.nodes.get('node-1');
  assert.equal(row?.description.engineVersion, '28.5.2');
  world.disk.full = true;
  agent.description = { ...description, engineVersion: '29.0.0' };
  agent.disconnect();
  await agent.connect();
  await world.settle();
  assert.equal(world.control.observed.node('node-1')?.state, 'ready');
});

test('what is gone from a node without a word about its end has ended, if it was to', async () => {
  const { world, agent } = await ManagerWorld.withCluster();
  const service = await world.control.createService(declare('w', 2));
  await world.settle();
  agent.obedient = false;
  const [first, second] = world.liveTasks(service);
  assert.ok(first && second);
  const { version } = service;
  await world.control.updateService(service.id, declare('w', 1), { version });
  await world.settle();
  const sentAt = world.clock.now();
  await agent.send({ kind: 'observed', sentAt, tasks: [], gone: [first.id, second.id] });
  await world.settle();
  assert.equal(world.control.view.tasks.get(first.id)?.end, undefined);
  assert.equal(world.control.view.tasks.get(second.id), undefined);
  assert.equal(world.control.observed.task(second.id), undefined);
});

test('an agent that comes back while its cluster is left is told to leave again', async () => {
  const { world, agent } = await ManagerWorld.withCluster();
  agent.obedient = false;
  let isOver = false;
  const leaving = world.control.leaveCluster({ force: true }).then(() => {
    isOver = true;
  });
  await world.settle();
  agent.disconnect();
  await world.settle();
  assert.equal(isOver, false);
  const again = world.agent('node-1');
  await again.connect();
  await leaving;
  await world.settle();
  assert.deepEqual(
    again.heard.map((message) => message.kind),
    ['leave'],
  );
});

test('an agent that left before its manager was restarted is not waited for', async () => {
  const { world, agent } = await ManagerWorld.withCluster();
  agent.obedient = false;
  agent.disconnect();
  await world.settle();
  let isOver = false;
  const leaving = world.control.leaveCluster({ force: true }).then(() => {
    isOver = true;
  });
  await world.pass(5_000);
  assert.equal(isOver, false);
  const begunAt = world.clock.now();
  await world.agent('node-of-another-machine', { hostname: 'other' }).connect();
  await world.pass(5_000);
  assert.equal(isOver, false);
  await world.agent('node-of-afterwards').connect();
  await leaving;
  assert.ok(world.clock.now() - begunAt < 10_000);
});

test('a node that is in a cluster that is no more is told to leave it, and is not taken in', async () => {
  const { world } = await ManagerWorld.withCluster();
  const stray = world.agent('node-2');
  stray.clusterId = 'a-cluster-of-before';
  await stray.connect();
  await world.settle();
  assert.deepEqual(
    stray.heard.map((message) => message.kind),
    ['leave'],
  );
  assert.equal(world.control.view.nodes.get('node-2'), undefined);
});

test('a node whose role changed while it had no session is asked to renew when it comes', async () => {
  const { world, agent } = await ManagerWorld.withCluster();
  const rootId = [...world.control.view.roots.all()].find(({ stage }) => stage === 'signing')?.id;
  const renewals = (): number => agent.heard.filter(({ kind }) => kind === 'renew').length;
  const comeAs = async (role: NodeRole): Promise<void> => {
    agent.disconnect();
    await world.settle();
    const address = '192.0.2.1';
    world.transport.peer = { nodeId: 'node-1', address, rootId: rootId ?? '', role };
    await agent.connect();
    await world.settle();
  };
  const role = world.control.view.nodes.get('node-1')?.spec.role ?? 'worker';
  await comeAs(role);
  assert.equal(renewals(), 0);
  await comeAs(role === 'worker' ? 'manager' : 'worker');
  assert.equal(renewals(), 1);
});

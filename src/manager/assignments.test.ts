import assert from 'node:assert/strict';
import { test } from 'node:test';
import { declare, ManagerWorld } from '../../sim/manager-world.ts';
import type { ScriptedAgent } from '../../sim/scripted-agent.ts';
import type { Network } from '../model/network.ts';
import { overlayNetwork } from '../../sim/overlay-network.ts';

/* Networks that span nodes are made of what the catalog says of nodes and of tasks. */

async function twoNodes(): Promise<{
  readonly world: ManagerWorld;
  readonly near: ScriptedAgent;
  readonly far: ScriptedAgent;
  readonly network: Network;
}> {
  const { world, agent } = await ManagerWorld.withCluster();
  const far = world.agent('node-2', { hostname: 'far', address: '192.0.2.2' });
  await far.connect();
  await world.settle();
  const network = await world.control.createNetwork(overlayNetwork('shared'));
  return { world, near: agent, far, network };
}

async function runOn(world: ManagerWorld, network: Network, hostname: string) {
  const placement = {
    constraints: [`node.hostname==${hostname}`],
    preferences: [],
    maxReplicasPerNode: 0,
    platforms: [],
  };
  const networks = [{ networkId: network.id, aliases: [], driverOptions: {} }];
  const service = await world.control.createService(
    declare(`on-${hostname}`, 1, { spec: { placement }, template: { networks } }),
  );
  await world.settle();
  return service;
}

function addresses({ view }: ScriptedAgent): Readonly<Record<string, string>> {
  return Object.fromEntries([...view.catalogNodes].map(([id, { address }]) => [id, address]));
}

test('nodes are told where the nodes of the tasks of their networks are', async () => {
  const { world, near, far, network } = await twoNodes();
  await runOn(world, network, 'vm');
  assert.deepEqual(addresses(near), { 'node-1': '192.0.2.1' }, 'nobody else is on the network');
  assert.deepEqual(addresses(far), {}, 'it is on no network');
  const service = await runOn(world, network, 'far');
  const both = { 'node-1': '192.0.2.1', 'node-2': '192.0.2.2' };
  assert.deepEqual([addresses(near), addresses(far)], [both, both]);
  const vxlan = near.view.networks.get(network.id)?.vxlan;
  assert.deepEqual(vxlan, { id: network.vxlanId, port: 4_789 });
  await world.control.removeService(service.id);
  await world.settle();
  assert.deepEqual(addresses(near), { 'node-1': '192.0.2.1' });
  assert.deepEqual(addresses(far), {});
});

test('every node is told of all nodes while a published port leads callers to it', async () => {
  const { world, near, far } = await twoNodes();
  const description = {
    ...far.description,
    takesCallers: true as const,
    hostSubnets: ['192.0.2.2/24', '10.9.0.7/32', '10.50.0.0/16'],
  };
  await far.send({ kind: 'description', description });
  const ports = [
    { protocol: 'tcp', targetPort: 80, publishedPort: 8080, mode: 'ingress' },
  ] as const;
  const service = await world.control.createService(declare('web', 0, { spec: { ports } }));
  await world.settle();
  const told = [
    { nodeId: 'node-1', address: '192.0.2.1' },
    // What it has a route to is no address of its own.
    { nodeId: 'node-2', address: '192.0.2.2', ownAddresses: ['192.0.2.2', '10.9.0.7'] },
  ];
  for (const { view } of [near, far]) {
    assert.deepEqual([...view.catalogNodes.values()].toSorted(byId), told);
  }
  const third = world.agent('node-3', { hostname: 'third', address: '192.0.2.3' });
  await third.connect();
  await world.settle();
  for (const { view } of [near, far, third]) assert.equal(view.catalogNodes.size, 3);
  await world.control.removeService(service.id);
  await world.settle();
  for (const { view } of [near, far, third]) assert.equal(view.catalogNodes.size, 0);
});

const byId = (left: { readonly nodeId: string }, right: { readonly nodeId: string }): number =>
  left.nodeId < right.nodeId ? -1 : 1;

test('a network has the size of packets of the smallest link, once a node says it', async () => {
  const { world, near, far, network } = await twoNodes();
  await runOn(world, network, 'vm');
  const told = () => near.view.networks.get(network.id)?.linkMtu;
  assert.equal(told(), undefined);
  await near.send({ kind: 'description', description: { ...near.description, linkMtu: 1_500 } });
  await far.send({ kind: 'description', description: { ...far.description, linkMtu: 1_280 } });
  await world.settle();
  assert.equal(told(), 1_280);
  // Networks of nobody could be made with such a size.
  await far.send({ kind: 'description', description: { ...far.description, linkMtu: 20 } });
  await world.settle();
  assert.equal(told(), 1_500);
});

test('a network has the size of packets that were seen to pass, until larger ones pass', async () => {
  const { world, near, far, network } = await twoNodes();
  await runOn(world, network, 'vm');
  const agents = [near, far];
  for (const agent of agents) {
    await agent.send({
      kind: 'description',
      description: { ...agent.description, linkMtu: 1_500 },
    });
  }
  const examine = async (largestBytes: number) => {
    const steps = Array.fromAsync(world.control.examineNetwork(new AbortController().signal));
    await world.settle();
    for (const agent of agents) {
      const asked = agent.heard.findLast((message) => message.kind === 'examine');
      const paths = (asked?.order.peers ?? []).map(({ nodeId }) => ({
        nodeId,
        sent: 10,
        answered: 10,
        full: false,
        largestBytes,
      }));
      await agent.send({
        kind: 'examined',
        requestId: asked?.requestId ?? '',
        examination: {
          at: 1,
          linkMtu: 1_500,
          dataPath: { kind: 'seen', fullBytes: 1_450, paths, heard: [] },
          ports: [],
          names: [],
          kernel: { differences: [], repairs: [], bridgeFilter: 'on' },
          dropPolicies: [],
        },
      });
    }
    const [last] = (await steps).slice(-1);
    await world.settle();
    return last?.kind === 'seen' ? last.examination.leftOut : undefined;
  };
  const told = () => near.view.networks.get(network.id)?.linkMtu;
  await world.settle();
  assert.equal(told(), 1_500);
  await examine(1_280);
  assert.equal(told(), 1_280);
  world.faults.failChance = 1;
  const leftOut = await examine(1_400);
  assert.match(leftOut?.join() ?? '', /the size of packets for new networks stays: /);
  assert.equal(told(), 1_280);
  world.faults.failChance = 0;
  assert.deepEqual(await examine(1_500), []);
  assert.equal(told(), 1_500);
});

test('nodes are told of an affinity; another one is refused', async () => {
  const { world, near } = await twoNodes();
  const ports = [
    { protocol: 'tcp', targetPort: 80, publishedPort: 8080, mode: 'ingress' },
  ] as const;
  const declared = (labels: Readonly<Record<string, string>>) =>
    declare('web', 0, { spec: { ports, labels } });
  await assert.rejects(
    world.control.createService(declared({ 'dev.tutti.affinity': 'cookie' })),
    /labels\["dev.tutti.affinity"\] is "cookie"; one of client-ip is expected/,
  );
  const service = await world.control.createService(
    declared({ 'dev.tutti.affinity': 'client-ip' }),
  );
  await world.settle();
  assert.equal(near.view.catalogServices.get(service.id)?.affinity, 'client-ip');
});

test('the new address of a node is told to those who reach its tasks', async () => {
  const { world, near, far, network } = await twoNodes();
  await runOn(world, network, 'vm');
  await runOn(world, network, 'far');
  const description = { ...far.description, address: '192.0.2.9' };
  await far.send({ kind: 'description', description });
  await world.settle();
  assert.equal(addresses(near)['node-2'], '192.0.2.9');
});

test('nobody is told of a node that is found by IPv6: kernels would refuse all the rest', async () => {
  const { world, near, far, network } = await twoNodes();
  await runOn(world, network, 'vm');
  await runOn(world, network, 'far');
  await far.send({ kind: 'description', description: { ...far.description, address: 'fd00::7' } });
  await world.settle();
  assert.deepEqual(addresses(near), { 'node-1': '192.0.2.1' });
});

test('the manager is where it said that others find it', async () => {
  const { world, near, network } = await twoNodes();
  await near.send({
    kind: 'description',
    description: { ...near.description, address: '10.9.9.9' },
  });
  await runOn(world, network, 'vm');
  assert.deepEqual(addresses(near), { 'node-1': '192.0.2.1' });
});

test('nobody is told where a node is that is down', async () => {
  const { world, near, far, network } = await twoNodes();
  await runOn(world, network, 'vm');
  await runOn(world, network, 'far');
  const row = world.control.view.nodes.get('node-2');
  assert.ok(row);
  far.disconnect();
  // One of two that falls silent is held for alive, until a person says otherwise.
  await world.control.updateNode(row.id, { ...row.spec, availability: 'drain' }, row.version);
  await world.pass(60_000);
  assert.equal(world.control.observed.node('node-2')?.state, 'down');
  assert.deepEqual(addresses(near), { 'node-1': '192.0.2.1' });
  await far.connect();
  await world.settle();
  assert.equal(world.control.observed.node('node-2')?.state, 'ready');
});

test('nodes are told of the ports of a service, those of mode host apart', async () => {
  const { world, near, network } = await twoNodes();
  const ports = [
    { protocol: 'tcp', targetPort: 80, publishedPort: 8_080, mode: 'ingress' },
    { protocol: 'udp', targetPort: 53, publishedPort: 5_353, mode: 'host' },
  ] as const;
  const networks = [{ networkId: network.id, aliases: [], driverOptions: {} }];
  const declaration = declare('ported', 1, { spec: { ports }, template: { networks } });
  const { id } = await world.control.createService(declaration);
  await world.settle();
  const told = near.view.catalogServices.get(id);
  assert.deepEqual(
    told?.ports.map(({ targetPort }) => targetPort),
    [80],
  );
  assert.deepEqual(
    told?.hostPorts?.map(({ targetPort }) => targetPort),
    [53],
  );
});

test('a container that has ended is ready no more, before its task has', async () => {
  const { world, near, far, network } = await twoNodes();
  const service = await runOn(world, network, 'far');
  await runOn(world, network, 'vm');
  const isReady = () =>
    [...near.view.catalogTasks.values()].find(({ serviceId }) => serviceId === service.id)?.ready;
  const [task] = [...world.control.view.tasks.by('service', service.id)];
  assert.ok(task);
  assert.equal(isReady(), true);
  const container = { name: 'main', containerId: 'c1', health: 'none' } as const;
  await far.report(task.id, { containers: [{ ...container, exitCode: 137 }] });
  await world.settle();
  assert.equal(isReady(), false);
  await far.report(task.id, { containers: [container] });
  await world.settle();
  assert.equal(isReady(), true);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { declare, ManagerWorld } from '../../sim/manager-world.ts';
import type { ScriptedAgent } from '../../sim/scripted-agent.ts';
import type { Network } from '../model/network.ts';

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
  const network = await world.control.createNetwork({
    name: 'shared',
    labels: {},
    driver: 'overlay',
    driverOptions: {},
    internal: false,
    attachable: false,
    ingress: false,
    enableIpv6: false,
    subnets: [],
  });
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

test('the new address of a node is told to those who reach its tasks', async () => {
  const { world, near, far, network } = await twoNodes();
  await runOn(world, network, 'vm');
  await runOn(world, network, 'far');
  const description = { ...far.description, address: '192.0.2.9' };
  await far.send({ kind: 'description', description });
  await world.settle();
  assert.equal(addresses(near)['node-2'], '192.0.2.9');
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

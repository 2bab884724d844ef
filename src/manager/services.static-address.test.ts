import assert from 'node:assert/strict';
import { test } from 'node:test';
import { declare, ManagerWorld } from '../../sim/manager-world.ts';
import { overlayNetwork } from '../../sim/overlay-network.ts';
import type { ScriptedAgent } from '../../sim/scripted-agent.ts';
import type { Network } from '../model/network.ts';
import type { ServiceDeclaration, ServiceSpec } from '../model/service.ts';

const subnets = [{ subnet: '10.20.0.0/24', gateway: '10.20.0.9', ipRange: '10.20.0.64/26' }];

interface Site {
  readonly world: ManagerWorld;
  readonly agent: ScriptedAgent;
  readonly net: Network;
}

async function site(): Promise<Site> {
  const { world, agent } = await ManagerWorld.withCluster();
  const net = await world.control.createNetwork(
    overlayNetwork('net', { attachable: true, subnets }),
  );
  await world.settle();
  return { world, agent, net };
}

function serviceAt(
  networkId: string,
  ipv4Address: string,
  spec: Partial<ServiceSpec> = {},
): ServiceDeclaration {
  const networks = [{ networkId, aliases: [], driverOptions: {}, ipv4Address }];
  return declare('web', 1, { spec, template: { networks } });
}

const refused: readonly (readonly [address: string, message: RegExp])[] = [
  ['10.20.1.5', /^10\.20\.1\.5 is not inside 10\.20\.0\.0\/24 of network net; take another/],
  ['10.20.0.0', /is the address of the subnet 10\.20\.0\.0\/24 of network net itself/],
  ['10.20.0.255', /is the broadcast address of 10\.20\.0\.0\/24 of network net/],
  ['10.20.0.9', /is the gateway of network net/],
  ['10.20.0.250', /one of the last addresses .*, 10\.20\.0\.248 to 10\.20\.0\.255, which/],
  ['10.20.0.5/24', /"10\.20\.0\.5\/24" is no IPv4 address/],
  ['fd00::5', /"fd00::5" is no IPv4 address/],
  ['', /"" is no IPv4 address/],
];

for (const [address, message] of refused) {
  test(`the static address "${address}" is refused with why`, async () => {
    const { world, net } = await site();
    await assert.rejects(world.control.createService(serviceAt(net.id, address)), {
      field: 'template.networks[0].ipv4Address',
      message,
    });
  });
}

const shared: readonly (readonly [what: string, field: string, spec: Partial<ServiceSpec>])[] = [
  ['two replicas', 'spec.mode.replicas', { mode: { kind: 'replicated', replicas: 2 } }],
  ['a global service', 'spec.mode', { mode: { kind: 'global' } }],
  ['a job', 'spec.mode', { mode: { kind: 'global-job' } }],
  ['an update that starts first', 'spec.update.order', { update: { order: 'start-first' } }],
  ['a rollback that starts first', 'spec.rollback.order', { rollback: { order: 'start-first' } }],
];

for (const [what, field, spec] of shared) {
  test(`${what} cannot have a static address, and the field is named`, async () => {
    const { world, net } = await site();
    const declaration = serviceAt(net.id, '10.20.0.5', spec);
    await assert.rejects(world.control.createService(declaration), {
      field,
      message: /static address 10\.20\.0\.5/,
    });
  });
}

test('it may lie outside of the range from which addresses are chosen', async () => {
  const { world, agent, net } = await site();
  const service = await world.control.createService(serviceAt(net.id, '10.20.0.5'));
  await world.settle();
  const place = { networkId: net.id, address: '10.20.0.5/24' };
  assert.deepEqual(agent.tasks[0]?.addresses, [place]);
  assert.deepEqual(service.virtualAddresses, []);
  const found = agent.view.catalogServices.get(service.id);
  assert.deepEqual(found?.networks, [{ networkId: net.id, aliases: [] }]);
});

test('a service cannot be scaled beyond one while it has a static address', async () => {
  const { world, net } = await site();
  const declaration = serviceAt(net.id, '10.20.0.5');
  const { id, version, spec } = await world.control.createService(declaration);
  const more: ServiceDeclaration = {
    ...declaration,
    spec: { ...spec, mode: { kind: 'replicated', replicas: 3 } },
  };
  await assert.rejects(world.control.updateService(id, more, { version }), {
    field: 'spec.mode.replicas',
    message: "the static address 10.20.0.5 is one task's; 3 replicas cannot share it",
  });
});

test('a container that asks for it is told whose it is', async () => {
  const { world, agent, net } = await site();
  await world.control.createService(
    serviceAt(net.id, '10.20.0.5', { mode: { kind: 'replicated', replicas: 0 } }),
  );
  await world.settle();
  await agent.send({ kind: 'attach', id: 'a', network: 'net', address: '10.20.0.5' });
  await world.settle();
  const answer = agent.heard.findLast((message) => message.kind === 'attached');
  assert.equal(answer?.refusal?.code, 'already-exists');
  assert.equal(
    answer?.refusal?.message,
    'the address 10.20.0.5 of network net is taken by service web',
  );
});

test('a container that has it keeps a service from declaring it', async () => {
  const { world, agent, net } = await site();
  await agent.send({ kind: 'attach', id: 'a', network: 'net', address: '10.20.0.5' });
  await world.settle();
  await assert.rejects(world.control.createService(serviceAt(net.id, '10.20.0.5')), {
    code: 'failed-precondition',
    message: /10\.20\.0\.5 of network net is already in use by a container of node /,
  });
});

test('what one service of a stack declares is not chosen for those before it', async () => {
  const { world } = await ManagerWorld.withCluster();
  const labels = { 'com.docker.stack.namespace': 'app' };
  const of = (name: string, ipv4Address?: string): ServiceDeclaration => {
    const address = ipv4Address === undefined ? {} : { ipv4Address };
    const networks = [{ networkId: 'app_net', aliases: [], driverOptions: {}, ...address }];
    return declare(name, 1, { spec: { labels }, template: { networks } });
  };
  await world.control.deployStack(
    {
      name: 'app',
      networks: [overlayNetwork('app_net', { labels, subnets: [{ subnet: '10.20.0.0/24' }] })],
      secrets: [],
      configs: [],
      services: [of('app_a'), of('app_b', '10.20.0.3'), of('app_c', '10.20.0.2')],
    },
    { prune: false },
  );
  await world.settle();
  const addresses = [...world.control.view.tasks.all()].map(({ addresses: [one] }) => one?.address);
  assert.ok(addresses.includes('10.20.0.3/24') && addresses.includes('10.20.0.2/24'));
  const [a] = [...world.control.view.services.by('name', 'app_a')];
  assert.equal(a?.virtualAddresses[0]?.address, '10.20.0.4/24');
});

test('the next task waits until the node knows that the one before has ended', async () => {
  const { world, agent, net } = await site();
  const service = await world.control.createService(serviceAt(net.id, '10.20.0.5'));
  await world.settle();
  const [old] = world.liveTasks(service);
  assert.ok(old?.nodeId);
  await world.agent('node-2', { hostname: 'other', address: '192.0.2.2' }).connect();
  await world.settle();
  const node = world.control.view.nodes.get(old.nodeId);
  assert.ok(node);
  // It reports, but nothing that it is told arrives.
  agent.obedient = false;
  await agent.report(old.id, { state: 'failed', exitCode: 1, since: world.clock.now() });
  agent.disconnect();
  const spec = { ...node.spec, availability: 'drain' } as const;
  await world.control.updateNode(node.id, spec, node.version);
  await world.pass(3_000);
  assert.notEqual(world.control.view.tasks.get(old.id)?.end, undefined);
  const [waiting] = world.liveTasks(service);
  assert.equal(waiting?.nodeId, undefined);
  const reason = waiting && world.control.taskStatus(waiting).reason;
  assert.equal(reason?.code, 'address-in-use');
  assert.match(
    reason?.message ?? '',
    /of a task that ended on node \S+, which does not know so yet$/,
  );
  agent.obedient = true;
  await agent.connect();
  await world.pass(10_000);
  const [next] = world.liveTasks(service);
  assert.equal(next?.nodeId, 'node-2');
  assert.deepEqual(next?.addresses, [{ networkId: net.id, address: '10.20.0.5/24' }]);
});

test('a removed service that is declared again elsewhere waits for the node, too', async () => {
  const { world, agent, net } = await site();
  const declaration = serviceAt(net.id, '10.20.0.5');
  const service = await world.control.createService(declaration);
  await world.settle();
  const [old] = world.liveTasks(service);
  assert.ok(old?.nodeId);
  await world.agent('node-2', { hostname: 'other', address: '192.0.2.2' }).connect();
  agent.obedient = false;
  await agent.report(old.id, { state: 'failed', exitCode: 1, since: world.clock.now() });
  agent.disconnect();
  await world.control.removeService(service.id);
  await world.settle();
  assert.equal(world.control.view.tasks.get(old.id), undefined);
  const constraints = ['node.hostname == other'];
  const { placement } = declaration.spec;
  const again = await world.control.createService(
    serviceAt(net.id, '10.20.0.5', { placement: { ...placement, constraints } }),
  );
  await world.pass(3_000);
  assert.equal(world.liveTasks(again)[0]?.nodeId, undefined);
  agent.obedient = true;
  await agent.connect();
  await world.pass(10_000);
  assert.equal(world.liveTasks(again)[0]?.addresses[0]?.address, '10.20.0.5/24');
});

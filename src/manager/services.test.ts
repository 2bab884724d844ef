import assert from 'node:assert/strict';
import { test } from 'node:test';
import { declare, ManagerWorld } from '../../sim/manager-world.ts';
import type { ControlPlane } from './control-plane.ts';
import type { NetworkSpec } from '../model/network.ts';
import type { ServiceSpec } from '../model/service.ts';
import { overlayNetwork } from '../../sim/overlay-network.ts';

const overlay = overlayNetwork('net');

function publishing(
  publishedPort: number,
  mode: 'ingress' | 'host' = 'ingress',
): { readonly spec: Partial<ServiceSpec> } {
  return { spec: { ports: [{ protocol: 'tcp', targetPort: 80, publishedPort, mode }] } };
}

test('names are unique whatever their case', async () => {
  const { world } = await ManagerWorld.withCluster();
  await world.control.createService(declare('web', 0));
  await assert.rejects(world.control.createService(declare('WEB', 0)), {
    code: 'already-exists',
    message: 'service WEB already exists',
  });
});

test('the name and the port of a removed service are free at once', async () => {
  const { world, agent } = await ManagerWorld.withCluster();
  const before = await world.control.createService(declare('web', 1, publishing(80)));
  await world.settle();
  agent.obedient = false;
  await world.control.removeService(before.id);
  await world.settle();
  assert.ok(world.control.view.services.get(before.id));
  const after = await world.control.createService(declare('web', 1, publishing(80)));
  await world.settle();
  assert.equal(after.publishedPorts[0]?.publishedPort, 80);
  assert.equal(world.liveTasks(after).length, 1);
  await assert.rejects(world.control.removeService(before.id), { code: 'not-found' });
});

const conflicts = [
  { first: 'ingress', second: 'ingress', as: 'an ingress port' },
  { first: 'ingress', second: 'host', as: 'an ingress port' },
  { first: 'host', second: 'ingress', as: 'a host-published port' },
] as const;

for (const { first, second, as } of conflicts) {
  test(`a port in ${second} mode is refused where another has it in ${first} mode`, async () => {
    const { world } = await ManagerWorld.withCluster();
    const p = await world.control.createService(declare('p', 1, publishing(8080, first)));
    await world.settle();
    await assert.rejects(world.control.createService(declare('q', 1, publishing(8080, second))), {
      code: 'invalid-argument',
      field: 'spec.ports[0].publishedPort',
      message: `port '8080' is already in use by service 'p' (${p.id}) as ${as}`,
    });
  });
}

test('two services may share a port of mode host', async () => {
  const { world } = await ManagerWorld.withCluster();
  await world.control.createService(declare('p', 0, publishing(8080, 'host')));
  await world.control.createService(declare('q', 0, publishing(8080, 'host')));
  assert.equal(world.control.view.services.size, 2);
});

test('of two services that are declared at once with one port, one is refused', async () => {
  const { world } = await ManagerWorld.withCluster();
  const outcomes = await Promise.allSettled([
    world.control.createService(declare('p', 1, publishing(8080))),
    world.control.createService(declare('q', 1, publishing(8080))),
  ]);
  assert.deepEqual(
    outcomes.map((outcome) => outcome.status),
    ['fulfilled', 'rejected'],
  );
});

test('a port that the cluster chose stays through updates', async () => {
  const { world } = await ManagerWorld.withCluster();
  const ports = [{ protocol: 'tcp', targetPort: 80, mode: 'ingress' }] as const;
  const service = await world.control.createService(declare('w', 1, { spec: { ports } }));
  assert.equal(service.publishedPorts[0]?.publishedPort, 30_000);
  const { version } = service;
  const more = declare('w', 2, { spec: { ports } });
  const updated = await world.control.updateService(service.id, more, { version });
  assert.equal(updated.publishedPorts[0]?.publishedPort, 30_000);
  assert.deepEqual(updated.spec.ports, ports);
});

test('an update on an older version, of another name, or of another mode is refused', async () => {
  const { world } = await ManagerWorld.withCluster();
  const service = await world.control.createService(declare('w', 1));
  await world.settle();
  const { version } = service;
  const update: ControlPlane['updateService'] = async (id, declaration, options) =>
    await world.control.updateService(id, declaration, options);
  await assert.rejects(update(service.id, declare('w', 2), { version: version - 1 }), {
    code: 'conflict',
    message: 'update out of sequence',
  });
  await assert.rejects(update(service.id, declare('v', 1), { version }), {
    code: 'unimplemented',
    field: 'spec.name',
  });
  const everywhere = declare('w', 1, { spec: { mode: { kind: 'global' } } });
  await assert.rejects(update(service.id, everywhere, { version }), {
    code: 'unimplemented',
    field: 'spec.mode',
  });
  await assert.rejects(update('nope', declare('w', 1), { version }), { code: 'not-found' });
  assert.equal(world.control.view.services.get(service.id), service);
});

test('the same declaration again changes nothing, and a rollback stays possible', async () => {
  const { world } = await ManagerWorld.withCluster();
  const first = await world.control.createService(declare('w', 1));
  await world.settle();
  const second = await world.control.updateService(
    first.id,
    declare('w', 1, { container: { image: 'bb:2' } }),
    { version: first.version },
  );
  await world.pass(20_000);
  const settled = world.control.view.services.get(first.id);
  assert.ok(settled);
  const again = declare('w', 1, { container: { image: 'bb:2' } });
  const third = await world.control.updateService(first.id, again, { version: second.version });
  assert.equal(third.previous?.templateId, first.templateId);
  assert.equal(third.version, second.version);
});

test('an update replaces the tasks, and a rollback brings the old template back', async () => {
  const { world } = await ManagerWorld.withCluster();
  const first = await world.control.createService(declare('w', 2));
  await world.settle();
  const second = await world.control.updateService(
    first.id,
    declare('w', 2, { container: { image: 'bb:2' } }),
    { version: first.version },
  );
  await world.pass(30_000);
  const updated = world.control.view.services.get(first.id);
  assert.equal(updated?.update?.state, 'completed');
  const images = (): readonly (string | undefined)[] =>
    world.liveTasks(first).map((task) => {
      const template = world.control.view.templates.get(task.templateId);
      return template?.spec.containers[0]?.image;
    });
  assert.deepEqual(images(), ['bb:2', 'bb:2']);
  const { version } = second;
  const back = await world.control.updateService(first.id, undefined, { version, rollback: true });
  assert.equal(back.update?.state, 'rollback_started');
  assert.equal(back.templateId, first.templateId);
  await world.pass(30_000);
  assert.equal(world.control.view.services.get(first.id)?.update?.state, 'rollback_completed');
  assert.deepEqual(images(), ['bb:1', 'bb:1']);
});

test('there is nothing to roll back to before the first update', async () => {
  const { world } = await ManagerWorld.withCluster();
  const { id, version } = await world.control.createService(declare('w', 1));
  await assert.rejects(world.control.updateService(id, undefined, { version, rollback: true }), {
    code: 'failed-precondition',
    message: 'service w does not have a previous spec',
  });
});

test('credentials are kept by an update that brings none, and reach the agent only', async () => {
  const { world, agent } = await ManagerWorld.withCluster();
  const declaration = { ...declare('w', 1), registryAuth: 'c2VjcmV0' };
  const service = await world.control.createService(declaration);
  await world.settle();
  assert.equal(agent.tasks[0]?.registryAuth, 'c2VjcmV0');
  const { version } = service;
  const updated = await world.control.updateService(service.id, declare('w', 2), { version });
  assert.equal(updated.registryAuth, 'c2VjcmV0');
  assert.equal(JSON.stringify(world.log).includes('c2VjcmV0'), false);
});

test('dependencies in a circle are refused with the whole circle', async () => {
  const { world } = await ManagerWorld.withCluster();
  const on = (service: string): { readonly spec: Partial<ServiceSpec> } => ({
    spec: { dependsOn: [{ service, condition: 'started', required: true }] },
  });
  const a = await world.control.createService(declare('a', 1));
  await world.control.createService(declare('b', 1, on('a')));
  await world.control.createService(declare('c', 1, on('b')));
  await world.settle();
  await assert.rejects(
    world.control.updateService(a.id, declare('a', 1, on('c')), { version: a.version }),
    { field: 'spec.dependsOn[0].service', message: /a → c → b → a depend on each other/ },
  );
});

test('a network in use stays, and one whose tasks are stopping goes with the last', async () => {
  const { world, agent } = await ManagerWorld.withCluster();
  const network = await world.control.createNetwork(overlay);
  assert.equal(network.subnets[0]?.subnet, '10.0.1.0/24');
  const networks = [{ networkId: network.id, aliases: [], driverOptions: {} }];
  const service = await world.control.createService(declare('w', 1, { template: { networks } }));
  await world.settle();
  await assert.rejects(world.control.removeNetwork(network.id), {
    code: 'failed-precondition',
    message: /network net is in use by service "w"/,
  });
  agent.obedient = false;
  await world.control.removeService(service.id);
  await world.control.removeNetwork(network.id);
  await world.settle();
  assert.equal(world.control.view.networks.get(network.id)?.removing, true);
  assert.equal(agent.view.networks.has(network.id), true);
  const again = await world.control.createNetwork(overlay);
  assert.notEqual(again.id, network.id);
  const [task] = agent.tasks;
  assert.ok(task);
  await agent.report(task.taskId, { state: 'shutdown' });
  await world.settle();
  assert.equal(world.control.view.networks.get(network.id), undefined);
  assert.equal(world.control.view.services.get(service.id), undefined);
  assert.equal(agent.view.networks.has(network.id), false);
});

const badNetworks: readonly (readonly [string, Partial<NetworkSpec>, string, RegExp])[] = [
  ['an empty name', { name: '' }, 'spec.name', /is empty/],
  ['a name like a path', { name: 'a/b' }, 'spec.name', /"a\/b"; letters/],
  ['another driver', { driver: 'bridge' }, 'spec.driver', /not "bridge"/],
  ['another address manager', { ipamDriver: 'dhcp' }, 'spec.ipamDriver', /"dhcp" is not supported/],
  [
    'IPv6 on an ingress network',
    { enableIpv6: true, ingress: true },
    'spec.enableIpv6',
    /ingress network has IPv4 addresses only/,
  ],
  [
    'packets too small for IPv6',
    { enableIpv6: true, driverOptions: { 'com.docker.network.driver.mtu': '1279' } },
    'spec.driverOptions',
    /"1279"; IPv6 needs packets of at least 1280/,
  ],
  [
    'two subnets of IPv4',
    { subnets: [{ subnet: '10.9.0.0/24' }, { subnet: '10.8.0.0/24' }] },
    'spec.subnets',
    /one subnet of IPv4, not 2/,
  ],
  [
    'two subnets of IPv6',
    { enableIpv6: true, subnets: [{ subnet: 'fd00:1::/64' }, { subnet: 'fd00:2::/64' }] },
    'spec.subnets',
    /one subnet of IPv6 at most/,
  ],
  [
    'a range of IPv6',
    { enableIpv6: true, subnets: [{ subnet: 'fd00::/64', ipRange: 'fd00::/80' }] },
    'spec.subnets[0].ipRange',
    /not supported/,
  ],
  [
    'a gateway that a container could have',
    { enableIpv6: true, subnets: [{ subnet: 'fd00::/64', gateway: 'fd00::5' }] },
    'spec.subnets[0].gateway',
    /"fd00::5" .* is among those that containers get/,
  ],
  [
    'too small a subnet of IPv6',
    { enableIpv6: true, subnets: [{ subnet: '10.9.0.0/24' }, { subnet: 'fd00::/121' }] },
    'spec.subnets[1].subnet',
    /no room for an address beside each of 10\.9\.0\.0\/24/,
  ],
  [
    'addresses of a link alone',
    { enableIpv6: true, subnets: [{ subnet: 'fe80::/64' }] },
    'spec.subnets[0].subnet',
    /no addresses that containers can have/,
  ],
  [
    'no subnet of IPv6',
    { enableIpv6: true, subnets: [{ subnet: 'fd00::1' }] },
    'spec.subnets[0].subnet',
    /is no subnet; write it like fd00:9::\/64/,
  ],
  [
    'no subnet',
    { subnets: [{ subnet: '10.9' }] },
    'spec.subnets[0].subnet',
    /"10\.9" is no subnet/,
  ],
  [
    'an IPv6 subnet',
    { subnets: [{ subnet: 'fd00::/64' }] },
    'spec.subnets[0].subnet',
    /is an IPv6 subnet, and IPv6 is off/,
  ],
  [
    'too small a subnet',
    { subnets: [{ subnet: '10.9.0.0/30' }] },
    'spec.subnets[0].subnet',
    /small/,
  ],
  [
    'a gateway elsewhere',
    { subnets: [{ subnet: '10.9.0.0/24', gateway: '10.8.0.1' }] },
    'spec.subnets[0].gateway',
    /"10\.8\.0\.1" is no address of 10\.9\.0\.0\/24/,
  ],
  [
    'a range elsewhere',
    { subnets: [{ subnet: '10.9.0.0/24', ipRange: '10.8.0.0/25' }] },
    'spec.subnets[0].ipRange',
    /not inside/,
  ],
  [
    'the subnet of another network',
    { subnets: [{ subnet: '10.0.0.128/25' }] },
    'spec.subnets[0].subnet',
    /overlaps 10\.0\.0\.0\/24 of network ingress/,
  ],
  [
    'the subnet that a node has',
    { subnets: [{ subnet: '172.17.4.0/24' }] },
    'spec.subnets[0].subnet',
    /overlaps 172\.17\.0\.0\/16, which node vm has/,
  ],
];

for (const [what, change, field, message] of badNetworks) {
  test(`no network is made with ${what}`, async () => {
    const { world } = await ManagerWorld.withCluster();
    const { revision } = world.control.view;
    await assert.rejects(world.control.createNetwork({ ...overlay, ...change }), {
      field,
      message,
    });
    assert.equal(world.control.view.revision, revision);
  });
}

test('predefined networks stay, and nothing is attached to the ingress network', async () => {
  const { world } = await ManagerWorld.withCluster();
  const byName = (name: string): string => {
    const [network] = world.control.view.networks.by('name', name);
    return network?.id ?? '';
  };
  await assert.rejects(world.control.removeNetwork(byName('host')), /pre-defined network/);
  const attach = (id: string, aliases: readonly string[] = []): Promise<unknown> => {
    const networks = [{ networkId: id, aliases, driverOptions: {} }];
    return world.control.createService(declare('w', 1, { template: { networks } }));
  };
  await assert.rejects(attach(byName('ingress')), /attached to the ingress network "ingress"/);
  await assert.rejects(attach(byName('bridge'), ['db']), /leave out the alias "db"/);
  const networks = [byName('host'), byName('bridge')].map((networkId) => ({
    networkId,
    aliases: [],
    driverOptions: {},
  }));
  const both = declare('w', 1, { template: { networks } });
  await assert.rejects(
    world.control.createService(both),
    /on the host network cannot be on bridge/,
  );
  const published = declare('w', 1, {
    ...publishing(80),
    template: { networks: networks.slice(0, 1) },
  });
  await assert.rejects(world.control.createService(published), /cannot be published from the host/);
});

test('the ingress network goes when nothing is published, and then nothing can be', async () => {
  const { world } = await ManagerWorld.withCluster();
  const [ingress] = world.control.view.networks.by('ingress', 'yes');
  assert.ok(ingress);
  const service = await world.control.createService(declare('w', 0, publishing(80)));
  await assert.rejects(world.control.removeNetwork(ingress.id), /in use by service "w"/);
  await world.control.removeService(service.id);
  await world.control.removeNetwork(ingress.id);
  await world.settle();
  await assert.rejects(world.control.createService(declare('x', 0, publishing(80))), {
    code: 'failed-precondition',
    message: /no ingress network is present/,
  });
});

test('a second rollback goes forward again', async () => {
  const { world } = await ManagerWorld.withCluster();
  const first = await world.control.createService(declare('w', 1));
  await world.settle();
  const next = declare('w', 1, { container: { image: 'bb:2' } });
  const second = await world.control.updateService(first.id, next, { version: first.version });
  await world.pass(30_000);
  const back = await world.control.updateService(first.id, undefined, {
    version: second.version,
    rollback: true,
  });
  await world.pass(30_000);
  const forth = await world.control.updateService(first.id, undefined, {
    version: back.version,
    rollback: true,
  });
  assert.equal(back.templateId, first.templateId);
  assert.equal(forth.templateId, second.templateId);
});

test('a service whose dependency is gone can still be changed, but depends on nothing new', async () => {
  const { world } = await ManagerWorld.withCluster();
  const { control } = world;
  const db = await control.createService(declare('db', 1));
  const dependsOn = [{ service: 'db', condition: 'started', required: true }] as const;
  const web = await control.createService(declare('web', 1, { spec: { dependsOn } }));
  await world.settle();
  await control.removeService(db.id);
  await world.settle();
  const scaled = await control.updateService(web.id, declare('web', 2, { spec: { dependsOn } }), {
    version: web.version,
  });
  await world.settle();
  assert.equal(world.liveTasks(scaled).length, 2);
  const other = [{ service: 'cache', condition: 'started', required: true }] as const;
  await assert.rejects(
    control.updateService(web.id, declare('web', 2, { spec: { dependsOn: other } }), {
      version: scaled.version,
    }),
    /"cache", which is unknown/,
  );
});

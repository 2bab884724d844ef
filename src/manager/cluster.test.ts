import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SimulatedAuthority } from '../../sim/authority.ts';
import { declare, initRequest, ManagerWorld } from '../../sim/manager-world.ts';
import { Prng } from '../lib/prng.ts';
import type { ClusterSpec } from '../model/cluster.ts';
import type { InitCluster } from './control-plane.ts';

test('a new cluster has an ingress network, the networks of the node, and tokens', async () => {
  const { world } = await ManagerWorld.withCluster();
  const networks = [...world.control.view.networks.all()];
  assert.deepEqual(
    networks.map((network) => [
      network.spec.name,
      network.predefined === true,
      network.subnets[0]?.subnet,
    ]),
    [
      ['ingress', false, '10.0.0.0/24'],
      ['host', true, undefined],
      ['bridge', true, undefined],
    ],
  );
  const cluster = world.control.cluster();
  const token = /^SWMTKN-1-[0-9a-z]{50}-[0-9a-z]{25}$/;
  assert.match(cluster?.joinTokens.worker ?? '', token);
  assert.match(cluster?.joinTokens.manager ?? '', token);
  assert.notEqual(cluster?.joinTokens.worker, cluster?.joinTokens.manager);
  assert.equal(cluster?.dataPathPort, 4789);
  assert.equal(world.control.nodeId, 'node-1');
});

test('rotating a token changes its secret and keeps its digest', async () => {
  const { world } = await ManagerWorld.withCluster();
  const before = world.control.cluster();
  assert.ok(before);
  const { spec, version } = before;
  const rotate = { version, rotateWorkerToken: true, rotateManagerToken: false };
  await world.control.updateCluster(spec, rotate);
  const after = world.control.cluster();
  assert.equal(after?.joinTokens.manager, before.joinTokens.manager);
  assert.notEqual(after?.joinTokens.worker, before.joinTokens.worker);
  const digest = (token: string | undefined): string | undefined => token?.split('-')[2];
  assert.equal(digest(after?.joinTokens.worker), digest(before.joinTokens.worker));
  await assert.rejects(world.control.updateCluster(spec, rotate), {
    code: 'conflict',
    message: 'update out of sequence',
  });
});

const badInits: readonly (readonly [string, Partial<InitCluster>, string, RegExp])[] = [
  ['no address', { advertiseAddress: 'eth0' }, 'advertiseAddress', /"eth0" is no IP address/],
  [
    'a pool that is none',
    { defaultAddressPools: ['10.0'] },
    'defaultAddressPools[0]',
    /"10.0" is no/,
  ],
  [
    'a pool without room',
    { defaultAddressPools: ['10.0.0.0/28'] },
    'defaultAddressPools[0]',
    /no room for a subnet of size \/24/,
  ],
  [
    'an absurd subnet size',
    { subnetPrefixLength: 31 },
    'subnetPrefixLength',
    /is 31; a whole number/,
  ],
  [
    'a privileged data port',
    { dataPathPort: 80 },
    'dataPathPort',
    /is 80; a whole number from 1024/,
  ],
];

for (const [name, change, field, message] of badInits) {
  test(`no cluster is made with ${name}`, async () => {
    const world = await ManagerWorld.start();
    await world.agent('node-1').connect();
    const { revision } = world.control.view;
    const refused = world.control.initCluster({ ...initRequest, ...change });
    await assert.rejects(refused, { field, message });
    assert.equal(world.control.cluster(), undefined);
    assert.equal(world.control.view.revision, revision);
  });
}

const badSpecs: readonly (readonly [Partial<ClusterSpec>, string])[] = [
  [{ taskHistoryLimit: 1.5 }, 'spec.taskHistoryLimit'],
  [{ heartbeatPeriodMs: 1 }, 'spec.heartbeatPeriodMs'],
  [{ name: 'other' }, 'spec.name'],
];

for (const [change, field] of badSpecs) {
  test(`a cluster setting is refused by name: ${field}`, async () => {
    const { world } = await ManagerWorld.withCluster();
    const cluster = world.control.cluster();
    assert.ok(cluster);
    const { version } = cluster;
    const options = { version, rotateWorkerToken: false, rotateManagerToken: false };
    const refused = world.control.updateCluster({ ...cluster.spec, ...change }, options);
    await assert.rejects(refused, { field });
    assert.equal(world.control.cluster(), cluster);
  });
}

test('locked managers have an unlock key, which changes when that is asked, and goes with it', async () => {
  const kept: (string | undefined)[] = [];
  const dice = new Prng(2);
  const authority = Object.assign(new SimulatedAuthority((count) => dice.bytes(count)), {
    keepUnder: async (unlockKey: string | undefined) => void kept.push(unlockKey),
  });
  const { world } = await ManagerWorld.withCluster({ authority });
  kept.length = 0;
  const update = async (autoLockManagers: boolean, rotateUnlockKey: boolean): Promise<void> => {
    const cluster = world.control.cluster();
    assert.ok(cluster);
    await world.control.updateCluster(
      { ...cluster.spec, autoLockManagers },
      {
        version: cluster.version,
        rotateWorkerToken: false,
        rotateManagerToken: false,
        rotateUnlockKey,
      },
    );
  };
  await update(false, true);
  await update(true, false);
  await update(true, false);
  await update(true, true);
  assert.equal(world.control.cluster()?.unlockKey, kept.at(-1));
  await update(false, false);
  const [none, first, same, second, gone] = kept;
  assert.match(first ?? '', /^SWMKEY-1-/);
  assert.match(second ?? '', /^SWMKEY-1-/);
  assert.deepEqual([none, same, gone], [undefined, first, undefined]);
  assert.notEqual(second, first);
});

test('a second cluster on the same node is refused', async () => {
  const { world } = await ManagerWorld.withCluster();
  await assert.rejects(world.control.initCluster(initRequest), /already part of a swarm/);
});

test('a cluster is made as soon as the agent of the node is there, not before', async () => {
  const world = await ManagerWorld.start();
  const waiting = world.control.initCluster(initRequest);
  await world.pass(3_000);
  await world.agent('node-1').connect();
  assert.deepEqual(await waiting, { nodeId: 'node-1' });

  const lonely = await ManagerWorld.start();
  const refused = assert.rejects(lonely.control.initCluster(initRequest), {
    code: 'unavailable',
    message: /no agent has connected to this manager within 10000 ms/,
  });
  await lonely.pass(11_000);
  await refused;
});

test('without a cluster nothing can be declared', async () => {
  const world = await ManagerWorld.start();
  await assert.rejects(world.control.createService(declare('w', 1)), /not a swarm manager/);
  await assert.rejects(world.control.leaveCluster({ force: true }), /not part of a swarm/);
});

test('leaving asks for force, has the nodes clean up, and then empties the store', async () => {
  const { world, agent } = await ManagerWorld.withCluster();
  await world.control.createService(declare('w', 2));
  await world.settle();
  await assert.rejects(world.control.leaveCluster({ force: false }), /Use `--force`/);
  await world.control.leaveCluster({ force: true });
  await world.settle();
  assert.equal(agent.heard.at(-1)?.kind, 'leave');
  const { view } = world.control;
  for (const table of [view.tasks, view.services, view.networks, view.nodes, view.clusters]) {
    assert.equal(table.size, 0);
  }
  const reborn = world.agent('node-2');
  await reborn.connect();
  await world.settle();
  assert.deepEqual(await world.control.initCluster(initRequest), { nodeId: 'node-2' });
});

test('a node that does not clean up holds the leaving up for a bounded time only', async () => {
  const { world, agent } = await ManagerWorld.withCluster();
  agent.obedient = false;
  let left = false;
  const leaving = world.control.leaveCluster({ force: true }).then(() => {
    left = true;
  });
  await world.pass(55_000);
  assert.equal(left, false);
  await world.pass(10_000);
  assert.equal(left, true);
  await leaving;
  assert.equal(world.control.cluster(), undefined);
});

test('tasks that end while the cluster is left are not replaced', async () => {
  const { world, agent } = await ManagerWorld.withCluster();
  const service = await world.control.createService(declare('w', 1));
  await world.settle();
  const [task] = world.liveTasks(service);
  assert.ok(task);
  agent.obedient = false;
  const leaving = world.control.leaveCluster({ force: true });
  await world.settle();
  world.commits.length = 0;
  await agent.report(task.id, { state: 'failed' });
  await world.settle();
  assert.equal(world.commits.length, 0);
  await agent.leave();
  await world.settle();
  await leaving;
  assert.equal(world.control.view.tasks.size, 0);
});

test('while the cluster is left nothing can be declared, and leaving twice is leaving once', async () => {
  const { world, agent } = await ManagerWorld.withCluster();
  agent.obedient = false;
  const leaving = world.control.leaveCluster({ force: true });
  await world.settle();
  await assert.rejects(world.control.createService(declare('w', 1)), /being left/);
  const again = world.control.leaveCluster({ force: true });
  await agent.leave();
  await Promise.all([leaving, again]);
  await world.settle();
  assert.equal(agent.heard.filter((message) => message.kind === 'leave').length, 1);
  assert.equal(world.control.cluster(), undefined);
});

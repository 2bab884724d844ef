import assert from 'node:assert/strict';
import { test } from 'node:test';
import { declare, ManagerWorld } from '../../sim/manager-world.ts';
import { clusterDefaults } from '../model/cluster.ts';
import type { ClusterSpec } from '../model/cluster.ts';
import type { NetworkSpec } from '../model/network.ts';
import type { ContainerSpec } from '../model/template.ts';
import { overlayNetwork } from '../../sim/overlay-network.ts';

/** Settings that nobody would act on are refused: a promise that is kept by nobody is none. */

const overlay = overlayNetwork('net');

const networks: readonly (readonly [Partial<NetworkSpec>, string, RegExp])[] = [
  [
    { driverOptions: { 'com.docker.network.bridge.name': 'br0' } },
    'spec.driverOptions',
    /"com\.docker\.network\.bridge\.name" of networks is not supported/,
  ],
  [
    { driverOptions: { 'com.docker.network.driver.mtu': 'big' } },
    'spec.driverOptions',
    /mtu is "big"; a number of bytes from 576 to 65535/,
  ],
  [{ ipamOptions: { a: 'b' } }, 'spec.ipamOptions', /IPAM option "a" is not supported/],
];

test('options of networks that mean nothing are refused by name', async () => {
  const { world } = await ManagerWorld.withCluster();
  for (const [parts, field, message] of networks) {
    const created = world.control.createNetwork({ ...overlay, ...parts });
    await assert.rejects(created, { field, message });
  }
  const driverOptions = { 'com.docker.network.driver.mtu': '1400', encrypted: '' };
  await world.control.createNetwork({ ...overlay, driverOptions });
});

test('an option of an attachment is refused by name', async () => {
  const { world } = await ManagerWorld.withCluster();
  const { id } = await world.control.createNetwork(overlay);
  const attachment = { networkId: id, aliases: [], driverOptions: { sysctls: 'x' } };
  await assert.rejects(
    world.control.createService(declare('w', 1, { template: { networks: [attachment] } })),
    { field: 'template.networks[0].driverOptions', message: /"sysctls" .* means nothing/ },
  );
});

const volume = { type: 'volume', source: 'data', target: '/data', readOnly: false } as const;

const containers: readonly (readonly [Partial<ContainerSpec>, string, RegExp])[] = [
  [
    { healthCheck: { test: ['CMD', 'true'], startIntervalMs: 500 } },
    'healthCheck.startIntervalMs',
    /start interval 500 ms .* needs Docker Engine 25; node \S+ has 20.10.24/,
  ],
  [
    { mounts: [{ ...volume, subpath: 'a/b' }] },
    'mounts[0].subpath',
    /"a\/b", cannot be mounted alone/,
  ],
  [{ reservations: { pids: 5 } }, 'reservations.pids', /cannot be reserved, only limited/],
  [
    { limits: { memoryBytes: 8e6 }, reservations: { memoryBytes: 9e6 } },
    'reservations.memoryBytes',
    /reservation 9000000 is above the limit 8000000/,
  ],
  [
    { limits: { nanoCpus: 1e9 }, reservations: { nanoCpus: 2e9 } },
    'reservations.nanoCpus',
    /is above the limit 1000000000/,
  ],
];

test('settings of containers that nobody could keep are refused by name', async () => {
  const { world } = await ManagerWorld.withCluster();
  for (const [container, field, message] of containers) {
    const created = world.control.createService(declare('w', 1, { container }));
    await assert.rejects(created, { field: `template.containers[0].${field}`, message });
  }
});

const clusters: readonly (readonly [Partial<ClusterSpec>, string, RegExp])[] = [
  [{ snapshotInterval: 5 }, 'spec.snapshotInterval', /is 5, but there is no Raft log/],
  [{ keepOldSnapshots: 1 }, 'spec.keepOldSnapshots', /is 1, but there is no Raft log/],
  [{ electionTick: 20 }, 'spec.electionTick', /is 20, but there is no Raft log/],
  [
    { defaultLogDriver: { name: 'syslog', options: {} } },
    'spec.defaultLogDriver',
    /"syslog" cannot be set for all services/,
  ],
];

test('settings of a cluster that mean nothing are refused by name', async () => {
  const { world } = await ManagerWorld.withCluster();
  const cluster = world.control.cluster();
  assert.ok(cluster);
  const options = {
    version: cluster.version,
    rotateWorkerToken: false,
    rotateManagerToken: false,
  };
  for (const [parts, field, message] of clusters) {
    const updated = world.control.updateCluster({ ...clusterDefaults, ...parts }, options);
    await assert.rejects(updated, { code: 'unimplemented', field, message });
  }
});

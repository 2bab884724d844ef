import assert from 'node:assert/strict';
import { test } from 'node:test';
import { initRequest, ManagerWorld } from '../../sim/manager-world.ts';
import { SimulatedDisk } from '../../sim/disk.ts';
import { MemoryEngine } from '../../sim/memory-engine.ts';
import { TuttiError } from '../lib/error.ts';
import type { Root } from '../model/root.ts';
import { Store } from '../store/store.ts';

const dayMs = 24 * 3_600_000;
const rootOf = (world: ManagerWorld): Root | undefined => [...world.control.view.roots.all()][0];
/** An authority as a plain object, of which a test replaces a part. */
const pens = {
  keepUnder: async () => undefined,
  readRequest: async (request: string) => ({ publicKey: request, keyDigest: request }),
  signNode: async () => 'certificate',
  signCross: async () => 'cross-signature',
  issue: async () => ({ key: 'key', certificate: 'certificate' }),
  sameSecret: (left: string, right: string) => left === right,
};
const pinned = (token: string | undefined): string | undefined => token?.split('-')[2];

test('a new cluster has one root, which signs, and both tokens pin it', async () => {
  const { world } = await ManagerWorld.withCluster();
  const root = rootOf(world);
  assert.equal(world.control.view.roots.size, 1);
  assert.equal(root?.stage, 'signing');
  const tokens = world.control.cluster()?.joinTokens;
  assert.equal(pinned(tokens?.worker), root?.id);
  assert.equal(pinned(tokens?.manager), root?.id);
});

test('a root is asked for with twenty years from an hour ago', async () => {
  const asked: object[] = [];
  const authority = {
    ...pens,
    createRoot: async (validity: object) => {
      asked.push(validity);
      throw new TuttiError('unavailable', 'no pen');
    },
    forget: async () => undefined,
  };
  const world = await ManagerWorld.start({ authority });
  await world.agent('node-1').connect();
  const { revision } = world.control.view;
  const now = world.clock.now();
  await assert.rejects(world.control.initCluster(initRequest), /no pen/);
  assert.deepEqual(asked, [{ notBefore: now - 3_600_000, notAfter: now + 20 * 365 * dayMs }]);
  assert.equal(world.control.cluster(), undefined);
  assert.equal(world.control.view.revision, revision);
});

test('a bad request costs no root', async () => {
  let made = 0;
  const authority = {
    ...pens,
    createRoot: async () => {
      made += 1;
      throw new TuttiError('unavailable', 'no pen');
    },
    forget: async () => undefined,
  };
  const world = await ManagerWorld.start({ authority });
  await world.agent('node-1').connect();
  const bad = { ...initRequest, advertiseAddress: 'eth0' };
  await assert.rejects(world.control.initCluster(bad), { field: 'advertiseAddress' });
  assert.equal(made, 0);
});

test('the next cluster of a node has another root, and nothing is left of the first', async () => {
  const { world } = await ManagerWorld.withCluster();
  const before = rootOf(world);
  await world.control.leaveCluster({ force: true });
  await world.settle();
  assert.equal(world.control.view.roots.size, 0);
  await world.agent('node-2').connect();
  await world.settle();
  await world.control.initCluster(initRequest);
  assert.equal(world.control.view.roots.size, 1);
  assert.notEqual(rootOf(world)?.id, before?.id);
});

test('a key that cannot be deleted holds no leaving up', async () => {
  const { world } = await ManagerWorld.withCluster({
    authority: {
      ...pens,
      createRoot: async () => ({
        digest: new Uint8Array(32),
        certificate: '',
        subject: '',
        publicKey: '',
        sealedKey: '',
      }),
      forget: async () => {
        throw new TuttiError('internal', 'read-only file system');
      },
    },
  });
  await world.control.leaveCluster({ force: true });
  assert.equal(world.control.cluster(), undefined);
  assert.ok(world.log.some(({ message }) => /sealing key .* could not be deleted/.test(message)));
});

/** A manager that starts on a store as it was before clusters had roots. */
async function startOnOldStore(options: { readonly failing: boolean }) {
  const { world } = await ManagerWorld.withCluster();
  const tokens = world.control.cluster()?.joinTokens;
  await world.stopManager();
  const store = await Store.open(new MemoryEngine(world.disk));
  await store.update((tx) => {
    for (const { id } of tx.roots.all()) tx.roots.delete(id);
  });
  await store.close();
  world.faults.failChance = options.failing ? 1 : 0;
  await world.startManager();
  await world.settle();
  return { world, tokens };
}

test('a cluster from before there were roots gets one, and tokens that pin it', async () => {
  const { world, tokens } = await startOnOldStore({ failing: false });
  const root = rootOf(world);
  assert.equal(root?.stage, 'signing');
  const after = world.control.cluster()?.joinTokens;
  assert.equal(pinned(after?.worker), root?.id);
  assert.equal(pinned(after?.manager), root?.id);
  assert.notEqual(after?.worker, tokens?.worker);
  await world.stopManager();
  await world.startManager();
  await world.settle();
  assert.equal(rootOf(world)?.id, root?.id);
});

test('a store of the schema before roots is brought forward, and older programs refuse it', async () => {
  const { world: donor } = await ManagerWorld.withCluster();
  const cluster = donor.control.cluster();
  assert.ok(cluster);
  const disk = new SimulatedDisk();
  const old = await Store.open(new MemoryEngine(disk), { migrations: [] });
  await old.update((tx) => tx.clusters.put(cluster));
  await old.close();
  assert.equal(disk.state.schemaVersion, 1);
  const world = await ManagerWorld.start({ engine: new MemoryEngine(disk) });
  await world.settle();
  assert.ok(disk.state.schemaVersion >= 2);
  const root = rootOf(world);
  assert.equal(root?.stage, 'signing');
  const after = world.control.cluster();
  assert.equal(after?.id, cluster.id);
  assert.equal(pinned(after?.joinTokens.worker), root?.id);
  await world.stopManager();
  await assert.rejects(Store.open(new MemoryEngine(disk), { migrations: [] }), {
    code: 'failed-precondition',
    message: /this program knows up to 1/,
  });
});

test('while it cannot be made the manager runs, tokens do not rotate, and the log says why', async () => {
  const { world } = await startOnOldStore({ failing: true });
  world.faults.failChance = 0;
  const cluster = world.control.cluster();
  assert.ok(cluster);
  const { spec, version } = cluster;
  const rotate = { version, rotateWorkerToken: true, rotateManagerToken: false };
  await assert.rejects(world.control.updateCluster(spec, rotate), {
    code: 'unavailable',
    message: /no certificate authority yet/,
  });
  assert.ok(world.log.some(({ message }) => /no certificate authority could be/.test(message)));
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SimulatedAuthority } from '../../sim/authority.ts';
import { VirtualClock } from '../../sim/clock.ts';
import { ManagerWorld } from '../../sim/manager-world.ts';
import type { KeptAuthority } from '../host/authority.ts';
import type { NodeIdentity } from '../host/node-identity.ts';
import { OwnAuthority } from './own-authority.ts';

const managers = [{ nodeId: 'n1', address: '192.0.2.1:2377' }];
const membership = { clusterId: 'c1', certificate: 'old', roots: ['root'], managers };
const identity: NodeIdentity = {
  nodeId: 'n1',
  key: 'key',
  membership: { ...membership, role: 'manager', address: '192.0.2.1' },
};

class Disk {
  kept: KeptAuthority | undefined;
  writes = 0;

  async load(): Promise<KeptAuthority | undefined> {
    return await Promise.resolve(this.kept);
  }

  async save(kept: KeptAuthority): Promise<void> {
    this.kept = kept;
    this.writes += 1;
    await Promise.resolve();
  }
}

function authorityOn(disk: Disk): OwnAuthority {
  const quiet = (): void => undefined;
  return new OwnAuthority({
    disk,
    authority: new SimulatedAuthority((count) => new Uint8Array(count)),
    clock: new VirtualClock(),
    logger: { debug: quiet, info: quiet, warn: quiet, error: quiet },
    identity: () => identity,
    digestOf: () => 'the digest',
  });
}

async function settled(): Promise<void> {
  for (let turn = 0; turn < 10; turn += 1) await Promise.resolve();
}

test('a manager that keeps the roots gives its own key a certificate while no store answers', async () => {
  const { world } = await ManagerWorld.withCluster();
  const disk = new Disk();
  const own = authorityOn(disk);
  own.keep(world.control.view);
  own.keep(world.control.view);
  await settled();
  assert.equal(disk.writes, 1, 'what is kept already is not written again');
  const [root] = [...world.control.view.roots.all()];
  const answer = await own.renew('the digest');
  assert.deepEqual(answer.roots, [root?.certificate]);
  assert.equal(answer.clusterId, world.control.cluster()?.id);
  const { nodeId, role, address } = answer;
  assert.deepEqual([nodeId, role, address], ['n1', 'manager', '192.0.2.1']);
  assert.deepEqual(answer.managers, managers);
});

test('another key than the node has gets nothing, and nothing is given where nothing is kept', async () => {
  const { world } = await ManagerWorld.withCluster();
  const disk = new Disk();
  const own = authorityOn(disk);
  await assert.rejects(own.renew('the digest'), /keeps no key of its authority/);
  own.keep(world.control.view);
  await settled();
  await assert.rejects(own.renew('another'), { code: 'permission-denied' });
});

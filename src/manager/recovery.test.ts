import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManagerWorld, declare } from '../../sim/manager-world.ts';
import { MemoryEngine } from '../../sim/memory-engine.ts';
import type { Node } from '../model/node.ts';
import { Store } from '../store/store.ts';
import { giveUpManagers } from './recovery.ts';

const seatOf = (number: number): NonNullable<Node['seat']> => ({
  address: `10.0.0.${number}:2377`,
  peerUrl: `https://10.0.0.${number}:2380`,
});

/** Writes what a recovery writes, while no manager runs. */
async function recover(world: ManagerWorld, lost: readonly string[]): Promise<readonly string[]> {
  const { clock, dice, disk, faults } = world;
  await world.stopManager();
  const store = await Store.open(new MemoryEngine(disk, { clock, dice, faults }));
  const done = store.update((tx) => {
    const rows = [...tx.nodes.all()];
    for (const [index, row] of rows.entries()) {
      tx.nodes.put({ ...row, spec: { ...row.spec, role: 'manager' }, seat: seatOf(index + 1) });
    }
    return giveUpManagers(tx, { selfId: 'node-1', seat: seatOf(1), lost, now: clock.now() });
  });
  await clock.settle();
  const others = await done;
  await store.close();
  await world.startManager();
  return others;
}

test('tasks of lost managers wait until it is known who could take them, and run there', async () => {
  const { world, agent } = await ManagerWorld.withCluster();
  const others = ['node-2', 'node-3', 'node-4'].map((id) => world.agent(id, { hostname: id }));
  for (const one of others) await one.connect();
  await world.settle();
  const web = await world.control.createService(declare('web', 8));
  await world.settle();
  for (const one of [agent, ...others]) one.disconnect();

  const givenUp = await recover(world, ['node-2', 'node-3']);
  assert.deepEqual(givenUp, ['node-2', 'node-3', 'node-4'], 'all others are workers now');
  const rows = [...world.control.view.nodes.all()];
  assert.deepEqual(
    rows.map(({ spec }) => spec.role),
    ['manager', 'worker', 'worker', 'worker'],
  );
  assert.deepEqual(
    rows.flatMap(({ seat }) => seat ?? []),
    [seatOf(1)],
  );

  const onLost = () => world.liveTasks(web).filter(({ nodeId }) => /-[23]$/.test(nodeId ?? ''));
  await agent.connect();
  await world.pass(2_000);
  assert.equal(onLost().length, 4, 'node-4 has not been heard of yet');
  await others[2]?.connect();
  await world.pass(2_000);
  assert.equal(onLost().length, 0);
  const loads = ['node-1', 'node-4'].map(
    (id) => world.liveTasks(web).filter(({ nodeId }) => nodeId === id).length,
  );
  assert.deepEqual(loads, [4, 4]);
  for (const id of ['node-2', 'node-3']) {
    const node = world.control.observed.node(id);
    assert.equal(node?.state, 'down');
    assert.match(node?.message ?? '', /given up when the cluster was recovered/);
  }

  await others[0]?.connect();
  await world.pass(2_000);
  assert.equal(world.control.observed.node('node-2')?.state, 'ready', 'it comes back as a worker');
  assert.equal(world.control.view.nodes.get('node-2')?.givenUp, undefined);
});

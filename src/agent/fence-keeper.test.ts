import assert from 'node:assert/strict';
import { test } from 'node:test';
import { VirtualClock } from '../../sim/clock.ts';
import type { FenceHold } from '../host/fence-guard.ts';
import { FenceKeeper } from './fence-keeper.ts';

const fenced = { 'dev.tutti.fence': 'true' };
const guardAheadMs = 5_000;

/** A keeper, its lease, and what it told its guard. */
class Node {
  readonly clock = new VirtualClock(1_000_000);
  readonly told: FenceHold[] = [];
  readonly tasks = new Map<string, Readonly<Record<string, string>>>([
    ['alone', fenced],
    ['web', {}],
  ]);
  leaseUntil: number | undefined = this.clock.now() + 8_000;
  hasOthers = true;
  hasGuard = true;
  heldCount = 0;
  readonly keeper = new FenceKeeper({
    guard: {
      now: () => this.clock.now() + guardAheadMs,
      hold: async (hold) => {
        if (this.hasGuard) this.told.push(hold);
        return this.hasGuard;
      },
    },
    clock: this.clock,
    leaseUntil: () => this.leaseUntil,
    tasks: () => [...this.tasks].map(([taskId, serviceLabels]) => ({ taskId, serviceLabels })),
    hasOthers: () => this.hasOthers,
    onHeld: () => {
      this.heldCount += 1;
    },
  });

  async look(): Promise<void> {
    this.keeper.look();
    await this.clock.settle();
  }
}

test('fenced tasks may start once the guard has them, and are its own until after the lease', async () => {
  const node = new Node();
  assert.equal(node.keeper.isHeld('alone'), false);
  await node.look();
  assert.equal(node.keeper.isHeld('alone'), true);
  assert.equal(node.heldCount, 1);
  const [hold] = node.told;
  assert.deepEqual(hold?.taskIds, ['alone']);
  const afterLeaseMs = (hold?.until ?? 0) - guardAheadMs - (node.leaseUntil ?? 0);
  assert.ok(afterLeaseMs > 0 && afterLeaseMs < 1_000, `${afterLeaseMs} ms`);
});

test('each renewal of the lease is told, and nothing that says the same again', async () => {
  const node = new Node();
  await node.look();
  await node.look();
  assert.equal(node.told.length, 1);
  node.leaseUntil = (node.leaseUntil ?? 0) + 500;
  await node.look();
  assert.equal(node.told.length, 2);
});

test('while the lease is in doubt nothing is told: what was said before counts', async () => {
  const node = new Node();
  await node.look();
  node.leaseUntil = undefined;
  node.tasks.clear();
  await node.look();
  assert.equal(node.told.length, 1);
});

test('a node without others, or without fenced tasks, needs no guard', async () => {
  const node = new Node();
  node.hasOthers = false;
  await node.look();
  assert.equal(node.keeper.isHeld('alone'), true);
  node.leaseUntil = (node.leaseUntil ?? 0) + 5_000;
  await node.look();
  assert.deepEqual(
    node.told.map(({ taskIds }) => taskIds),
    [[]],
  );
  node.hasOthers = true;
  assert.equal(node.keeper.isHeld('alone'), false);
  await node.look();
  node.tasks.delete('alone');
  await node.look();
  assert.deepEqual(
    node.told.map(({ taskIds }) => taskIds),
    [[], ['alone'], []],
  );
});

test('where there is no guard nothing fenced starts, and one is asked for again', async () => {
  const node = new Node();
  node.hasGuard = false;
  await node.look();
  assert.equal(node.keeper.isHeld('alone'), false);
  node.hasGuard = true;
  await node.look();
  assert.equal(node.keeper.isHeld('alone'), true);
});

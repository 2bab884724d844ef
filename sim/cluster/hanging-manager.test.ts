import assert from 'node:assert/strict';
import { test } from 'node:test';
import { clusterOfOne, running } from './cluster-of-one.ts';
import { ClusterWorld } from './cluster-world.ts';

const never = new AbortController().signal;

test('a node whose manager hangs, or that is cut off, restarts what exits', async () => {
  for (const fault of ['hang', 'cut'] as const) {
    const world = new ClusterWorld(1, { size: 1 });
    try {
      const machine = await clusterOfOne(world, 2);
      if (fault === 'hang') world.managerClock.stall(120_000);
      else world.cut([machine], { up: true, down: true, isMass: true });
      await world.clock.advance(2_000);
      const before = running(machine);
      for (const id of before) void machine.engine.killContainer(id, never);
      await world.clock.advance(100);
      assert.equal(running(machine).length, 0);
      await world.clock.advance(30_000);
      const after = running(machine);
      assert.equal(after.length, 2, fault);
      assert.ok(after.every((id) => !before.includes(id)));
      assert.deepEqual(world.checkers.violations, []);
    } finally {
      world.end();
      await world.clock.settle();
    }
  }
});

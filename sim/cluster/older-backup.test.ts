import assert from 'node:assert/strict';
import { test } from 'node:test';
import { reportNode } from '../../src/api/reports.ts';
import { clusterOfOne, running } from './cluster-of-one.ts';
import { ClusterWorld } from './cluster-world.ts';
import type { Machine } from './machine.ts';

test('what a manager from an older backup does not know stays until a person has looked', async () => {
  const world = new ClusterWorld(1, { size: 1 });
  try {
    const machine = await clusterOfOne(world, 4);
    const before = running(machine);
    await world.forgetRows(['services', 'tasks', 'templates']);
    void world.startManager();
    await world.clock.advance(60_000);
    assert.deepEqual(running(machine), before);
    assert.match(heldOf(world, machine) ?? '', /^4 tasks run there that no manager knows/);

    machine.node.killAgent();
    machine.node.startAgent();
    await world.clock.advance(30_000);
    assert.deepEqual(running(machine), before, 'also when the agent was restarted');

    assert.equal(machine.node.acceptRemovals(), 4);
    await world.clock.advance(30_000);
    assert.deepEqual(running(machine), []);
    assert.equal(heldOf(world, machine), undefined);
    assert.equal(machine.node.acceptRemovals(), 0);
    assert.deepEqual(world.checkers.violations, []);
  } finally {
    world.end();
    await world.clock.settle();
  }
});

function heldOf(world: ClusterWorld, machine: Machine): string | undefined {
  const { control } = world;
  assert.ok(control !== undefined);
  return reportNode(control, world.nodeId(machine) ?? '').held;
}

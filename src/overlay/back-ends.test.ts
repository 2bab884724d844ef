import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CatalogTask } from '../model/assignment.ts';
import { BackEnds } from './back-ends.ts';

function viewOf(nodeIds: readonly string[], ...places: readonly (readonly [string, string])[]) {
  const tasks = places.map(
    ([nodeId, address]): CatalogTask => ({
      taskId: address,
      serviceId: 's',
      nodeId,
      name: address,
      addresses: [{ networkId: 'n', address: `${address}/24` }],
      ready: false,
    }),
  );
  return {
    nodeId: 'node1',
    nodes: new Map(nodeIds.map((nodeId) => [nodeId, { nodeId, address: `at-${nodeId}` }])),
    tasks: new Map(tasks.map((task) => [task.taskId, task])),
  };
}

function backEndsAt(...addresses: readonly string[]): ReadonlyMap<string, number> {
  return new Map(addresses.map((address) => [address, 1]));
}

const both = ['node1', 'node2'];
const near = ['node1', '10.0.0.7'] as const;
const far = ['node2', '10.0.0.8'] as const;

test('a task that stops may answer who called it, until it has ended', () => {
  const backEnds = new BackEnds();
  backEnds.change(backEndsAt('10.0.0.7', '10.0.0.8'), viewOf(both, near, far));
  const view = viewOf(both, near, far);
  assert.deepEqual(backEnds.change(backEndsAt('10.0.0.8'), view), {
    left: ['10.0.0.7'],
    ended: [],
  });
  assert.deepEqual(backEnds.change(backEndsAt('10.0.0.8'), viewOf(both, far)), {
    left: [],
    ended: ['10.0.0.7'],
  });
  assert.deepEqual(backEnds.change(backEndsAt('10.0.0.8'), viewOf(both, far)), {
    left: [],
    ended: [],
  });
});

test('a task of a node that is down answers nobody; nor does a node', () => {
  const backEnds = new BackEnds();
  backEnds.change(backEndsAt('10.0.0.8', 'at-node2'), viewOf(both, near, far));
  const gone = ['10.0.0.8', 'at-node2'];
  assert.deepEqual(backEnds.change(new Map(), viewOf(['node1'], near, far)), {
    left: gone,
    ended: gone,
  });
});

test('who is led to again has not left', () => {
  const backEnds = new BackEnds();
  const all = backEndsAt('10.0.0.7');
  backEnds.change(all, viewOf(both, near));
  backEnds.change(new Map(), viewOf(both, near));
  backEnds.change(all, viewOf(both, near));
  assert.deepEqual(backEnds.change(all, viewOf(both)), { left: [], ended: [] });
});

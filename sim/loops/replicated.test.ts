import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LoopWorld } from './loop-world.ts';

function worldWith(nodes: number): LoopWorld {
  const world = new LoopWorld();
  for (let number = 1; number <= nodes; number += 1) world.addNode(`n${number}`);
  return world;
}

const replicas = (count: number) => ({ mode: { kind: 'replicated', replicas: count } }) as const;

test('a service is created, placed and started in one transaction, spread over the nodes', () => {
  const world = worldWith(2);
  world.declare('web', { spec: replicas(3) });
  const before = world.view.revision;
  world.plan();
  assert.equal(world.view.revision, before + 1);
  assert.deepEqual(world.show('web'), [
    '1.1 running/assigned@n1 good',
    '2.1 running/assigned@n2 good',
    '3.1 running/assigned@n1 good',
  ]);
  world.run();
  assert.equal(world.running('web').length, 3);
});

test('a service that is scaled up fills the lowest free numbers', () => {
  const world = worldWith(1);
  world.declare('web', { spec: replicas(3) });
  world.run();
  world.declare('web', { spec: replicas(5) });
  world.run();
  assert.deepEqual(
    world.tasks('web').map((task) => task.slot),
    [1, 2, 3, 4, 5],
  );
});

test('scaling down removes first what does not run, then copies on crowded nodes, then high slots', () => {
  const world = worldWith(1);
  world.declare('web', { spec: replicas(3) });
  world.run();
  world.addNode('n2');
  world.declare('web', { spec: replicas(5) });
  world.run();
  // n1 has slots 1, 2, 3, n2 has 4 and 5
  world.declare('web', { spec: replicas(4) });
  world.run();
  assert.deepEqual(
    world.tasks('web').map((task) => task.slot),
    [1, 2, 4, 5],
  );
  world.declare('web', { spec: replicas(2) });
  world.run();
  assert.deepEqual(
    world.tasks('web').map((task) => task.slot),
    [1, 4],
  );
});

test('scaling down removes a slot that waits to restart before any that runs', () => {
  const world = worldWith(1);
  const template = { restart: { delayMs: 60_000 } };
  world.declare('web', { spec: replicas(3), template });
  world.run();
  const [first] = world.tasks('web');
  world.end(first?.id ?? '');
  world.declare('web', { spec: replicas(2), template });
  world.run();
  assert.deepEqual(
    world.running('web').map((task) => task.slot),
    [2, 3],
  );
});

test('scaled down to nothing no row is left', () => {
  const world = worldWith(2);
  world.declare('web', { spec: replicas(4) });
  world.run();
  world.declare('web', { spec: replicas(0) });
  world.run();
  assert.deepEqual(world.show('web'), []);
});

test('a removed service goes with its templates once its last task has stopped', () => {
  const world = worldWith(1);
  world.declare('web', { spec: replicas(2) });
  world.run();
  world.setNodeState('n1', 'unreachable');
  world.remove('web');
  world.run();
  assert.deepEqual(world.show('web'), [
    '1.1 removed/running@n1 good',
    '2.1 removed/running@n1 good',
  ]);
  world.setNodeState('n1', 'ready');
  world.run();
  assert.equal(world.view.services.get('web'), undefined);
  assert.equal(world.view.tasks.size, 0);
  assert.equal(world.view.templates.size, 0);
});

test('a task without a node is removed at once, without an agent', () => {
  const world = new LoopWorld();
  world.declare('web', { spec: replicas(2) });
  world.run();
  assert.equal(world.view.tasks.size, 2);
  world.remove('web');
  world.run();
  assert.equal(world.view.tasks.size, 0);
});

test('unplaced tasks are placed when a node comes', () => {
  const world = new LoopWorld();
  world.declare('web', { spec: replicas(2) });
  world.run();
  const [first] = world.tasks('web');
  assert.equal(first && world.refusal(first)?.code, 'no-suitable-node');
  world.addNode('n1');
  world.run();
  assert.equal(world.running('web').length, 2);
});

test('a started manager finds nothing to change in a cluster that is in order', () => {
  const world = worldWith(3);
  world.declare('web', { spec: replicas(5) });
  world.advance(60_000);
  const { revision } = world.view;
  world.restartManager();
  assert.equal(world.view.revision, revision);
});

test('a change of one task costs the same, however many replicas there are', () => {
  const cost = (count: number): number => {
    const world = worldWith(3);
    world.declare('web', { spec: replicas(count) });
    world.run();
    const [first] = world.tasks('web');
    const before = world.planned;
    world.end(first?.id ?? '');
    world.run();
    return world.planned - before;
  };
  assert.equal(cost(200), cost(20));
});

test('a slot that is wanted again waits for what is still stopping in it', () => {
  const world = worldWith(1);
  world.declare('web', { spec: replicas(2) });
  world.run();
  world.declare('web', { spec: replicas(1) });
  world.plan();
  world.declare('web', { spec: replicas(2) });
  world.plan();
  assert.deepEqual(world.show('web'), [
    '1.1 running/running@n1 good',
    '2.1 removed/running@n1 good',
    '2.2 ready/assigned@n1 good',
  ]);
  world.run();
  assert.deepEqual(world.show('web'), [
    '1.1 running/running@n1 good',
    '2.2 running/running@n1 good',
  ]);
});

test('a large service is made, scaled down and removed over several transactions', () => {
  const world = new LoopWorld({}, 100);
  world.addNode('n1');
  /** Rows that the largest transaction of the plan changed. */
  const largest = (act: () => void): number => {
    let most = 0;
    world.onCommit = (changes) => {
      most = Math.max(most, changes.length);
    };
    act();
    world.plan();
    world.onCommit = undefined;
    world.run();
    return most;
  };
  assert.ok(largest(() => world.declare('web', { spec: replicas(1_000) })) <= 101);
  assert.equal(world.running('web').length, 1_000);
  assert.equal(world.tasks('web').at(-1)?.slot, 1_000);
  assert.ok(largest(() => world.declare('web', { spec: replicas(300) })) <= 101);
  assert.equal(world.view.tasks.size, 300);
  assert.ok(largest(() => world.remove('web')) <= 101);
  assert.equal(world.view.tasks.size + world.view.services.size, 0);
});

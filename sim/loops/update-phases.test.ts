import assert from 'node:assert/strict';
import { test } from 'node:test';
import { deployed, runningImages, status, update } from './update-script.ts';

test('an update that is scaled while its last task gets ready still fails by its settings', () => {
  const world = deployed({ replicas: 1 });
  update(world, 'bad', { replicas: 1 });
  world.plan();
  update(world, 'bad', { replicas: 2 });
  world.advance(60_000);
  assert.equal(status(world)?.state, 'paused');
  assert.ok(runningImages(world).includes('v1'), 'the task that runs is kept');
});

test('time without a manager is not held against a task that has no node', () => {
  const world = deployed({ replicas: 1 });
  world.setNodeState('n1', 'unreachable');
  world.setNodeState('n2', 'unreachable');
  update(world, 'v2', { replicas: 1 });
  world.advance(10_000);
  assert.equal(status(world)?.state, 'updating');
  world.setNodeState('n1', 'unknown');
  world.setNodeState('n2', 'unknown');
  world.now += 120_000;
  world.restartManager();
  world.advance(1_000);
  world.setNodeState('n1', 'ready');
  world.setNodeState('n2', 'ready');
  world.advance(60_000);
  assert.equal(status(world)?.state, 'completed');
});

test('time without a manager is not held against a task whose agent is slow either', () => {
  const world = deployed({ replicas: 1 });
  world.fates.set('v2', { kind: 'hangs' });
  update(world, 'v2', { replicas: 1 });
  world.advance(60_000);
  for (const node of ['n1', 'n2']) world.setNodeState(node, 'unknown');
  world.now += 20 * 60_000;
  world.restartManager();
  for (const node of ['n1', 'n2']) world.setNodeState(node, 'ready');
  world.advance(60_000);
  assert.equal(status(world)?.state, 'updating');
  world.fates.delete('v2');
  world.advance(60_000);
  assert.equal(status(world)?.state, 'completed');
});

test('a task that failed while no manager was there fails the update that watched it', () => {
  const world = deployed({ replicas: 1 });
  update(world, 'v2', { replicas: 1, update: { monitorMs: 60_000 } });
  world.advance(5_000);
  const [task] = world.running('web');
  assert.equal(task?.rollout, 'started');
  world.forgetObserved();
  world.end(task?.id ?? '');
  assert.equal(status(world)?.state, 'paused');
});

const nowhere = {
  constraints: ['node.labels.zone==nowhere'],
  preferences: [],
  maxReplicasPerNode: 0,
  platforms: [],
};

test('a task that never had a place is not kept until its successor has one', () => {
  const script = { replicas: 1, spec: { placement: nowhere } };
  const world = deployed(script);
  update(world, 'v2', script);
  world.run();
  assert.deepEqual(world.showLive('web'), ['1.2 running/pending v2']);
  update(world, 'v2', { replicas: 1 });
  world.advance(10_000);
  assert.deepEqual(runningImages(world), ['v2']);
});

test('start-first keeps a task that was never let start no longer than until the next is prepared', () => {
  const dependsOn = [{ service: 'db', condition: 'started', required: false }] as const;
  const script = { replicas: 1, update: { order: 'start-first' }, spec: { dependsOn } } as const;
  const world = deployed({ replicas: 1 });
  world.remove('web');
  world.run();
  world.declare('db', { spec: { placement: nowhere } });
  update(world, 'v1', script);
  world.run();
  update(world, 'v2', script);
  world.run();
  assert.deepEqual(world.showLive('web'), ['1.2 ready/ready@n1 v2']);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LoopWorld } from './loop-world.ts';

function worldWith(nodes: number): LoopWorld {
  const world = new LoopWorld();
  for (let number = 1; number <= nodes; number += 1) world.addNode(`n${number}`);
  world.fates.set('work', { kind: 'exits', afterMs: 1_000, exitCode: 0 });
  world.fates.set('broken', { kind: 'exits', afterMs: 1_000, exitCode: 1 });
  return world;
}

const job = (maxConcurrent: number, totalCompletions: number) =>
  ({ mode: { kind: 'replicated-job', maxConcurrent, totalCompletions } }) as const;
const container = { image: 'work' };

test('a job runs its tasks so many at a time, until so many are complete', () => {
  const world = worldWith(1);
  world.declare('batch', { spec: job(2, 5), container });
  world.run();
  assert.deepEqual(
    world.running('batch').map((task) => task.slot),
    [0, 1],
  );
  world.advance(1_000);
  assert.deepEqual(
    world.running('batch').map((task) => task.slot),
    [2, 3],
  );
  world.advance(10_000);
  assert.equal(world.service('batch').job?.completions, 5);
  assert.equal(world.view.tasks.size, 5);
  assert.ok(world.tasks('batch').every((task) => task.end?.state === 'complete'));
});

test('a job with concurrency 0 runs all at once', () => {
  const world = worldWith(1);
  world.declare('batch', { spec: job(0, 7), container });
  world.run();
  assert.equal(world.running('batch').length, 7);
});

test('a task of a job that fails is tried again in its slot and does not count', () => {
  const world = worldWith(1);
  world.declare('batch', { spec: job(1, 2), container });
  world.run();
  world.end(world.running('batch')[0]?.id ?? '');
  world.run();
  assert.deepEqual(
    world.running('batch').map((task) => [task.slot, task.generation]),
    [[0, 2]],
  );
  world.advance(10_000);
  assert.equal(world.service('batch').job?.completions, 2);
});

test('a job whose slot gave up goes on with the others', () => {
  const world = worldWith(1);
  world.declare('batch', {
    spec: job(1, 2),
    container: { image: 'broken' },
    template: { restart: { maxAttempts: 1, delayMs: 0 } },
  });
  world.advance(10_000);
  assert.equal(world.service('batch').job?.completions, 0);
  assert.deepEqual(
    world.tasks('batch').map((task) => [task.slot, task.spent === true]),
    [
      [0, false],
      [0, true],
      [1, false],
      [1, true],
    ],
  );
});

test('a complete job does nothing more, not under a new manager either', () => {
  const world = worldWith(2);
  world.declare('batch', { spec: job(2, 3), container });
  world.advance(10_000);
  const { revision } = world.view;
  world.restartManager();
  world.advance(60_000);
  assert.equal(world.view.revision, revision);
});

test('every update of a job runs it again and removes what was there', () => {
  const world = worldWith(1);
  world.declare('batch', { spec: job(2, 2), container });
  world.advance(10_000);
  world.declare('batch', { spec: job(2, 3), container });
  world.run();
  assert.deepEqual(
    world.tasks('batch').map((task) => [task.slot, task.iteration]),
    [
      [0, 1],
      [1, 1],
    ],
  );
  world.advance(10_000);
  assert.deepEqual(world.service('batch').job, {
    iteration: 1,
    completions: 3,
    lastExecutedAt: 1_010_000,
  });
});

test('an update in the middle of a job starts it anew', () => {
  const world = worldWith(1);
  world.declare('batch', { spec: job(1, 3), container });
  world.advance(1_500);
  world.declare('batch', { spec: job(1, 3), container });
  world.advance(10_000);
  assert.equal(world.service('batch').job?.completions, 3);
  assert.ok(world.tasks('batch').every((task) => task.iteration === 1));
});

test('a global job runs once on each node, and on each that comes', () => {
  const world = worldWith(2);
  world.declare('once', { spec: { mode: { kind: 'global-job' } }, container });
  world.advance(5_000);
  world.addNode('n3');
  world.advance(5_000);
  assert.deepEqual(world.show('once'), [
    'n1.1 complete/complete@n1 work',
    'n2.1 complete/complete@n2 work',
    'n3.1 complete/complete@n3 work',
  ]);
  assert.equal(world.service('once').job?.completions, 3);
});

test('a job that is rolled back runs again as it was', () => {
  const world = worldWith(1);
  world.declare('batch', { spec: job(2, 2), container });
  world.advance(10_000);
  world.declare('batch', { spec: job(2, 3), container: { image: 'broken' } });
  world.advance(500);
  world.rollBack('batch');
  world.advance(10_000);
  assert.equal(world.service('batch').job?.completions, 2);
  assert.equal(world.service('batch').update, undefined, 'a run of a job is no update');
  assert.deepEqual(
    world.tasks('batch').map((task) => [task.iteration, world.imageOf(task)]),
    [
      [2, 'work'],
      [2, 'work'],
    ],
  );
});

test('a task of a job that completes before its successor is ready needs none', () => {
  const world = worldWith(2);
  world.declare('batch', { spec: job(1, 1), container });
  world.run();
  world.changeNode('n1', { availability: 'drain' });
  world.plan();
  assert.equal(world.tasks('batch').length, 2);
  world.end(world.running('batch')[0]?.id ?? '', 'complete', 0);
  world.advance(10_000);
  assert.equal(world.service('batch').job?.completions, 1);
  assert.deepEqual(world.show('batch'), [
    '0.1 complete/complete@n1 work',
    '0.2 shutdown/shutdown@n2 work',
  ]);
});

test('a prepared task that its node started alone, and that came to its end, is as wanted', () => {
  const world = worldWith(1);
  const dependsOn = [{ service: 'db', condition: 'healthy', required: true }] as const;
  world.declare('batch', { spec: { ...job(1, 1), dependsOn }, container });
  world.declare('db', { container: { image: 'work' } });
  world.plan();
  const [prepared] = world.tasks('batch');
  assert.equal(prepared?.desired, 'ready');
  world.end(prepared?.id ?? '', 'complete', 0);
  assert.deepEqual(
    world.tasks('batch').map(({ desired, end }) => [desired, end?.state]),
    [['complete', 'complete']],
  );
  assert.equal(world.service('batch').job?.completions, 1);
});

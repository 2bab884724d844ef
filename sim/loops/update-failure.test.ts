import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LoopWorld } from './loop-world.ts';
import { deployed, runningImages, status, update } from './update-script.ts';

/** A placement that no node meets. */
const nowhere = {
  constraints: ['node.labels.zone==nowhere'],
  preferences: [],
  maxReplicasPerNode: 0,
  platforms: [],
};

/** Whatever fails, and new tasks are not settled before the test is over. */
const endless = { delayMs: 600_000, failureAction: 'continue', parallelism: 0 } as const;

test('an image that cannot be pulled pauses the update and costs no running task', () => {
  const world = deployed({});
  update(world, 'bad', {});
  world.advance(60_000);
  assert.equal(status(world)?.state, 'paused');
  assert.match(
    status(world)?.message ?? '',
    /^update paused due to failure or early termination of task t\d+$/,
  );
  assert.deepEqual(runningImages(world), ['v1', 'v1', 'v1']);
  assert.equal(status(world)?.failures, 1);
});

test('a paused update stays paused through restarts of tasks and of the manager', () => {
  const world = deployed({});
  update(world, 'bad', {});
  world.advance(60_000);
  world.end(world.running('web')[2]?.id ?? '');
  world.restartManager();
  world.advance(60_000);
  assert.equal(status(world)?.state, 'paused');
  assert.deepEqual(runningImages(world), ['v1', 'v1', 'v1']);
});

test('a task that fails within the monitor time counts, one that fails after it does not', () => {
  const slow = deployed({ replicas: 2 });
  update(slow, 'crashing', { replicas: 2, update: { monitorMs: 500 } });
  slow.advance(900);
  assert.equal(status(slow)?.state, 'completed');
  const watched = deployed({ replicas: 2 });
  update(watched, 'crashing', { replicas: 2, update: { monitorMs: 5_000 } });
  watched.advance(60_000);
  assert.equal(status(watched)?.state, 'paused');
});

test('with action continue all slots are replaced whatever becomes of them', () => {
  const script = { update: { failureAction: 'continue' } as const };
  const world = deployed(script);
  update(world, 'crashing', script);
  world.advance(120_000);
  assert.equal(status(world)?.state, 'completed');
  assert.equal(status(world)?.failures, 3);
  const images = new Set(
    world
      .tasks('web')
      .filter((task) => task.end === undefined)
      .map((task) => world.imageOf(task)),
  );
  assert.deepEqual([...images], ['crashing']);
});

test('failures up to the tolerated ratio do not stop an update', () => {
  const script = { replicas: 4, update: { maxFailureRatio: 0.25, parallelism: 1 } };
  const world = deployed(script);
  update(world, 'v2', script);
  world.plan();
  const first = world.tasks('web').find((task) => world.imageOf(task) === 'v2');
  world.report(first?.id ?? '', 'rejected');
  world.advance(60_000);
  assert.equal(status(world)?.state, 'completed');
  assert.equal(status(world)?.failures, 1);
  assert.deepEqual(runningImages(world), ['v2', 'v2', 'v2', 'v2']);
});

test('an update to a place that does not exist fails in bounded time and costs no running task', () => {
  const world = deployed({});
  update(world, 'v2', { spec: { placement: nowhere } });
  world.advance(29_999);
  assert.equal(status(world)?.state, 'updating');
  world.advance(1);
  assert.equal(status(world)?.state, 'paused');
  assert.deepEqual(runningImages(world), ['v1', 'v1', 'v1']);
});

test('an update that wants tasks elsewhere ends where the update before had not settled them', () => {
  const script = { replicas: 1, update: endless };
  const world = deployed(script);
  update(world, 'v2', script);
  world.run();
  assert.deepEqual(runningImages(world), ['v2']);
  update(world, 'v2', { ...script, spec: { placement: nowhere } });
  world.advance(60_000);
  assert.deepEqual([status(world)?.state, status(world)?.failures], ['completed', 1]);
  assert.equal(status(world)?.slots, 1);
  assert.deepEqual(runningImages(world), ['v2']);
});

test('an update that wants tasks elsewhere ends where one of them had just been moved', () => {
  const script = { replicas: 2, update: { ...endless, parallelism: 1 } };
  const world = deployed(script);
  world.changeNode('n1', { availability: 'drain' });
  world.run();
  assert.equal(world.view.tasks.count('moving', 'web'), 1);
  update(world, 'v1', { ...script, spec: { placement: nowhere } });
  world.advance(120_000);
  assert.deepEqual([status(world)?.state, status(world)?.failures], ['completed', 2]);
  assert.deepEqual(runningImages(world), ['v1', 'v1']);
});

test('an image whose pull hangs fails the update in bounded time', () => {
  const world = deployed({});
  world.fates.set('hanging', { kind: 'hangs' });
  update(world, 'hanging', {});
  world.advance(15 * 60_000 - 1);
  assert.equal(status(world)?.state, 'updating');
  world.advance(1);
  assert.equal(status(world)?.state, 'paused');
  assert.deepEqual(runningImages(world), ['v1', 'v1', 'v1']);
});

test('a better declaration ends a paused update and reaches all slots', () => {
  const world = deployed({});
  update(world, 'bad', {});
  world.advance(60_000);
  update(world, 'v3', {});
  world.advance(60_000);
  assert.equal(status(world)?.state, 'completed');
  assert.deepEqual(runningImages(world), ['v3', 'v3', 'v3']);
});

test('a task that fails during an update of other slots comes back with its own template', () => {
  const script = { update: { delayMs: 60_000 } };
  const world = deployed(script);
  update(world, 'v2', script);
  world.run();
  const old = world.running('web').find((task) => task.slot === 3);
  world.end(old?.id ?? '');
  world.run();
  assert.deepEqual(runningImages(world), ['v2', 'v1', 'v1']);
});

test('a start-first update that has no room for both fails in bounded time', () => {
  const world = new LoopWorld();
  world.addNode('n1', { description: { nanoCpus: 1e9 } });
  const declare = (image: string): void =>
    world.declare('web', {
      spec: { update: { order: 'start-first' } },
      container: { image, reservations: { nanoCpus: 1e9 } },
    });
  declare('v1');
  world.run();
  declare('v2');
  world.advance(60_000);
  assert.equal(status(world)?.state, 'paused');
  assert.deepEqual(runningImages(world), ['v1']);
});

test('when an update pauses, tasks that it prepared in other slots are not started', () => {
  const script = { replicas: 2, update: { parallelism: 2 } };
  const world = deployed(script);
  update(world, 'v2', script);
  world.plan();
  const [first, second] = world.tasks('web').filter((task) => world.imageOf(task) === 'v2');
  world.report(first?.id ?? '', 'rejected');
  assert.equal(status(world)?.state, 'paused');
  world.report(second?.id ?? '', 'ready');
  world.run();
  assert.deepEqual(runningImages(world), ['v1', 'v1']);
  const old = world.running('web').find((task) => task.slot === second?.slot);
  world.end(old?.id ?? '');
  world.run();
  assert.deepEqual(runningImages(world), ['v1', 'v1']);
});

test('a dependency that is met while the update is paused starts nothing', () => {
  const script = { replicas: 2, update: { parallelism: 0, order: 'start-first' } as const };
  const world = deployed(script);
  const dependsOn = [{ service: 'db', condition: 'started', required: true }] as const;
  update(world, 'v2', { ...script, spec: { dependsOn } });
  world.plan();
  const first = world.tasks('web').find((task) => world.imageOf(task) === 'v2');
  world.report(first?.id ?? '', 'rejected');
  world.declare('db');
  world.run();
  assert.equal(status(world)?.state, 'paused');
  assert.deepEqual(runningImages(world), ['v1', 'v1']);
});

test('while an update goes on, a task that fails after its monitor time does not count', () => {
  const script = { replicas: 2, update: { monitorMs: 500, delayMs: 900 } };
  const world = deployed(script);
  update(world, 'crashing', script);
  world.advance(1_500);
  assert.equal(status(world)?.failures, 0);
  assert.equal(status(world)?.state, 'updating');
});

test('a start-first task whose pull hangs fails the update in bounded time too', () => {
  const script = { replicas: 1, update: { order: 'start-first' } as const };
  const world = deployed(script);
  world.fates.set('hanging', { kind: 'hangs' });
  update(world, 'hanging', script);
  world.advance(15 * 60_000);
  assert.equal(status(world)?.state, 'paused');
});

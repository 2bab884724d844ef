import assert from 'node:assert/strict';
import { test } from 'node:test';
import { deployed, runningImages, status, update } from './update-script.ts';

test('with action rollback a failed update goes back to what ran before', () => {
  const script = { update: { failureAction: 'rollback' } as const };
  const world = deployed(script);
  const before = world.service('web');
  update(world, 'crashing', script);
  world.advance(3_000);
  assert.match(
    status(world)?.message ?? '',
    /^update rolled back due to failure or early termination of task t\d+$/,
  );
  world.advance(60_000);
  assert.equal(status(world)?.state, 'rollback_completed');
  assert.equal(status(world)?.message, 'rollback completed');
  assert.deepEqual(runningImages(world), ['v1', 'v1', 'v1']);
  const { spec, templateId, previous } = world.service('web');
  assert.deepEqual([spec, templateId], [before.spec, before.templateId]);
  assert.equal(previous, undefined);
});

test('an automatic rollback leaves the tasks alone that the update had not reached', () => {
  const script = { replicas: 4, update: { failureAction: 'rollback' } as const };
  const world = deployed(script);
  const old = world.running('web').map((task) => task.id);
  update(world, 'bad', script);
  world.advance(60_000);
  assert.equal(status(world)?.state, 'rollback_completed');
  assert.deepEqual(
    world.running('web').map((task) => task.id),
    old,
  );
});

test('a rollback follows the rollback settings', () => {
  const script = {
    update: { failureAction: 'rollback', monitorMs: 5_000, parallelism: 0 } as const,
    rollback: { parallelism: 1, delayMs: 10_000 },
  };
  const world = deployed(script);
  update(world, 'crashing', script);
  world.advance(1_000);
  assert.equal(status(world)?.state, 'rollback_started');
  world.run();
  assert.equal(runningImages(world).filter((image) => image === 'v1').length, 1);
  world.advance(10_000);
  assert.equal(runningImages(world).filter((image) => image === 'v1').length, 2);
});

test('a rollback that fails pauses, even where its own action is rollback', () => {
  const script = {
    update: { failureAction: 'rollback' } as const,
    rollback: { failureAction: 'rollback' } as const,
  };
  const world = deployed(script);
  update(world, 'crashing', script);
  world.run();
  world.fates.set('v1', { kind: 'missing' });
  world.advance(120_000);
  assert.equal(status(world)?.state, 'rollback_paused');
  assert.match(status(world)?.message ?? '', /^rollback paused due to failure/);
});

test('without anything to go back to, action rollback pauses', () => {
  const script = { update: { failureAction: 'rollback' } as const };
  const world = deployed(script);
  update(world, 'bad', script);
  world.commit((tx) => {
    const { previous: _, ...service } = world.service('web');
    tx.services.put(service);
  });
  world.advance(60_000);
  assert.equal(status(world)?.state, 'paused');
});

test('a placement that nobody meets fails by the settings and can be rolled back', () => {
  const script = { update: { failureAction: 'rollback' } as const };
  const world = deployed(script);
  const before = world.running('web').map((task) => task.id);
  const placement = {
    constraints: ['node.labels.zone==nowhere'],
    preferences: [],
    maxReplicasPerNode: 0,
    platforms: [],
  };
  update(world, 'v1', { ...script, spec: { placement } });
  world.advance(60_000);
  assert.equal(status(world)?.state, 'rollback_completed');
  assert.deepEqual(
    world.running('web').map((task) => task.id),
    before,
  );
});

test('a manual rollback takes the previous declaration and says so', () => {
  const world = deployed({});
  update(world, 'v2', {});
  world.advance(60_000);
  world.rollBack('web');
  world.run();
  assert.equal(status(world)?.message, 'manually requested rollback');
  world.advance(60_000);
  assert.equal(status(world)?.state, 'rollback_completed');
  assert.deepEqual(runningImages(world), ['v1', 'v1', 'v1']);
});

test('a manual rollback that fails does not roll back what it rolls back', () => {
  const script = {
    update: { failureAction: 'rollback' } as const,
    rollback: { failureAction: 'rollback' } as const,
  };
  const world = deployed(script);
  update(world, 'v2', script);
  world.advance(60_000);
  world.fates.set('v1', { kind: 'missing' });
  world.rollBack('web');
  world.advance(60_000);
  assert.equal(status(world)?.state, 'rollback_paused');
  assert.deepEqual(runningImages(world), ['v2', 'v2', 'v2']);
});

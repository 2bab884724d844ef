import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LoopWorld } from './loop-world.ts';
import { deployed, runningImages, status, update } from './update-script.ts';

test('an update replaces one slot after the other and completes after the monitor time', () => {
  const world = deployed({});
  update(world, 'v2', {});
  world.run();
  assert.deepEqual(runningImages(world), ['v2', 'v2', 'v2']);
  assert.equal(status(world)?.state, 'updating');
  assert.equal(status(world)?.message, 'update in progress');
  assert.equal(status(world)?.slots, 3);
  world.advance(4_999);
  assert.equal(status(world)?.state, 'updating');
  world.advance(1);
  assert.equal(status(world)?.state, 'completed');
  assert.equal(status(world)?.message, 'update completed');
  assert.equal(status(world)?.completedAt, world.now);
});

test('with a delay each slot waits after the one before', () => {
  const script = { update: { delayMs: 10_000 } };
  const world = deployed(script);
  update(world, 'v2', script);
  world.run();
  assert.deepEqual(runningImages(world), ['v2', 'v1', 'v1']);
  world.advance(9_999);
  assert.deepEqual(runningImages(world), ['v2', 'v1', 'v1']);
  world.advance(1);
  assert.deepEqual(runningImages(world), ['v2', 'v2', 'v1']);
  world.advance(10_000);
  assert.deepEqual(runningImages(world), ['v2', 'v2', 'v2']);
});

test('parallelism 2 takes two slots at a time, 0 takes all', () => {
  for (const [parallelism, first] of [
    [2, 2],
    [0, 5],
  ] as const) {
    const script = { replicas: 5, update: { parallelism, delayMs: 10_000 } };
    const world = deployed(script);
    update(world, 'v2', script);
    world.run();
    assert.equal(runningImages(world).filter((image) => image === 'v2').length, first);
  }
});

test('stop-first keeps the old task until the new one is prepared, and never runs both', () => {
  const script = { replicas: 1, update: { order: 'stop-first' } as const };
  const world = deployed(script);
  update(world, 'v2', script);
  world.plan();
  const [old, next] = world.tasks('web');
  assert.deepEqual([old?.desired, next?.desired], ['running', 'ready']);
  world.report(next?.id ?? '', 'preparing');
  assert.equal(world.tasks('web')[0]?.desired, 'running');
  world.report(next?.id ?? '', 'ready');
  assert.deepEqual(
    world.tasks('web').map((task) => task.desired),
    ['shutdown', 'ready'],
  );
  world.report(old?.id ?? '', 'shutdown');
  assert.deepEqual(
    world.tasks('web').map((task) => task.desired),
    ['shutdown', 'running'],
  );
});

test('start-first stops the old task when the new one runs', () => {
  const script = { replicas: 1, update: { order: 'start-first' } as const };
  const world = deployed(script);
  update(world, 'v2', script);
  world.plan();
  world.report(world.tasks('web')[1]?.id ?? '', 'ready');
  assert.deepEqual(
    world.tasks('web').map((task) => task.desired),
    ['running', 'running'],
  );
  world.report(world.tasks('web')[1]?.id ?? '', 'running');
  assert.deepEqual(
    world.tasks('web').map((task) => task.desired),
    ['shutdown', 'running'],
  );
});

test('a change of placement alone moves only tasks that no longer fit, slot by slot', () => {
  const world = deployed({ replicas: 4 });
  world.changeNode('n1', { labels: { zone: 'a' } });
  world.run();
  const before = world.tasks('web');
  const placement = {
    constraints: ['node.labels.zone==a'],
    preferences: [],
    maxReplicasPerNode: 0,
    platforms: [],
  };
  update(world, 'v1', { replicas: 4, spec: { placement }, update: { delayMs: 10_000 } });
  world.run();
  assert.equal(world.running('web').filter((task) => task.nodeId === 'n2').length, 1);
  world.advance(60_000);
  assert.equal(status(world)?.state, 'completed');
  assert.deepEqual(
    world.running('web').map((task) => task.nodeId),
    ['n1', 'n1', 'n1', 'n1'],
  );
  const stayed = before.filter((task) => task.nodeId === 'n1').map((task) => task.id);
  const running = world.running('web').map((task) => task.id);
  assert.ok(stayed.every((id) => running.includes(id)));
});

test('a new declaration during an update goes on from where that is', () => {
  const script = { replicas: 4, update: { delayMs: 10_000 } };
  const world = deployed(script);
  update(world, 'v2', script);
  world.advance(10_000);
  assert.deepEqual(runningImages(world).toSorted(), ['v1', 'v1', 'v2', 'v2']);
  update(world, 'v3', script);
  world.run();
  assert.equal(status(world)?.slots, 4);
  world.advance(60_000);
  assert.equal(status(world)?.state, 'completed');
  assert.deepEqual(runningImages(world), ['v3', 'v3', 'v3', 'v3']);
});

test('a declaration that says what runs already is no update', () => {
  const world = deployed({});
  const tasks = world.tasks('web');
  update(world, 'v1', { spec: { labels: { some: 'label' } } });
  world.advance(60_000);
  assert.deepEqual(world.tasks('web'), tasks);
  assert.equal(status(world), undefined);
});

test('an update carries on under a new manager where the old one stopped', () => {
  const script = { replicas: 4, update: { delayMs: 10_000 } };
  const world = deployed(script);
  update(world, 'v2', script);
  world.advance(10_000);
  world.restartManager();
  assert.equal(runningImages(world).filter((image) => image === 'v2').length, 2);
  world.advance(30_000);
  assert.equal(status(world)?.state, 'completed');
});

test('slots that gave up are updated too', () => {
  const world = new LoopWorld();
  world.addNode('n1');
  const restart = { condition: 'none' } as const;
  world.declare('web', { template: { restart } });
  world.run();
  world.end(world.tasks('web')[0]?.id ?? '');
  world.run();
  world.declare('web', { template: { restart }, container: { image: 'v2' } });
  world.run();
  assert.deepEqual(runningImages(world), ['v2']);
});

test('a service that is scaled and updated at once does both', () => {
  const world = deployed({ replicas: 4 });
  update(world, 'v2', { replicas: 2 });
  world.advance(60_000);
  assert.deepEqual(runningImages(world), ['v2', 'v2']);
  update(world, 'v3', { replicas: 5 });
  world.advance(60_000);
  assert.deepEqual(runningImages(world), ['v3', 'v3', 'v3', 'v3', 'v3']);
});

test('templates of the past go with their last task', () => {
  const world = deployed({ replicas: 1 });
  for (let version = 2; version < 12; version += 1) {
    update(world, `v${version}`, { replicas: 1 });
    world.advance(60_000);
  }
  const kept = new Set(world.tasks('web').map((task) => task.templateId));
  assert.equal(world.view.templates.size, kept.size);
  assert.equal(kept.size, 5);
});

test('a successor may use what its stop-first predecessor holds of the node', () => {
  const world = new LoopWorld();
  world.addNode('n1', { description: { nanoCpus: 1e9 } });
  const declare = (image: string): void =>
    world.declare('web', {
      container: { image, reservations: { nanoCpus: 1e9 } },
      template: { hostPorts: [{ protocol: 'tcp', targetPort: 80, publishedPort: 80 }] },
    });
  declare('v1');
  world.run();
  declare('v2');
  world.advance(60_000);
  assert.equal(status(world)?.state, 'completed');
  assert.deepEqual(runningImages(world), ['v2']);
});

test('start-first waits for a task of the update before that is still stopping', () => {
  const script = { replicas: 1, update: { order: 'start-first' } as const };
  const world = deployed(script);
  update(world, 'v2', script);
  world.plan();
  const second = world.tasks('web')[1]?.id ?? '';
  world.report(second, 'starting');
  update(world, 'v3', script);
  world.plan();
  assert.deepEqual(
    world.tasks('web').map((task) => task.desired),
    ['running', 'shutdown', 'ready'],
  );
  world.report(second, 'shutdown');
  assert.equal(world.tasks('web')[2]?.desired, 'running');
});

test('the slots that an update was busy with are the first of the next one', () => {
  const script = { replicas: 3 };
  const world = deployed(script);
  world.fates.set('hanging', { kind: 'hangs' });
  update(world, 'hanging', script);
  world.run();
  const busy = world.tasks('web').find((task) => world.imageOf(task) === 'hanging');
  update(world, 'v3', script);
  world.plan();
  const next = world.tasks('web').find((task) => world.imageOf(task) === 'v3');
  assert.equal(next?.slot, busy?.slot);
  world.advance(60_000);
  assert.deepEqual(runningImages(world), ['v3', 'v3', 'v3']);
  assert.equal(status(world)?.state, 'completed');
});

test('a task that takes long to stop is not held against its successor', () => {
  const script = { replicas: 1 };
  const world = deployed(script);
  update(world, 'v2', script);
  world.plan();
  const [old, next] = world.tasks('web');
  world.report(next?.id ?? '', 'ready');
  world.now += 60 * 60_000;
  world.restartManager();
  assert.equal(status(world)?.state, 'updating');
  world.report(old?.id ?? '', 'shutdown');
  world.run();
  assert.deepEqual(runningImages(world), ['v2']);
});

test('in many small transactions an update or rollback is not over before its last slot', () => {
  const world = new LoopWorld({}, 1);
  world.addNode('n1');
  const script = { replicas: 3, update: { parallelism: 0 }, rollback: { parallelism: 0 } };
  update(world, 'v1', script);
  world.run();
  const states = new Set<string | undefined>();
  world.onCommit = () => states.add(status(world)?.state);
  update(world, 'v2', script);
  world.run();
  assert.deepEqual(runningImages(world), ['v2', 'v2', 'v2']);
  world.rollBack('web');
  world.run();
  assert.deepEqual(runningImages(world), ['v1', 'v1', 'v1']);
  assert.deepEqual([...states], [undefined, 'updating', 'rollback_started']);
  world.advance(5_000);
  assert.equal(status(world)?.state, 'rollback_completed');
});

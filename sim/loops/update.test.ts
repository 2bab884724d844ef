import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ServiceSpec, UpdateSettings } from '../../src/model/service.ts';
import { LoopWorld } from './loop-world.ts';

interface Script {
  readonly replicas?: number;
  readonly update?: UpdateSettings;
  readonly rollback?: UpdateSettings;
  readonly spec?: Partial<ServiceSpec>;
}

function specOf({ replicas = 3, update, rollback, spec }: Script): Partial<ServiceSpec> {
  return {
    mode: { kind: 'replicated', replicas },
    ...(update === undefined ? {} : { update }),
    ...(rollback === undefined ? {} : { rollback }),
    ...spec,
  };
}

function deployed(script: Script): LoopWorld {
  const world = new LoopWorld();
  world.fates.set('bad', { kind: 'missing' });
  world.fates.set('crashing', { kind: 'exits', afterMs: 1_000, exitCode: 1 });
  world.addNode('n1');
  world.addNode('n2');
  world.declare('web', { spec: specOf(script), container: { image: 'v1' } });
  world.advance(20_000);
  return world;
}

function update(world: LoopWorld, image: string, script: Script): void {
  world.declare('web', { spec: specOf(script), container: { image } });
}

const runningImages = (world: LoopWorld): readonly string[] =>
  world.running('web').map((task) => world.imageOf(task));
const status = (world: LoopWorld) => world.service('web').update;

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
  const placement = {
    constraints: ['node.labels.zone==nowhere'],
    preferences: [],
    maxReplicasPerNode: 0,
    platforms: [],
  };
  update(world, 'v2', { spec: { placement } });
  world.advance(29_999);
  assert.equal(status(world)?.state, 'updating');
  world.advance(1);
  assert.equal(status(world)?.state, 'paused');
  assert.deepEqual(runningImages(world), ['v1', 'v1', 'v1']);
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

test('a better declaration ends a paused update and reaches all slots', () => {
  const world = deployed({});
  update(world, 'bad', {});
  world.advance(60_000);
  update(world, 'v3', {});
  world.advance(60_000);
  assert.equal(status(world)?.state, 'completed');
  assert.deepEqual(runningImages(world), ['v3', 'v3', 'v3']);
});

test('a declaration that says what runs already is no update', () => {
  const world = deployed({});
  const tasks = world.tasks('web');
  update(world, 'v1', { spec: { labels: { some: 'label' } } });
  world.advance(60_000);
  assert.deepEqual(world.tasks('web'), tasks);
  assert.equal(status(world), undefined);
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

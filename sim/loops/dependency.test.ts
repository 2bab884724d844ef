import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ServiceDependency } from '../../src/model/service.ts';
import { LoopWorld } from './loop-world.ts';

const on = (
  service: string,
  condition: ServiceDependency['condition'],
  required = true,
): ServiceDependency => ({ service, condition, required });

function worldWith(...dependsOn: readonly ServiceDependency[]): LoopWorld {
  const world = new LoopWorld();
  world.addNode('n1');
  world.declare('web', { spec: { dependsOn, mode: { kind: 'replicated', replicas: 2 } } });
  return world;
}

const desires = (world: LoopWorld): readonly string[] =>
  world.tasks('web').map((task) => task.desired);

test('tasks are prepared while a dependency is not met, and started when it is', () => {
  const world = worldWith(on('db', 'healthy'));
  world.declare('db');
  world.plan();
  assert.deepEqual(desires(world), ['ready', 'ready']);
  const [db] = world.tasks('db');
  world.report(db?.id ?? '', 'starting');
  assert.deepEqual(desires(world), ['ready', 'ready']);
  world.report(db?.id ?? '', 'running');
  assert.deepEqual(desires(world), ['running', 'running']);
  assert.deepEqual(world.service('web').dependenciesMet, ['db']);
});

test('for condition started a container that is not healthy yet is enough', () => {
  const world = worldWith(on('db', 'started'));
  world.declare('db');
  world.plan();
  const [db] = world.tasks('db');
  const container = { name: 'main', containerId: 'c1', health: 'starting' } as const;
  world.report(db?.id ?? '', 'starting', { containers: [container] });
  assert.deepEqual(desires(world), ['running', 'running']);
});

test('a dependency that was met once gates nothing any more', () => {
  const world = worldWith(on('db', 'healthy'));
  world.declare('db');
  world.run();
  world.remove('db');
  world.run();
  world.end(world.tasks('web')[0]?.id ?? '');
  world.run();
  assert.equal(world.running('web').length, 2);
  world.restartManager();
  world.declare('web', {
    spec: { dependsOn: [on('db', 'healthy')], mode: { kind: 'replicated', replicas: 3 } },
  });
  world.run();
  assert.equal(world.running('web').length, 3);
});

test('condition completed-successfully waits for the end of a job', () => {
  const world = worldWith(on('migrate', 'completed-successfully'));
  world.fates.set('work', { kind: 'exits', afterMs: 5_000, exitCode: 0 });
  world.declare('migrate', {
    spec: { mode: { kind: 'replicated-job', maxConcurrent: 1, totalCompletions: 2 } },
    container: { image: 'work' },
  });
  world.advance(9_999);
  assert.equal(world.running('web').length, 0);
  world.advance(1);
  assert.equal(world.running('web').length, 2);
});

test('condition completed-successfully holds for a service whose task ended well', () => {
  const world = worldWith(on('migrate', 'completed-successfully'));
  world.fates.set('broken', { kind: 'exits', afterMs: 1_000, exitCode: 1 });
  world.fates.set('work', { kind: 'exits', afterMs: 1_000, exitCode: 0 });
  const template = { restart: { condition: 'on-failure' } } as const;
  world.declare('migrate', { template, container: { image: 'broken' } });
  world.advance(10_000);
  assert.equal(world.running('web').length, 0);
  world.declare('migrate', { template, container: { image: 'work' } });
  world.advance(10_000);
  assert.equal(world.running('web').length, 2);
});

test('a required service that is not there is waited for', () => {
  const world = worldWith(on('db', 'started'));
  world.advance(600_000);
  assert.deepEqual(desires(world), ['ready', 'ready']);
  world.declare('db');
  world.run();
  assert.deepEqual(desires(world), ['running', 'running']);
});

test('a service that need not exist gates only while it exists', () => {
  const world = worldWith(on('cache', 'healthy', false));
  world.run();
  assert.equal(world.running('web').length, 2);
  const other = worldWith(on('cache', 'healthy', false));
  other.declare('cache', { container: { image: 'never' } });
  other.fates.set('never', { kind: 'hangs' });
  other.run();
  assert.equal(other.running('web').length, 0);
  other.remove('cache');
  other.plan();
  assert.deepEqual(desires(other), ['running', 'running']);
});

test('of several dependencies each is recorded when it is met', () => {
  const world = worldWith(on('db', 'healthy'), on('cache', 'healthy'));
  world.fates.set('slow', { kind: 'hangs' });
  world.declare('db');
  world.declare('cache', { container: { image: 'slow' } });
  world.run();
  assert.deepEqual(world.service('web').dependenciesMet, ['db']);
  assert.equal(world.running('web').length, 0);
  world.fates.delete('slow');
  world.run();
  assert.equal(world.running('web').length, 2);
});

test('a chain of dependencies starts in its order', () => {
  const world = new LoopWorld();
  world.addNode('n1');
  world.declare('c', { spec: { dependsOn: [on('b', 'healthy')] } });
  world.declare('b', { spec: { dependsOn: [on('a', 'healthy')] } });
  world.declare('a');
  world.run();
  assert.deepEqual(
    ['a', 'b', 'c'].map((name) => world.running(name).length),
    [1, 1, 1],
  );
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RestartPolicy } from '../../src/model/template.ts';
import type { Task } from '../../src/model/task.ts';
import { LoopWorld } from './loop-world.ts';

function worldWith(restart?: RestartPolicy): LoopWorld {
  const world = new LoopWorld();
  world.addNode('n1');
  world.declare('web', { template: restart === undefined ? {} : { restart } });
  world.run();
  return world;
}

function current(world: LoopWorld): Task {
  const task = world.tasks('web').at(-1);
  if (task === undefined) throw new Error('there is no task');
  return task;
}

test('without a declared delay a failed task is replaced in the transaction of its end', () => {
  const world = worldWith();
  const { revision } = world.view;
  world.end(current(world).id);
  assert.equal(world.view.revision, revision + 1);
  assert.deepEqual(world.show('web'), [
    '1.1 shutdown/failed@n1 good',
    '1.2 running/assigned@n1 good',
  ]);
});

test('a task that keeps failing is restarted at once, then ever more slowly, up to every 5 s', () => {
  const world = worldWith();
  const delays: number[] = [];
  for (let restarts = 0; restarts < 9; restarts += 1) {
    const endedAt = world.now;
    world.end(current(world).id);
    while (world.running('web').length === 0) world.advance(50);
    delays.push(world.now - endedAt);
  }
  assert.deepEqual(delays, [50, 100, 200, 400, 800, 1_600, 3_200, 5_000, 5_000]);
});

test('after a task ran well the back-off starts over', () => {
  const world = worldWith();
  for (let restarts = 0; restarts < 5; restarts += 1) {
    world.end(current(world).id);
    world.advance(5_000);
  }
  world.advance(15_000);
  world.end(current(world).id);
  assert.equal(current(world).desired, 'running');
});

test('a declared delay is obeyed from the first restart on', () => {
  const world = worldWith({ delayMs: 2_000 });
  world.end(current(world).id);
  world.advance(1_999);
  assert.deepEqual(world.showLive('web'), ['1.2 ready/ready@n1 good']);
  world.advance(1);
  assert.deepEqual(world.showLive('web'), ['1.2 running/running@n1 good']);
});

test('a declared delay of 0 means at once, always', () => {
  const world = worldWith({ delayMs: 0 });
  for (let restarts = 0; restarts < 20; restarts += 1) {
    world.end(current(world).id);
    world.run();
    assert.equal(world.running('web').length, 1);
  }
});

const conditions: readonly {
  readonly condition: 'any' | 'on-failure' | 'none';
  readonly end: 'complete' | 'failed';
  readonly restarts: boolean;
}[] = [
  { condition: 'any', end: 'complete', restarts: true },
  { condition: 'any', end: 'failed', restarts: true },
  { condition: 'on-failure', end: 'complete', restarts: false },
  { condition: 'on-failure', end: 'failed', restarts: true },
  { condition: 'none', end: 'complete', restarts: false },
  { condition: 'none', end: 'failed', restarts: false },
];

for (const { condition, end, restarts } of conditions) {
  test(`with condition ${condition} a task that ends ${end} is ${restarts ? '' : 'not '}restarted`, () => {
    const world = worldWith({ condition });
    world.end(current(world).id, end, end === 'complete' ? 0 : 1);
    world.run();
    assert.equal(world.running('web').length, restarts ? 1 : 0);
    assert.equal(world.view.tasks.size, restarts ? 2 : 1);
  });
}

test('a task that is not restarted still stands for its slot', () => {
  const world = worldWith({ condition: 'none' });
  world.end(current(world).id, 'complete', 0);
  world.restartManager();
  world.run();
  assert.deepEqual(world.show('web'), ['1.1 shutdown/complete@n1 good']);
  assert.equal(current(world).spent, true);
});

test('after its attempts a slot gives up and says so', () => {
  const world = worldWith({ maxAttempts: 2, delayMs: 0 });
  for (let ends = 0; ends < 3; ends += 1) {
    world.end(current(world).id);
    world.run();
  }
  assert.equal(world.running('web').length, 0);
  const { end, spent } = current(world);
  assert.equal(spent, true);
  assert.equal(end?.reason.code, 'restart-attempts-exhausted');
  assert.match(end?.reason.message ?? '', /gave up after 2 restarts; .*non-zero exit \(1\)/);
});

test('attempts are counted by what the task carries: trimmed history and a new manager change nothing', () => {
  const world = new LoopWorld({ taskHistoryLimit: 1 });
  world.addNode('n1');
  world.declare('web', { template: { restart: { maxAttempts: 4, delayMs: 0 } } });
  world.run();
  for (let ends = 0; ends < 5; ends += 1) {
    assert.equal(world.running('web').length, 1, `end ${ends}`);
    world.end(current(world).id);
    world.restartManager();
    world.run();
  }
  assert.equal(world.running('web').length, 0);
});

test('with a window only the attempts within it count', () => {
  const world = worldWith({ maxAttempts: 2, windowMs: 10_000, delayMs: 0 });
  for (let ends = 0; ends < 6; ends += 1) {
    world.end(current(world).id);
    world.run();
    assert.equal(world.running('web').length, 1, `end ${ends}`);
    world.advance(6_000);
  }
  world.end(current(world).id);
  world.run();
  world.end(current(world).id);
  world.run();
  assert.equal(world.running('web').length, 0);
});

test('a new template starts with all attempts', () => {
  const restart = { maxAttempts: 1, delayMs: 0 };
  const world = worldWith(restart);
  world.end(current(world).id);
  world.run();
  world.end(current(world).id);
  world.run();
  assert.equal(world.running('web').length, 0);
  world.declare('web', { template: { restart }, container: { image: 'better' } });
  world.run();
  assert.equal(world.running('web').length, 1);
  world.end(current(world).id);
  world.run();
  assert.equal(world.running('web').length, 1);
});

test('a task that waits for its delay is gone when the service is scaled down', () => {
  const world = worldWith({ delayMs: 30_000 });
  world.end(current(world).id);
  world.declare('web', {
    spec: { mode: { kind: 'replicated', replicas: 0 } },
    template: { restart: { delayMs: 30_000 } },
  });
  world.advance(60_000);
  assert.deepEqual(world.show('web'), []);
});

test('a delay that passed while no manager was there ends at once when one starts', () => {
  const world = worldWith({ delayMs: 10_000 });
  world.end(current(world).id);
  world.run();
  world.now += 60_000;
  world.restartManager();
  world.run();
  assert.equal(world.running('web').length, 1);
});

test('the history of a slot is bounded, the current task counted, as in Swarm', () => {
  const world = worldWith({ delayMs: 0 });
  for (let ends = 0; ends < 12; ends += 1) {
    world.end(current(world).id);
    world.run();
  }
  assert.deepEqual(
    world.tasks('web').map((task) => task.generation),
    [9, 10, 11, 12, 13],
  );
});

test('a negative history limit keeps everything', () => {
  const world = new LoopWorld({ taskHistoryLimit: -1 });
  world.addNode('n1');
  world.declare('web', { template: { restart: { delayMs: 0 } } });
  world.run();
  for (let ends = 0; ends < 12; ends += 1) {
    world.end(current(world).id);
    world.run();
  }
  assert.equal(world.view.tasks.size, 13);
});

test('an end that is reported twice is recorded once', () => {
  const world = worldWith({ delayMs: 0 });
  const { id } = current(world);
  world.end(id);
  world.run();
  world.end(id);
  world.run();
  assert.equal(world.view.tasks.size, 2);
});

test('a task that cannot be prepared is tried again at the same growing intervals', () => {
  const world = new LoopWorld();
  world.addNode('n1');
  world.fates.set('bad', { kind: 'missing' });
  world.declare('web', { container: { image: 'bad' } });
  const start = world.now;
  world.advance(9_999);
  const tried = world.tasks('web').map((task) => task.createdAt - start);
  assert.deepEqual(tried, [300, 700, 1_500, 3_100, 6_300]);
  assert.equal(current(world).generation, 8);
});

test('a task that is not to be restarted is kept even where no history is', () => {
  const world = new LoopWorld({ taskHistoryLimit: 0 });
  world.addNode('n1');
  world.declare('web', { template: { restart: { condition: 'none' } } });
  world.run();
  world.end(current(world).id);
  world.restartManager();
  world.run();
  assert.deepEqual(world.show('web'), ['1.1 shutdown/failed@n1 good']);
});

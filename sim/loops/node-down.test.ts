import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ServiceSpec } from '../../src/model/service.ts';
import type { Task } from '../../src/model/task.ts';
import { checkWorld } from './invariants.ts';
import { LoopWorld } from './loop-world.ts';

const networks = [{ networkId: 'net', aliases: [], driverOptions: {} }];

function worldWith(replicas: number, spec: Partial<ServiceSpec> = {}): LoopWorld {
  const world = new LoopWorld();
  world.addNetwork('net');
  for (const id of ['n1', 'n2', 'n3']) world.addNode(id);
  world.declare('web', {
    spec: { mode: { kind: 'replicated', replicas }, ...spec },
    template: { networks },
  });
  world.run();
  return world;
}

function taskOn(world: LoopWorld, nodeId: string): Task {
  const found = world.tasks('web').find((task) => task.nodeId === nodeId);
  assert.ok(found, `no task on ${nodeId}`);
  return found;
}

function successorOf(world: LoopWorld, lost: Task): Task {
  const found = world.tasks('web').find((task) => task.slot === lost.slot && task.generation === 2);
  assert.ok(found, 'there is no successor');
  return found;
}

const row = (world: LoopWorld, task: Task): Task | undefined => world.view.tasks.get(task.id);
const live = (world: LoopWorld): readonly Task[] =>
  world.tasks('web').filter((task) => task.end === undefined && task.desired === 'running');

test('tasks of a node that is down get successors that may start at once', () => {
  const world = worldWith(3);
  const lost = taskOn(world, 'n1');
  world.setNodeState('n1', 'down');
  world.plan();
  const successor = successorOf(world, lost);
  assert.equal(successor.desired, 'running');
  assert.ok(successor.nodeId === 'n2' || successor.nodeId === 'n3');
  assert.deepEqual(successor.restarts, []);
});

test('the task that was lost is told to go, and keeps row and address until its node says so', () => {
  const world = worldWith(3);
  const lost = taskOn(world, 'n1');
  world.setNodeState('n1', 'down');
  world.run();
  world.advance(3_600_000);
  assert.equal(row(world, lost)?.desired, 'shutdown');
  assert.equal(row(world, lost)?.retirement?.code, 'node-down');
  assert.equal(row(world, lost)?.end, undefined);
  assert.deepEqual(row(world, lost)?.addresses, lost.addresses);
  assert.equal(world.running('web').filter(({ nodeId }) => nodeId !== 'n1').length, 3);
  checkWorld(world);
  world.setNodeState('n1', 'ready');
  world.run();
  assert.equal(row(world, lost)?.end?.state, 'shutdown');
  assert.equal(world.running('web').length, 3);
});

test('a node that is back before the successor runs keeps its task', () => {
  const world = worldWith(3);
  const lost = taskOn(world, 'n1');
  world.setNodeState('n1', 'down');
  world.plan();
  world.setNodeState('n1', 'ready');
  world.run();
  assert.equal(row(world, lost)?.desired, 'running');
  assert.notEqual(row(world, lost)?.outgoing, true);
  assert.equal(live(world).length, 3);
});

test('a manager that starts in the middle undoes nothing, and finishes it', () => {
  const world = worldWith(3);
  const lost = taskOn(world, 'n1');
  world.setNodeState('n1', 'down');
  world.plan();
  const successor = successorOf(world, lost);
  for (const id of ['n1', 'n2', 'n3']) world.setNodeState(id, 'unknown');
  world.forgetObserved();
  assert.equal(row(world, successor)?.desired, 'running');
  for (const id of ['n2', 'n3']) world.setNodeState(id, 'ready');
  world.run();
  assert.equal(row(world, lost)?.desired, 'shutdown');
  assert.equal(live(world).length, 3);
});

test('where no node is left that could take them, tasks stay as they are', () => {
  const world = worldWith(3);
  const before = world.running('web').map(({ id }) => id);
  for (const id of ['n2', 'n3']) world.changeNode(id, { availability: 'pause' });
  world.setNodeState('n1', 'down');
  world.run();
  world.setNodeState('n1', 'ready');
  world.run();
  assert.deepEqual(
    world.running('web').map(({ id }) => id),
    before,
  );
});

test('a second node that goes down takes the successors of the first with it, and all is replaced', () => {
  const world = worldWith(6);
  world.setNodeState('n1', 'down');
  world.plan();
  world.setNodeState('n2', 'down');
  world.run();
  assert.ok(live(world).every(({ nodeId }) => nodeId === 'n3'));
  assert.equal(live(world).length, 6);
  for (const id of ['n1', 'n2']) world.setNodeState(id, 'ready');
  world.run();
  assert.equal(world.running('web').length, 6);
  checkWorld(world);
});

test('an update goes on where a node with half of it is down', () => {
  const world = worldWith(3);
  world.declare('web', {
    spec: { mode: { kind: 'replicated', replicas: 3 } },
    template: { networks },
    container: { image: 'v2' },
  });
  world.plan();
  const first = world.tasks('web').find((task) => world.imageOf(task) === 'v2');
  world.setNodeState(first?.nodeId ?? '', 'down');
  world.advance(60_000);
  assert.equal(world.service('web').update?.state, 'completed');
  assert.equal(world.service('web').update?.failures, 0);
  assert.ok(live(world).every((task) => world.imageOf(task) === 'v2'));
});

test('a global service keeps its task on a node that is down', () => {
  const world = worldWith(0, { mode: { kind: 'global' } });
  const before = world.tasks('web').map(({ id }) => id);
  world.setNodeState('n1', 'down');
  world.advance(60_000);
  assert.deepEqual(
    live(world).map(({ id }) => id),
    before,
  );
});

test('a fenced task is replaced only when its node must have stopped it', () => {
  const world = worldWith(3, { labels: { 'dev.tutti.fence': 'true' } });
  const lost = taskOn(world, 'n1');
  world.setNodeState('n1', 'down');
  world.advance(60_000);
  assert.equal(world.tasks('web').length, 3);
  assert.equal(row(world, lost)?.desired, 'running');
  world.setNodeState('n1', 'down', { fenced: true });
  world.run();
  assert.equal(row(world, lost)?.desired, 'shutdown');
  assert.equal(live(world).length, 3);
});

test('a fenced task that was told to stop is waited for until its node must have stopped it', () => {
  const world = worldWith(1, { labels: { 'dev.tutti.fence': 'true' } });
  const [first] = world.tasks('web');
  world.setNodeState(first?.nodeId ?? '', 'unreachable');
  world.declare('web', {
    spec: {
      labels: { 'dev.tutti.fence': 'true' },
      update: { parallelism: 1, order: 'start-first' },
    },
    template: { networks },
    container: { image: 'v2' },
  });
  world.run();
  const second = world.tasks('web').at(-1);
  assert.equal(second?.desired, 'ready');
  world.setNodeState(first?.nodeId ?? '', 'down');
  world.run();
  assert.equal(world.tasks('web').at(-1)?.desired, 'ready');
  world.setNodeState(first?.nodeId ?? '', 'down', { fenced: true });
  world.run();
  assert.equal(world.tasks('web').at(-1)?.desired, 'running');
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LoopWorld } from './loop-world.ts';
import { anywhere } from './rows.ts';

function worldWith(nodes: number, replicas: number): LoopWorld {
  const world = new LoopWorld();
  for (let number = 1; number <= nodes; number += 1) world.addNode(`n${number}`);
  world.declare('web', { spec: { mode: { kind: 'replicated', replicas } } });
  world.run();
  return world;
}

/** The node says that it leaves. */
function leave(world: LoopWorld, nodeId: string): void {
  world.setNodeState(nodeId, 'down', { fenced: true });
  world.changeNode(nodeId, {}, { leftAt: world.now });
}

const nodesOf = (world: LoopWorld): readonly (string | undefined)[] =>
  world.running('web').map((task) => task.nodeId);

test('a drained node loses its tasks to others, each once its successor can take over', () => {
  const world = worldWith(2, 4);
  world.changeNode('n1', { availability: 'drain' });
  world.plan();
  assert.equal(world.running('web').length, 4);
  world.run();
  assert.deepEqual(nodesOf(world), ['n2', 'n2', 'n2', 'n2']);
  const [first] = world.tasks('web');
  assert.equal(first?.end?.reason.code, 'node-drained');
  assert.equal(first?.end?.reason.message, 'node n1 is being drained');
});

test('a move costs no restart attempts and asks no restart policy', () => {
  const world = new LoopWorld();
  world.addNode('n1');
  world.addNode('n2');
  const restart = { condition: 'none' } as const;
  world.declare('web', { template: { restart } });
  world.run();
  world.changeNode('n1', { availability: 'drain' });
  world.run();
  assert.deepEqual(nodesOf(world), ['n2']);
  assert.deepEqual(world.running('web')[0]?.restarts, []);
  world.changeNode('n1', { availability: 'active' });
  world.removeNode('n2');
  world.run();
  assert.deepEqual(nodesOf(world), ['n1']);
});

test('the only node, drained, lets go of everything; active again it gets it back', () => {
  const world = worldWith(1, 2);
  world.changeNode('n1', { availability: 'drain' });
  world.run();
  assert.equal(world.running('web').length, 0);
  const waiting = world.tasks('web').filter((task) => task.end === undefined);
  assert.equal(waiting.length, 2);
  assert.deepEqual(
    waiting.map((task) => world.refusal(task)?.hint),
    Array.from({ length: 2 }, () => 'node n1 is drained: set the availability to active.'),
  );
  world.changeNode('n1', { availability: 'active' });
  world.run();
  assert.deepEqual(nodesOf(world), ['n1', 'n1']);
});

test('a drain that is called off in time moves nothing', () => {
  const world = worldWith(2, 2);
  const before = world.running('web');
  world.changeNode('n1', { availability: 'drain' });
  world.plan();
  world.changeNode('n1', { availability: 'active' });
  world.run();
  assert.deepEqual(
    world.running('web').map((task) => task.id),
    before.map((task) => task.id),
  );
});

test('a paused node keeps what it has and gets nothing new', () => {
  const world = worldWith(2, 2);
  world.changeNode('n1', { availability: 'pause' });
  world.declare('web', { spec: { mode: { kind: 'replicated', replicas: 4 } } });
  world.run();
  assert.deepEqual(nodesOf(world), ['n1', 'n2', 'n2', 'n2']);
});

test('a task whose node no longer meets the constraints moves, with the constraint as the reason', () => {
  const world = new LoopWorld();
  world.addNode('n1', { spec: { labels: { disk: 'ssd' } } });
  world.addNode('n2', { spec: { labels: { disk: 'ssd' } } });
  const placement = { ...anywhere, constraints: ['node.labels.disk==ssd'] };
  world.declare('web', { spec: { placement, mode: { kind: 'replicated', replicas: 2 } } });
  world.run();
  world.changeNode('n1', { labels: { disk: 'tape' } });
  world.run();
  assert.deepEqual(nodesOf(world), ['n2', 'n2']);
  const moved = world.tasks('web').find((task) => task.end !== undefined);
  assert.equal(moved?.end?.reason.code, 'constraint-unmet');
  assert.equal(world.service('web').update, undefined);
});

test('tasks of a removed node are replaced, and hold no addresses any more', () => {
  const world = new LoopWorld();
  world.addNode('n1');
  world.addNode('n2');
  world.addNetwork('net');
  const networks = [{ networkId: 'net', aliases: [], driverOptions: {} }];
  world.declare('web', {
    spec: { mode: { kind: 'replicated', replicas: 2 } },
    template: { networks },
  });
  world.run();
  world.removeNode('n1');
  world.run();
  assert.deepEqual(nodesOf(world), ['n2', 'n2']);
  const lost = world.tasks('web').find((task) => task.nodeId === 'n1');
  assert.equal(lost?.end?.state, 'orphaned');
  assert.equal(lost?.end?.reason.code, 'node-removed');
  assert.deepEqual(lost?.addresses, []);
});

test('tasks of a node that left have ended: nobody waits for them, and a removed service goes', () => {
  const world = worldWith(2, 2);
  world.declare('agent', { spec: { mode: { kind: 'global' } } });
  world.run();
  leave(world, 'n1');
  world.run();
  assert.deepEqual(nodesOf(world), ['n2', 'n2']);
  const lost = world.tasks('web').find((task) => task.nodeId === 'n1');
  assert.equal(lost?.end?.state, 'orphaned');
  assert.deepEqual(
    world.tasks('agent').map((task) => task.targetNodeId),
    ['n2'],
  );
  for (const name of ['web', 'agent']) world.remove(name);
  world.run();
  assert.equal(world.view.tasks.size, 0);
  assert.equal(world.view.services.size, 0);
});

test('a service that is removed while a node leaves waits for no task there', () => {
  const world = worldWith(2, 2);
  world.setNodeState('n1', 'down');
  world.remove('web');
  world.run();
  assert.equal(world.view.services.size, 1, 'the node may come back with its task');
  leave(world, 'n1');
  world.run();
  assert.equal(world.view.services.size, 0);
});

test('a node that is silent keeps its tasks', () => {
  const world = worldWith(2, 2);
  world.setNodeState('n1', 'unreachable');
  world.advance(600_000);
  assert.equal(world.view.tasks.size, 2);
});

test('an update waits for its task in the place where it was moved to', () => {
  const world = worldWith(2, 2);
  world.declare('web', {
    spec: { mode: { kind: 'replicated', replicas: 2 } },
    container: { image: 'v2' },
  });
  world.plan();
  const first = world.tasks('web').find((task) => world.imageOf(task) === 'v2');
  world.removeNode(first?.nodeId ?? '');
  world.plan();
  const moved = world.tasks('web').find((task) => task.rollout === 'starting' && !task.end);
  assert.ok(moved);
  assert.equal(moved.slot, first?.slot);
  assert.notEqual(moved.nodeId, first?.nodeId);
  world.advance(60_000);
  assert.equal(world.service('web').update?.state, 'completed');
  assert.equal(world.service('web').update?.failures, 0);
  assert.equal(world.running('web').length, 2);
});

test('what replaces a lost successor waits for the task before that, too', () => {
  const world = worldWith(3, 1);
  const update = { order: 'stop-first' } as const;
  const spec = { mode: { kind: 'replicated', replicas: 1 }, update } as const;
  world.declare('web', { spec });
  world.changeNode('n1', { availability: 'drain' });
  world.plan();
  const [first, second] = world.tasks('web');
  world.report(second?.id ?? '', 'ready');
  assert.equal(world.tasks('web')[0]?.desired, 'shutdown');
  world.removeNode(second?.nodeId ?? '');
  world.declare('web', { spec });
  world.plan();
  assert.equal(world.tasks('web').at(-1)?.desired, 'ready');
  world.report(first?.id ?? '', 'shutdown');
  assert.equal(world.tasks('web').at(-1)?.desired, 'running');
});

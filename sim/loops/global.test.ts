import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ServiceSpec } from '../../src/model/service.ts';
import { LoopWorld } from './loop-world.ts';
import { anywhere } from './rows.ts';

const everywhere: Partial<ServiceSpec> = { mode: { kind: 'global' } };

function worldWith(nodes: number): LoopWorld {
  const world = new LoopWorld();
  for (let number = 1; number <= nodes; number += 1) world.addNode(`n${number}`);
  return world;
}

test('a global service has one task on each node, and on each that comes', () => {
  const world = worldWith(2);
  world.declare('agent', { spec: everywhere });
  world.run();
  world.addNode('n3');
  world.run();
  assert.deepEqual(world.show('agent'), [
    'n1.1 running/running@n1 good',
    'n2.1 running/running@n2 good',
    'n3.1 running/running@n3 good',
  ]);
});

test('a global service goes only where its constraints are met, and leaves when they no longer are', () => {
  const world = worldWith(2);
  world.changeNode('n1', { labels: { zone: 'a' } });
  const placement = { ...anywhere, constraints: ['node.labels.zone==a'] };
  world.declare('agent', { spec: { ...everywhere, placement } });
  world.run();
  assert.deepEqual(world.showLive('agent'), ['n1.1 running/running@n1 good']);
  world.changeNode('n1', { labels: {} });
  world.changeNode('n2', { labels: { zone: 'a' } });
  world.run();
  assert.deepEqual(world.showLive('agent'), ['n2.1 running/running@n2 good']);
  assert.equal(world.tasks('agent')[0]?.end?.reason.code, 'constraint-unmet');
});

test('a drained node loses its global tasks and gets them back when it is active', () => {
  const world = worldWith(2);
  world.declare('agent', { spec: everywhere });
  world.run();
  world.changeNode('n2', { availability: 'drain' });
  world.run();
  assert.deepEqual(world.showLive('agent'), ['n1.1 running/running@n1 good']);
  world.changeNode('n2', { availability: 'active' });
  world.run();
  assert.deepEqual(world.showLive('agent'), [
    'n1.1 running/running@n1 good',
    'n2.2 running/running@n2 good',
  ]);
});

test('a paused node keeps its global tasks and gets no new ones', () => {
  const world = worldWith(2);
  world.declare('one', { spec: everywhere });
  world.run();
  world.changeNode('n2', { availability: 'pause' });
  world.declare('two', { spec: everywhere });
  world.run();
  assert.equal(world.running('one').length, 2);
  assert.deepEqual(world.showLive('two'), ['n1.1 running/running@n1 good']);
});

test('a failed global task is restarted on its node', () => {
  const world = worldWith(2);
  world.declare('agent', { spec: everywhere });
  world.run();
  world.end(world.tasks('agent')[1]?.id ?? '');
  world.run();
  assert.deepEqual(world.showLive('agent'), [
    'n1.1 running/running@n1 good',
    'n2.2 running/running@n2 good',
  ]);
});

test('a global task that does not fit waits for its node and says why', () => {
  const world = worldWith(1);
  world.addNode('small', { description: { memoryBytes: 1024 } });
  world.declare('agent', {
    spec: everywhere,
    container: { reservations: { memoryBytes: 2048 } },
  });
  world.run();
  const waiting = world.tasks('agent').find((task) => task.nodeId === undefined);
  assert.equal(waiting?.targetNodeId, 'small');
  const reason = waiting && world.refusal(waiting);
  assert.equal(reason?.message, 'no suitable node (insufficient resources on 1 node)');
});

test('the tasks of a node that is removed go with it', () => {
  const world = worldWith(2);
  world.declare('agent', { spec: everywhere });
  world.run();
  world.removeNode('n2');
  world.run();
  assert.deepEqual(world.show('agent'), ['n1.1 running/running@n1 good']);
});

test('a global service is updated node by node, and a node that was away later', () => {
  const world = worldWith(3);
  world.declare('agent', { spec: everywhere, container: { image: 'v1' } });
  world.run();
  world.changeNode('n3', { availability: 'pause' });
  world.declare('agent', {
    spec: { ...everywhere, update: { delayMs: 1_000 } },
    container: { image: 'v2' },
  });
  world.run();
  assert.deepEqual(
    world.running('agent').map((task) => world.imageOf(task)),
    ['v2', 'v1', 'v1'],
  );
  world.advance(60_000);
  assert.equal(world.service('agent').update?.state, 'completed');
  assert.deepEqual(
    world.running('agent').map((task) => world.imageOf(task)),
    ['v2', 'v2', 'v1'],
  );
  world.changeNode('n3', { availability: 'active' });
  world.advance(60_000);
  assert.deepEqual(
    world.running('agent').map((task) => world.imageOf(task)),
    ['v2', 'v2', 'v2'],
  );
});

test('a removed global service leaves nothing', () => {
  const world = worldWith(3);
  world.declare('agent', { spec: everywhere });
  world.run();
  world.remove('agent');
  world.run();
  assert.equal(world.view.services.size + world.view.tasks.size + world.view.templates.size, 0);
});

test('an update goes on when the node that it was busy with is removed', () => {
  const world = worldWith(3);
  world.fates.set('hanging', { kind: 'hangs' });
  world.declare('agent', { spec: everywhere, container: { image: 'v1' } });
  world.run();
  world.declare('agent', { spec: everywhere, container: { image: 'hanging' } });
  world.run();
  const busy = world.tasks('agent').find((task) => world.imageOf(task) === 'hanging');
  world.fates.delete('hanging');
  world.removeNode(busy?.targetNodeId ?? '');
  world.advance(60_000);
  assert.equal(world.service('agent').update?.state, 'completed');
  assert.deepEqual(
    world.running('agent').map((task) => world.imageOf(task)),
    ['hanging', 'hanging'],
  );
});

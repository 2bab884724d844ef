import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { UpdateSettings } from '../../src/model/service.ts';
import type { Task } from '../../src/model/task.ts';
import type { ContainerSpec } from '../../src/model/template.ts';
import { isLive } from '../../src/store/schema.ts';
import type { Transaction } from '../../src/store/view.ts';
import { liveThroughDrains } from './drain-life.ts';
import { LoopWorld } from './loop-world.ts';
import { anywhere } from './rows.ts';

const seeds = 150;

interface Drained {
  readonly replicas?: number;
  readonly update?: UpdateSettings;
  readonly mounts?: ContainerSpec['mounts'];
  readonly nodes?: number;
}

/** Everything runs on n1, which is then drained. */
function drained({ replicas = 4, update, mounts = [], nodes = 2 }: Drained = {}): LoopWorld {
  const world = new LoopWorld();
  world.addNode('n1');
  const spec = { mode: { kind: 'replicated', replicas } as const };
  world.declare('web', {
    spec: update === undefined ? spec : { ...spec, update },
    container: { mounts },
  });
  world.run();
  for (let number = 2; number <= nodes; number += 1) world.addNode(`n${number}`);
  world.changeNode('n1', { availability: 'drain' });
  return world;
}

/** Agents act one at a time; what is seen in between is what others see. */
function watch(world: LoopWorld, look: () => void): void {
  world.plan();
  look();
  for (let [task] = world.actionable(); task !== undefined; [task] = world.actionable()) {
    world.act(task);
    look();
  }
}

const on = (world: LoopWorld, nodeId: string): number =>
  world.running('web').filter((task) => task.nodeId === nodeId).length;

test('a drain moves one task after the other, each once its successor runs', () => {
  const world = drained();
  const seen: string[] = [];
  watch(world, () => {
    const line = `${on(world, 'n1')}+${on(world, 'n2')}`;
    if (seen.at(-1) !== line) seen.push(line);
  });
  assert.deepEqual(seen, ['4+0', '4+1', '3+1', '3+2', '2+2', '2+3', '1+3', '1+4', '0+4']);
});

test('what writes to a volume stops before its successor starts', () => {
  const volume = { type: 'volume', source: 'data', target: '/data', readOnly: false } as const;
  const world = drained({ replicas: 2, mounts: [volume] });
  const seen: string[] = [];
  watch(world, () => {
    const line = `${on(world, 'n1')}+${on(world, 'n2')}`;
    if (seen.at(-1) !== line) seen.push(line);
  });
  assert.deepEqual(seen, ['2+0', '1+0', '1+1', '0+1', '0+2']);
});

test('a declared order holds for moves, too', () => {
  const world = drained({ update: { order: 'stop-first', parallelism: 2 } });
  const running: number[] = [];
  for (let tasks = world.actionable(); running.length < 10; tasks = world.actionable()) {
    for (const task of tasks) world.act(task);
    world.plan();
    running.push(world.running('web').length);
  }
  assert.equal(Math.min(...running), 2);
  assert.equal(on(world, 'n2'), 4);
});

test('between two moves the delay of the update settings passes', () => {
  const world = drained({ replicas: 3, update: { delayMs: 10_000 } });
  const moved: number[] = [];
  for (let second = 0; second < 30; second += 9) {
    world.advance(9_000);
    moved.push(on(world, 'n2'));
  }
  assert.deepEqual(moved, [1, 2, 3, 3]);
});

test('what has no other place stops at once, and comes back with its node', () => {
  const world = drained({ nodes: 1 });
  world.run();
  assert.equal(world.running('web').length, 0);
  world.changeNode('n1', { availability: 'active' });
  world.run();
  assert.equal(on(world, 'n1'), 4);
});

test('what fits elsewhere moves, and the rest stops only then', () => {
  const world = drained({ replicas: 3 });
  const placement = { ...anywhere, maxReplicasPerNode: 2 };
  world.declare('web', { spec: { mode: { kind: 'replicated', replicas: 3 }, placement } });
  world.run();
  assert.equal(on(world, 'n2'), 2);
  assert.equal(on(world, 'n1'), 0);
  const waiting = world.tasks('web').filter((task) => isLive(task) && task.nodeId === undefined);
  assert.equal(waiting.length, 1);
  for (const task of waiting) assert.match(world.refusal(task)?.message ?? '', /max replicas/);
});

test('nodes that are silent are waited for before a task goes without a successor', () => {
  const world = drained();
  world.setNodeState('n2', 'unreachable');
  world.advance(29_000);
  assert.equal(on(world, 'n1'), 4);
  world.setNodeState('n2', 'ready');
  world.run();
  assert.equal(on(world, 'n2'), 4);
});

test('a silent node is not waited for for ever', () => {
  const world = drained();
  world.setNodeState('n2', 'unreachable');
  world.advance(31_000 * 4);
  assert.equal(on(world, 'n1'), 0);
});

test('a task stays as long as its successor cannot run, and the others wait', () => {
  const world = drained({ nodes: 1 });
  world.addNode('n2');
  world.fates.set('good', { kind: 'missing' });
  world.advance(60_000);
  assert.equal(on(world, 'n1'), 4);
  assert.ok(world.tasks('web').some((task) => task.end?.state === 'rejected'));
  world.fates.delete('good');
  world.advance(10_000);
  assert.equal(on(world, 'n2'), 4);
});

test('a drain that is called off leaves on the node what did not move yet', () => {
  const world = drained({ update: { delayMs: 10_000 } });
  world.advance(5_000);
  world.changeNode('n1', { availability: 'active' });
  world.advance(60_000);
  assert.deepEqual([on(world, 'n1'), on(world, 'n2')], [3, 1]);
  assert.equal(world.view.tasks.count('evicted', 'web'), 0);
});

test('tasks whose node lost a label leave one by one, too', () => {
  const world = new LoopWorld();
  for (const id of ['n1', 'n2']) world.addNode(id, { spec: { labels: { disk: 'ssd' } } });
  const placement = { ...anywhere, constraints: ['node.labels.disk==ssd'] };
  world.declare('web', { spec: { placement, mode: { kind: 'replicated', replicas: 6 } } });
  world.run();
  world.changeNode('n1', { labels: {} });
  watch(world, () => assert.ok(world.running('web').length <= 7));
  assert.deepEqual([on(world, 'n1'), on(world, 'n2')], [0, 6]);
});

test('drain and update together disturb no more slots than the update settings allow', () => {
  const update = { order: 'stop-first', parallelism: 2 } as const;
  const world = drained({ replicas: 6, update });
  world.declare('web', {
    spec: { mode: { kind: 'replicated', replicas: 6 }, update },
    container: { image: 'v2' },
  });
  watch(world, () => assert.ok(world.running('web').length >= 4));
  world.advance(20_000);
  assert.equal(on(world, 'n2'), 6);
  assert.equal(world.service('web').update?.state, 'completed');
});

test('a paused update does not hold up a drain', () => {
  const world = drained({ nodes: 1 });
  world.changeNode('n1', { availability: 'active' });
  world.fates.set('bad', { kind: 'missing' });
  world.declare('web', {
    spec: { mode: { kind: 'replicated', replicas: 4 } },
    container: { image: 'bad' },
  });
  world.advance(20_000);
  assert.equal(world.service('web').update?.state, 'paused');
  world.addNode('n2');
  world.changeNode('n1', { availability: 'drain' });
  world.advance(20_000);
  assert.deepEqual([on(world, 'n1'), on(world, 'n2')], [0, 4]);
});

test(`${seeds} lives full of drains never fall below the update settings, and come to rest`, () => {
  for (let seed = 1; seed <= seeds; seed += 1) {
    assert.deepEqual(liveThroughDrains(seed), [], `seed ${seed}`);
  }
});

interface Planted {
  readonly name: string;
  readonly seed: number;
  readonly finds: RegExp;
  readonly bug: (tx: Transaction) => void;
}

const planted: readonly Planted[] = [
  {
    name: 'all tasks are moved at the same time',
    seed: 2,
    finds: /slots run/,
    bug: (tx) => {
      const services = [...tx.services.all()];
      for (const service of services) {
        const { spec } = service;
        if (spec.update?.parallelism === 0) continue;
        const update = { ...spec.update, parallelism: 0 };
        tx.services.put({ ...service, spec: { ...spec, update } });
      }
    },
  },
  {
    name: 'who waits for a turn is forgotten',
    seed: 1,
    finds: /are left on the drained node/,
    bug: (tx) =>
      changeTasks(tx, (task) => (task.evicted === true ? { ...task, evicted: false } : task)),
  },
  {
    name: 'a turn is never over',
    seed: 2,
    finds: /are left on the drained node/,
    bug: (tx) =>
      changeTasks(tx, (task) =>
        task.move?.turn === 'over' ? { ...task, move: { ...task.move, turn: 'held' } } : task,
      ),
  },
  {
    name: 'an elder goes as soon as it has a successor',
    seed: 1,
    finds: /slots run/,
    bug: (tx) =>
      changeTasks(tx, (task) =>
        task.outgoing === true && isLive(task) ? { ...task, desired: 'shutdown' } : task,
      ),
  },
  {
    name: 'a successor starts before the one that it replaces has stopped',
    seed: 1,
    finds: /runs twice/,
    bug: (tx) =>
      changeTasks(tx, (task) =>
        task.move !== undefined && task.desired === 'ready'
          ? { ...task, desired: 'running' }
          : task,
      ),
  },
];

function changeTasks(tx: Transaction, change: (task: Task) => Task): void {
  const tasks = [...tx.tasks.all()];
  for (const task of tasks) {
    const after = change(task);
    if (after !== task) tx.tasks.put(after);
  }
}

for (const { name, seed, finds, bug } of planted) {
  test(`a planted bug is found: ${name}`, () => {
    assert.match(liveThroughDrains(seed, bug).join('\n'), finds);
  });
}

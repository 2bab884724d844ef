import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ServiceSpec, UpdateSettings } from '../../src/model/service.ts';
import type { Task } from '../../src/model/task.ts';
import type { ContainerSpec } from '../../src/model/template.ts';
import { rehearseRebalance } from '../../src/manager/rebalance.ts';
import { isLive } from '../../src/store/schema.ts';
import type { Transaction } from '../../src/store/view.ts';
import { LoopWorld } from './loop-world.ts';
import { liveThroughRebalances, rebalance } from './rebalance-life.ts';
import { anywhere } from './rows.ts';
import { liveThroughTroubles } from './trouble-life.ts';

const seeds = 100;

interface Crowded {
  readonly replicas?: number;
  readonly nodes?: number;
  readonly update?: UpdateSettings;
  readonly spec?: Partial<ServiceSpec>;
  readonly mounts?: ContainerSpec['mounts'];
}

/** All tasks of `web` run on n1; other nodes came later. */
function crowded({ replicas = 4, nodes = 2, update, spec, mounts = [] }: Crowded = {}): LoopWorld {
  const world = new LoopWorld();
  world.addNode('n1', { spec: { labels: { zone: 'a' } } });
  world.declare('web', {
    spec: {
      mode: { kind: 'replicated', replicas },
      ...(update !== undefined && { update }),
      ...spec,
    },
    container: { mounts },
  });
  world.run();
  for (let number = 2; number <= nodes; number += 1) {
    world.addNode(`n${number}`, { spec: { labels: { zone: number % 2 === 0 ? 'b' : 'a' } } });
  }
  world.run();
  return world;
}

function planOf(world: LoopWorld, ...serviceIds: readonly string[]) {
  const { view, observed, now } = world;
  return rehearseRebalance(serviceIds, { view, observed, now });
}

function countsOf(world: LoopWorld, name = 'web'): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const { nodeId = '' } of world.running(name)) counts[nodeId] = (counts[nodeId] ?? 0) + 1;
  return counts;
}

test('nothing is moved when a node joins, until somebody asks for it', () => {
  const world = crowded();
  world.advance(600_000);
  assert.deepEqual(countsOf(world), { n1: 4 });
  rebalance(world);
  world.advance(60_000);
  assert.deepEqual(countsOf(world), { n1: 2, n2: 2 });
  assert.deepEqual(world.service('web').rebalance, {
    state: 'completed',
    startedAt: world.service('web').rebalance?.startedAt,
    endedAt: world.service('web').rebalance?.endedAt,
    moved: 2,
  });
});

test('a plan names each move with its reason, and changes nothing', () => {
  const world = crowded();
  const { revision } = world.view;
  const { moves } = planOf(world);
  assert.deepEqual(
    moves.map(({ service, slot, from, to, why }) => [service, slot, from, to, why]),
    [
      ['web', 4, 'n1', 'n2', 'n1 has 4 of its tasks, n2 has 0'],
      ['web', 3, 'n1', 'n2', 'n1 has 3 of its tasks, n2 has 1'],
    ],
  );
  assert.equal(world.view.revision, revision);
  assert.deepEqual(
    [...world.loads.all()].map((load) => load.taskCount),
    [4, 0],
  );
});

test('a cluster that is balanced is left as it is', () => {
  const world = crowded();
  rebalance(world);
  world.advance(60_000);
  const { revision } = world.view;
  assert.equal(rebalance(world), 0);
  assert.equal(world.view.revision, revision);
});

test('tasks move one at a time, the next once the one before ran for the monitored time', () => {
  const world = crowded({ replicas: 6, update: { monitorMs: 10_000 } });
  rebalance(world);
  const seen: number[] = [];
  for (let count = 0; count < 4; count += 1) {
    world.run();
    seen.push(countsOf(world)['n2'] ?? 0);
    world.advance(10_000);
  }
  assert.deepEqual(seen, [1, 2, 3, 3]);
  assert.equal(world.service('web').rebalance?.state, 'completed');
});

test('single tasks of many services even out by the number of all tasks', () => {
  const world = crowded({ replicas: 1 });
  world.changeNode('n2', { availability: 'pause' });
  for (const name of ['b', 'c', 'd']) world.declare(name);
  world.run();
  world.changeNode('n2', { availability: 'active' });
  assert.match(planOf(world).moves[0]?.why ?? '', /n1 has 4 tasks in all, n2 has 0/);
  rebalance(world);
  world.advance(60_000);
  const places = ['web', 'b', 'c', 'd'].flatMap((name) => Object.keys(countsOf(world, name)));
  assert.deepEqual(places.toSorted(), ['n1', 'n1', 'n2', 'n2']);
});

test('spread preferences come before nodes', () => {
  const preferences = [{ spread: 'node.labels.zone' }];
  const spec = { placement: { ...anywhere, preferences } };
  const world = crowded({ replicas: 6, nodes: 3, spec });
  assert.match(
    planOf(world).moves[0]?.why ?? '',
    /6 of its tasks are on nodes with zone=a, 0 .*=b/,
  );
  rebalance(world);
  world.advance(120_000);
  const { n1 = 0, n2 = 0, n3 = 0 } = countsOf(world);
  assert.deepEqual([n1 + n3, n2], [3, 3]);
  assert.ok(Math.abs(n1 - n3) <= 1);
});

test('only the services that are named are balanced', () => {
  const world = crowded();
  world.changeNode('n2', { availability: 'pause' });
  world.declare('other', { spec: { mode: { kind: 'replicated', replicas: 4 } } });
  world.run();
  world.changeNode('n2', { availability: 'active' });
  rebalance(world, 'other');
  world.advance(60_000);
  assert.deepEqual(countsOf(world), { n1: 4 });
  assert.deepEqual(countsOf(world, 'other'), { n1: 2, n2: 2 });
});

const volume = { type: 'volume', source: 'data', target: '/data', readOnly: false } as const;

test('tasks that keep data on their nodes stay there, and the plan says so', () => {
  const world = crowded({ mounts: [volume] });
  const { moves, kept } = planOf(world);
  assert.deepEqual(moves, []);
  assert.match(kept[0]?.why ?? '', /keep data on their nodes \(volume data\)/);
  assert.equal(rebalance(world), 0);
});

test('a volume whose driver has options may be the same everywhere', () => {
  const shared = { ...volume, driver: { name: 'local', options: { type: 'nfs' } } };
  assert.equal(planOf(crowded({ mounts: [shared] })).moves.length, 2);
});

test('tasks on paused nodes stay, and none go to nodes that are full', () => {
  const world = crowded({ nodes: 3, spec: { placement: { ...anywhere, maxReplicasPerNode: 4 } } });
  world.changeNode('n1', { availability: 'pause' });
  assert.equal(rebalance(world), 0);
  world.changeNode('n1', { availability: 'active' });
  world.setNodeState('n2', 'unreachable');
  rebalance(world);
  world.advance(60_000);
  assert.deepEqual(countsOf(world), { n1: 2, n3: 2 });
});

test('a moved task that fails stops the rebalance of its service and says why', () => {
  const world = crowded({ update: { order: 'start-first' } });
  rebalance(world);
  world.plan();
  const moved = world.tasks('web').find((task) => task.move !== undefined);
  world.fates.set('good', { kind: 'missing' });
  world.act(world.tasks('web').find((task) => task.id === moved?.id) as Task);
  world.fates.delete('good');
  world.advance(60_000);
  const status = world.service('web').rebalance;
  assert.equal(status?.state, 'stopped');
  assert.equal(status?.message, 'web.4 ended on n2: No such image');
  assert.deepEqual(countsOf(world), { n1: 4 });
  rebalance(world);
  world.advance(60_000);
  assert.deepEqual(countsOf(world), { n1: 2, n2: 2 });
});

test('a task that ends soon after its move stops the rebalance, too', () => {
  const world = crowded();
  rebalance(world);
  world.run();
  const moved = world.running('web').find((task) => task.move !== undefined);
  world.advance(1_000);
  world.end(moved?.id ?? '');
  world.advance(60_000);
  assert.equal(world.service('web').rebalance?.state, 'stopped');
  assert.equal(world.running('web').length, 4);
});

test('a node that does not answer ends the rebalance, and the task stays where it is', () => {
  const world = crowded();
  rebalance(world);
  world.plan();
  world.setNodeState('n2', 'unreachable');
  world.advance(60_000);
  assert.equal(world.service('web').rebalance?.message, 'web.4 on n2 did not come to run');
  assert.deepEqual(countsOf(world), { n1: 4 });
});

test('a manager that starts anew goes on with a rebalance', () => {
  const world = crowded({ replicas: 8 });
  rebalance(world);
  for (let count = 0; count < 30; count += 1) {
    world.restartManager();
    world.advance(2_000);
  }
  assert.deepEqual(countsOf(world), { n1: 4, n2: 4 });
  assert.equal(world.service('web').rebalance?.state, 'completed');
});

test('an update goes first, and the rebalance goes on after it', () => {
  const world = crowded();
  rebalance(world);
  world.declare('web', {
    spec: { mode: { kind: 'replicated', replicas: 4 } },
    container: { image: 'v2' },
  });
  world.advance(120_000);
  assert.deepEqual(countsOf(world), { n1: 2, n2: 2 });
  assert.equal(world.service('web').update?.state, 'completed');
  assert.equal(world.service('web').rebalance?.state, 'completed');
});

test('a removed service does not hold up the others', () => {
  const world = crowded();
  rebalance(world);
  world.declare('other', { spec: { mode: { kind: 'replicated', replicas: 2 } } });
  world.plan();
  world.remove('web');
  world.advance(60_000);
  assert.equal(world.view.services.get('web'), undefined);
});

test(`${seeds} lives full of drains and rebalances never fall below the update settings, and even out`, () => {
  for (let seed = 1; seed <= seeds; seed += 1) {
    assert.deepEqual(liveThroughRebalances(seed), [], `seed ${seed}`);
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
    name: 'a rebalance forgets that it was asked for',
    seed: 1,
    finds: /second rebalance finds something/,
    bug: (tx) => {
      const services = [...tx.services.all()];
      for (const service of services) {
        const { rebalance } = service;
        if (rebalance?.state !== 'running' || rebalance.moved === 0) continue;
        tx.services.put({ ...service, rebalance: { ...rebalance, state: 'completed' } });
      }
    },
  },
  {
    name: 'nobody holds a turn',
    seed: 1,
    finds: /is uneven/,
    bug: (tx) =>
      changeTasks(tx, (task) =>
        task.move?.turn === 'held' ? { ...task, move: { ...task.move, turn: 'over' } } : task,
      ),
  },
  {
    name: 'a turn is never over',
    seed: 1,
    finds: /is still being balanced/,
    bug: (tx) =>
      changeTasks(tx, (task) =>
        task.move?.turn === 'over' ? { ...task, move: { ...task.move, turn: 'held' } } : task,
      ),
  },
  {
    name: 'the task before goes as soon as it is to be moved',
    seed: 1,
    finds: /slots run/,
    bug: (tx) =>
      changeTasks(tx, (task) =>
        task.outgoing === true && isLive(task) ? { ...task, desired: 'shutdown' } : task,
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
    assert.match(liveThroughRebalances(seed, bug).join('\n'), finds);
  });
}

const troubledSeeds = 60;

test(`${troubledSeeds} lives full of trouble come to what was declared, balanced and at rest`, () => {
  for (let seed = 1; seed <= troubledSeeds; seed += 1) {
    assert.deepEqual(liveThroughTroubles(seed), [], `seed ${seed}`);
  }
});

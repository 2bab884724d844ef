import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { Prng } from '../../src/lib/prng.ts';
import { isLive } from '../../src/store/schema.ts';
import { checkChanges, checkWorld } from './invariants.ts';
import { LoopWorld } from './loop-world.ts';
import { anywhere } from './rows.ts';

const nodeIds = ['n1', 'n2', 'n3', 'n4'] as const;

const happening = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('act' as const), count: fc.nat(6) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('time' as const), ms: fc.nat(5_000) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('kill' as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('restart' as const) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('declare' as const), image: fc.nat(3) }) },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('node' as const),
      id: fc.constantFrom(...nodeIds),
      become: fc.constantFrom('active', 'drain', 'pause', 'labelled', 'gone', 'silent'),
    }),
  },
);

type Happening = typeof happening extends fc.Arbitrary<infer T> ? T : never;

function started(declare: (world: LoopWorld, image: number) => void): LoopWorld {
  const world = new LoopWorld();
  world.onCommit = checkChanges;
  for (const id of nodeIds) world.addNode(id);
  declare(world, 0);
  world.advance(5_000);
  return world;
}

function happen(
  world: LoopWorld,
  what: Happening,
  of: { readonly dice: Prng; declare(world: LoopWorld, image: number): void },
): void {
  switch (what.kind) {
    case 'act':
      for (let count = 0; count < what.count; count += 1) {
        const tasks = world.actionable();
        if (tasks.length > 0) world.act(of.dice.pick(tasks));
      }
      return;
    case 'time':
      return world.advance(what.ms);
    case 'kill': {
      const running = world.running('it');
      if (running.length > 0) world.end(of.dice.pick(running).id);
      return;
    }
    case 'restart':
      return world.restartManager();
    case 'declare':
      return of.declare(world, what.image);
    case 'node':
      return changeNode(world, what.id, what.become);
  }
}

function changeNode(world: LoopWorld, id: string, become: string): void {
  if (world.view.nodes.get(id) === undefined) return world.addNode(id);
  if (become === 'gone') return world.removeNode(id);
  if (become === 'silent') return world.setNodeState(id, 'unreachable');
  if (become === 'labelled') return world.changeNode(id, { labels: { out: 'yes' } });
  world.setNodeState(id, 'ready');
  return world.changeNode(id, {
    availability: become === 'drain' ? 'drain' : become === 'pause' ? 'pause' : 'active',
    labels: {},
  });
}

function heal(world: LoopWorld): void {
  for (const id of nodeIds) changeNode(world, id, 'active');
}

const scripts = fc.array(happening, { minLength: 5, maxLength: 50 });

test('a global service comes to one task on each node that it may be on, whatever happened', () => {
  const declare = (world: LoopWorld, image: number): void =>
    world.declare('it', {
      spec: {
        mode: { kind: 'global' },
        placement: { ...anywhere, constraints: ['node.labels.out!=yes'] },
        update: { parallelism: 2, failureAction: 'continue' },
      },
      container: { image: `v${image}` },
    });
  fc.assert(
    fc.property(scripts, fc.integer(), (script, seed) => {
      const world = started(declare);
      const dice = new Prng(seed);
      for (const what of script) {
        happen(world, what, { dice, declare });
        world.plan();
        checkWorld(world);
      }
      heal(world);
      declare(world, 9);
      world.changeNode('n4', { labels: { out: 'yes' } });
      world.advance(10 * 60_000);
      const { revision } = world.view;
      world.restartManager();
      assert.equal(world.view.revision, revision);
      assert.deepEqual(
        world.showLive('it').map((line) => line.replace(/\.\d+/, '')),
        ['n1 running/running@n1 v9', 'n2 running/running@n2 v9', 'n3 running/running@n3 v9'],
      );
    }),
    { seed: 11, numRuns: 300 },
  );
});

test('a job completes each of its slots once, never more at a time than it may, whatever happened', () => {
  const declare = (world: LoopWorld, image: number): void =>
    world.declare('it', {
      spec: { mode: { kind: 'replicated-job', maxConcurrent: 3, totalCompletions: 8 } },
      container: { image: `work${image}` },
    });
  fc.assert(
    fc.property(scripts, fc.integer(), (script, seed) => {
      const world = started(() => undefined);
      for (let image = 0; image < 4; image += 1) {
        const afterMs = 500 * (image + 1);
        world.fates.set(`work${image}`, { kind: 'exits', afterMs, exitCode: 0 });
      }
      declare(world, 0);
      const dice = new Prng(seed);
      for (const what of script) {
        happen(world, what, { dice, declare });
        world.plan();
        checkWorld(world);
        const live = world.tasks('it').filter(isLive);
        const slots = new Set(live.map((task) => task.slot));
        assert.ok(slots.size <= 3, `${slots.size} slots are busy`);
      }
      heal(world);
      world.advance(10 * 60_000);
      // One that was told to stop, by a node that did not hear it, may have completed as well.
      const done = world
        .tasks('it')
        .filter((task) => task.end?.state === 'complete' && task.retirement === undefined);
      assert.deepEqual(
        done.map((task) => task.slot).toSorted((left, right) => left - right),
        [0, 1, 2, 3, 4, 5, 6, 7],
      );
      assert.equal(world.service('it').job?.completions, 8);
    }),
    { seed: 12, numRuns: 300 },
  );
});

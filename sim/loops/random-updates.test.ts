import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { Prng } from '../../src/lib/prng.ts';
import type { UpdateOrder, UpdateSettings } from '../../src/model/service.ts';
import { checkChanges, checkWorld, runningSlots } from './invariants.ts';
import { LoopWorld } from './loop-world.ts';

const settings = fc.record({
  parallelism: fc.integer({ min: 0, max: 4 }),
  delayMs: fc.constantFrom(0, 1_000),
  order: fc.constantFrom('stop-first' as const, 'start-first' as const),
  monitorMs: fc.constantFrom(0, 5_000),
});

const replicas = 6;
const onNetwork = { networks: [{ networkId: 'net', aliases: [], driverOptions: {} }] };

function started(update: UpdateSettings, stepLimit?: number): LoopWorld {
  const world = new LoopWorld({}, stepLimit);
  world.onCommit = checkChanges;
  world.addNetwork('net');
  for (const id of ['n1', 'n2', 'n3']) world.addNode(id);
  declare(world, { image: 'v1', update, count: replicas });
  world.advance(10_000);
  return world;
}

function declare(
  world: LoopWorld,
  of: { readonly image: string; readonly update: UpdateSettings; readonly count: number },
): void {
  world.declare('web', {
    spec: { mode: { kind: 'replicated', replicas: of.count }, update: of.update },
    container: { image: of.image },
    template: onNetwork,
  });
}

/** Slots with two tasks that are both to run; a task that was told to stop may take its time. */
function doubled(world: LoopWorld): number {
  const wanted = world.running('web').filter((task) => task.desired === 'running');
  return wanted.length - new Set(wanted.map((task) => task.slot)).size;
}

/**
 * Agents act one at a time, in an order that the dice choose; time passes when nobody has to act.
 */
function play(world: LoopWorld, of: { readonly dice: Prng; check(): void }): void {
  for (let steps = 0; steps < 2_000; steps += 1) {
    world.plan();
    of.check();
    const tasks = world.actionable();
    if (tasks.length > 0) world.act(of.dice.pick(tasks));
    else if (world.service('web').update?.state === 'completed') return;
    else world.advance(1_000);
  }
  assert.fail('the update does not come to an end');
}

test('an update of sound tasks never has more slots down than its parallelism, and ends', () => {
  fc.assert(
    fc.property(settings, fc.integer(), (update, seed) => {
      const world = started(update);
      declare(world, { image: 'v2', update, count: replicas });
      const down = update.parallelism === 0 ? replicas : update.parallelism;
      const least = update.order === 'start-first' ? replicas : replicas - down;
      const check = (): void => {
        checkWorld(world);
        const { one, several } = runningSlots(world, 'web');
        assert.ok(one >= least, `only ${one} of ${replicas} slots run`);
        if (update.order === 'stop-first') assert.deepEqual(several, []);
        else assert.ok(doubled(world) <= down);
      };
      play(world, { dice: new Prng(seed), check });
      assert.ok(world.running('web').every((task) => world.imageOf(task) === 'v2'));
      assert.equal(world.running('web').length, replicas);
      assert.equal(world.service('web').update?.failures, 0);
    }),
    { seed: 3, numRuns: 100 },
  );
});

test('a manager that starts anew at any moment of an update changes nothing of that', () => {
  fc.assert(
    fc.property(settings, fc.integer(), (update, seed) => {
      const world = started(update);
      const dice = new Prng(seed);
      declare(world, { image: 'v2', update, count: replicas });
      const down = update.parallelism === 0 ? replicas : update.parallelism;
      const least = update.order === 'start-first' ? replicas : replicas - down;
      const check = (): void => {
        if (dice.chance(0.2)) world.restartManager();
        checkWorld(world);
        assert.ok(runningSlots(world, 'web').one >= least);
      };
      play(world, { dice, check });
      assert.equal(world.running('web').length, replicas);
    }),
    { seed: 4, numRuns: 40 },
  );
});

const images = ['v1', 'v2', 'v3', 'bad', 'crashing'] as const;

/** Everything that may happen to a service, one after the other. */
const happening = fc.oneof(
  { weight: 8, arbitrary: fc.record({ kind: fc.constant('act' as const), count: fc.nat(8) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('time' as const), ms: fc.nat(20_000) }) },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('declare' as const),
      image: fc.constantFrom(...images),
      count: fc.nat(7),
      update: settings,
      failureAction: fc.constantFrom('pause' as const, 'continue' as const, 'rollback' as const),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('kill' as const), which: fc.nat(20) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('availability' as const),
      node: fc.constantFrom('n1', 'n2', 'n3'),
      availability: fc.constantFrom('active' as const, 'drain' as const, 'pause' as const),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('silence' as const),
      node: fc.constantFrom('n1', 'n2', 'n3'),
      state: fc.constantFrom('ready' as const, 'unreachable' as const, 'down' as const),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('lose' as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('rollback' as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('restart' as const) }) },
);

type Happening = typeof happening extends fc.Arbitrary<infer T> ? T : never;

function happen(
  world: LoopWorld,
  what: Happening,
  { dice, order }: { readonly dice: Prng; readonly order: UpdateOrder },
): void {
  switch (what.kind) {
    case 'act':
      for (let count = 0; count < what.count; count += 1) {
        const tasks = world.actionable();
        if (tasks.length > 0) world.act(dice.pick(tasks));
      }
      return;
    case 'time':
      return world.advance(what.ms);
    case 'declare': {
      const { failureAction } = what;
      const update = { ...what.update, failureAction, order };
      return declare(world, { image: what.image, update, count: what.count });
    }
    case 'kill': {
      const running = world.running('web');
      const task = running[what.which % Math.max(running.length, 1)];
      if (task !== undefined) world.end(task.id);
      return;
    }
    case 'availability':
      return world.changeNode(what.node, { availability: what.availability });
    case 'silence':
      if (world.view.nodes.get(what.node) !== undefined) world.setNodeState(what.node, what.state);
      return;
    case 'lose':
      return world.removeNode('n3');
    case 'rollback':
      return world.rollBack('web');
    case 'restart':
      return world.restartManager();
  }
}

test('whatever happens, invariants hold, and when it stops the cluster comes to what was declared', () => {
  fc.assert(
    fc.property(
      fc.array(happening, { minLength: 5, maxLength: 60 }),
      fc.integer(),
      fc.record({
        stepLimit: fc.constantFrom(1, 3, 10_000),
        order: fc.constantFrom('stop-first' as const, 'start-first' as const),
      }),
      (script, seed, { stepLimit, order }) => {
        const world = started({ order }, stepLimit);
        world.fates.set('bad', { kind: 'missing' });
        world.fates.set('crashing', { kind: 'exits', afterMs: 700, exitCode: 1 });
        const dice = new Prng(seed);
        // A node that was given up as dead may come back with tasks that were replaced meanwhile.
        const mayReturn = script.some((what) => what.kind === 'silence' && what.state === 'down');
        for (const what of script) {
          happen(world, what, { dice, order });
          world.plan();
          checkWorld(world);
          if (order === 'stop-first' && !mayReturn)
            assert.deepEqual(runningSlots(world, 'web').several, []);
          if (dice.chance(0.3)) checkAtRest(world);
        }
        heal(world);
        declare(world, { image: 'v9', update: { parallelism: 2, order }, count: 5 });
        world.advance(30 * 60_000);
        checkWorld(world);
        assert.deepEqual(
          world.running('web').map((task) => world.imageOf(task)),
          Array.from({ length: 5 }, () => 'v9'),
        );
        assert.equal(runningSlots(world, 'web').several.length, 0);
        world.remove('web');
        world.run();
        assert.equal(world.view.tasks.size, 0);
        assert.equal(world.view.services.size + world.view.templates.size, 0);
        for (const load of world.loads.all()) assert.equal(load.taskCount, 0);
      },
    ),
    { seed: 5, numRuns: 400 },
  );
});

/** Who looks at everything anew finds nothing to do: whatever follows from an event was done. */
function checkAtRest(world: LoopWorld): void {
  const { revision } = world.view;
  world.restartManager();
  assert.equal(world.view.revision, revision, 'a second look found something to change');
}

function heal(world: LoopWorld): void {
  for (const node of world.view.nodes.all()) {
    world.changeNode(node.id, { availability: 'active' });
    world.setNodeState(node.id, 'ready');
  }
}

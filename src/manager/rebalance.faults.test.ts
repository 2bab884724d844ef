import assert from 'node:assert/strict';
import { test } from 'node:test';
import { declare, ManagerWorld } from '../../sim/manager-world.ts';
import type { ScriptedAgent } from '../../sim/scripted-agent.ts';
import { Prng } from '../lib/prng.ts';
import type { NodeAvailability } from '../model/node.ts';
import type { Service, UpdateSettings } from '../model/service.ts';
import { isLive } from '../store/schema.ts';
import type { ManagerOptions } from './manager.ts';

const seeds = 6;
const nodeCount = 4;
const steps = 20;

interface Life {
  /** What went wrong at any commit. */
  readonly violations: Set<string>;
  readonly world: ManagerWorld;
  readonly dice: Prng;
  readonly services: readonly Service[];
}

/**
 * Four nodes and two services: tasks of one overlap when they move, of the other one at a time is
 * down. The manager dies and links break while nodes are drained and services are balanced.
 */
async function begin(seed: number, options: Partial<ManagerOptions> = {}): Promise<Life> {
  const dice = new Prng(seed);
  const { world } = await ManagerWorld.withCluster(options);
  for (let number = 2; number <= nodeCount; number += 1) {
    await world.agent(`node-${number}`, { hostname: `vm${number}` }).connect();
  }
  await world.settle();
  const services = [
    await world.control.createService(declare('soft', 5)),
    await world.control.createService(declare('hard', 5, { spec: { update: hard } })),
  ];
  await world.settle();
  const life = { world, dice, services, violations: new Set<string>() };
  watch(life);
  return life;
}

/** Looks at every commit of this manager. */
function watch(life: Life): void {
  life.world.control.onCommit(() => check(life));
}

const hard: UpdateSettings = { order: 'stop-first', parallelism: 1, monitorMs: 500 };

/** Slots in which a container runs, as the nodes themselves know. */
function runningSlots({ world }: Life, service: Service): readonly number[] {
  const slots: number[] = [];
  for (const agent of world.agents) {
    for (const [taskId, { state }] of agent.observed) {
      const task = world.control.view.tasks.get(taskId);
      if (task?.serviceId === service.id && state === 'running') slots.push(task.slot);
    }
  }
  return slots;
}

function check(life: Life): void {
  for (const service of life.services) {
    const { name, update } = service.spec;
    const slots = runningSlots(life, service);
    const different = new Set(slots).size;
    const least = update?.order === 'stop-first' ? 4 : 5;
    if (different < least) life.violations.add(`${different} slots of ${name} run`);
    if (update?.order === 'stop-first' && slots.length > different) {
      life.violations.add(`a slot of ${name} runs twice`);
    }
  }
}

async function happen(life: Life): Promise<void> {
  const { world, dice } = life;
  const what = dice.pick([
    'drain',
    'active',
    'pause',
    'rebalance',
    'crash',
    'cut',
    'time',
  ] as const);
  switch (what) {
    case 'drain':
    case 'active':
    case 'pause':
      await setAvailability(life, `node-${2 + dice.below(nodeCount - 1)}`, what);
      break;
    case 'rebalance':
      await world.control.startRebalance([]);
      break;
    case 'crash':
      world.crashManager();
      for (const agent of world.agents) agent.disconnect();
      await world.startManager();
      watch(life);
      for (const agent of shuffled(world.agents, dice)) {
        await agent.connect();
        if (dice.chance(0.5)) await world.pass(2_000);
      }
      break;
    case 'cut': {
      const agent = dice.pick(world.agents);
      agent.disconnect();
      await world.pass(dice.below(3_000));
      await agent.connect();
      break;
    }
    case 'time':
      await world.pass(dice.below(8_000));
      break;
  }
  await world.settle();
  check(life);
}

async function setAvailability(
  { world }: Life,
  nodeId: string,
  become: 'drain' | 'active' | 'pause',
): Promise<void> {
  const node = world.control.view.nodes.get(nodeId);
  assert.ok(node);
  const availability: NodeAvailability = become;
  await world.control.updateNode(nodeId, { ...node.spec, availability }, node.version);
}

function shuffled(agents: readonly ScriptedAgent[], dice: Prng): readonly ScriptedAgent[] {
  return agents
    .map((agent) => ({ agent, at: dice.fraction() }))
    .toSorted((left, right) => left.at - right.at)
    .map(({ agent }) => agent);
}

/** What went wrong meanwhile, and once all nodes are there again. */
async function live(seed: number, options: Partial<ManagerOptions> = {}): Promise<Life> {
  const life = await begin(seed, options);
  const { world } = life;
  for (let step = 0; step < steps; step += 1) await happen(life);
  for (let number = 2; number <= nodeCount; number += 1) {
    await setAvailability(life, `node-${number}`, 'active');
  }
  await world.pass(120_000);
  await world.control.startRebalance([]);
  await world.pass(240_000);
  return life;
}

for (let seed = 1; seed <= seeds; seed += 1) {
  test(`drains and rebalances keep services up through crashes and cuts, seed ${seed}`, async () => {
    const life = await live(seed);
    const { world } = life;
    assert.deepEqual([...life.violations], []);
    assert.equal(world.control.rebalance().running, false);
    assert.deepEqual(world.control.planRebalance([]).moves, []);
    for (const service of life.services) {
      assert.equal(runningSlots(life, service).length, 5);
      assert.equal(world.liveTasks(service).length, 5);
    }
    assert.deepEqual(
      world.log.filter(({ level }) => level === 'error'),
      [],
    );
  });
}

test('a planted bug is found: tasks stop as soon as they have successors', async () => {
  const { violations } = await live(2, {
    wrapRounds: (rounds) => ({
      addressReuse: rounds.addressReuse,
      committed: (change) => rounds.committed(change),
      reload: () => rounds.reload(),
      run: (tx, work, context) => {
        const outcome = rounds.run(tx, work, context);
        const elders = [...tx.tasks.all()].filter((task) => task.outgoing === true);
        for (const task of elders) if (isLive(task)) tx.tasks.put({ ...task, desired: 'shutdown' });
        return outcome;
      },
    }),
  });
  assert.match([...violations].join(), /4 slots of soft run/);
});

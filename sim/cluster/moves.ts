import { TuttiError } from '../../src/lib/error.ts';
import type { Prng } from '../../src/lib/prng.ts';
import type { NodeAvailability } from '../../src/model/node.ts';
import type { Service } from '../../src/model/service.ts';
import { updateDefaults } from '../../src/model/service.ts';
import type { ClusterWorld } from './cluster-world.ts';
import type { Machine } from './machine.ts';

/** Services with this name crash now and then. */
export const unsteady = 'unsteady';

const rounds = 1;
const lookEveryMs = 100;
const drainLimitMs = 120_000;
const rebalanceLimitMs = 300_000;
const managerAwayMs = 500;

/**
 * On a cluster that is well: a machine is drained, comes back, and a rebalance gives it its part
 * again, while the manager may die. At every moment as many containers run as the update settings
 * allow to be left; drain and rebalance have an end, and another rebalance finds nothing.
 */
export async function moveAround(world: ClusterWorld, dice: Prng): Promise<void> {
  for (let round = 0; round < rounds; round += 1) {
    const machine = dice.pick(world.machines);
    await setAvailability(world, machine, 'drain');
    await watch(world, { dice, limitMs: drainLimitMs, until: () => isEmpty(machine) });
    if (!isEmpty(machine)) {
      world.checkers.report(
        'a drain or a rebalance does not end',
        `${machine.hostname} is not empty`,
      );
    }
    await setAvailability(world, machine, 'active');
    await ask(world, async () => void (await world.control?.startRebalance([])));
    const isOver = (): boolean => world.control?.rebalance().running === false;
    await watch(world, { dice, limitMs: rebalanceLimitMs, until: isOver });
    // A plan counts failures by the history that is left; the manager remembers more of them.
    const left = (world.control?.planRebalance([]).moves ?? []).filter(
      ({ service }) => !service.startsWith(unsteady),
    );
    if (!isOver() || left.length > 0) {
      const text = `${left.length} moves are left: ${JSON.stringify(world.control?.rebalance())}`;
      world.checkers.report('a drain or a rebalance does not end', text);
    }
  }
}

function isEmpty({ engine }: Machine): boolean {
  return [...engine.containers.values()].every(({ state }) => state !== 'running');
}

/** Lets time pass, and looks all the while; once the manager dies in it and comes back. */
async function watch(
  world: ClusterWorld,
  how: { readonly dice: Prng; readonly limitMs: number; until(): boolean },
): Promise<void> {
  const { clock } = world;
  const diesAt = clock.now() + how.dice.below(how.limitMs / 20);
  const until = clock.now() + how.limitMs;
  let hasDied = how.dice.chance(0.5);
  while (clock.now() < until) {
    if (world.control !== undefined && how.until()) return;
    if (!hasDied && clock.now() >= diesAt) {
      hasDied = true;
      world.killManager();
      await clock.advance(managerAwayMs);
      const starting = world.startManager();
      await clock.runUntil(() => world.control !== undefined, { limitMs: drainLimitMs });
      await starting;
    }
    await clock.advance(lookEveryMs);
    look(world);
  }
}

function look(world: ClusterWorld): void {
  const slots = [...world.checkers.runningBySlot().keys()];
  for (const service of world.control?.view.services.all() ?? []) {
    const running = slots.filter((key) => key.startsWith(`${service.id}/`)).length;
    const least = leastRunning(service);
    if (running >= least) continue;
    const text = `${service.spec.name}: ${running} run, and at least ${least} have to`;
    world.checkers.report('fewer run than the update settings allow', text);
  }
}

function leastRunning({ spec }: Service): number {
  const replicas = spec.mode.kind === 'replicated' ? spec.mode.replicas : 0;
  const { parallelism = updateDefaults.parallelism, order } = spec.update ?? {};
  return order === 'start-first' ? replicas : Math.max(0, replicas - parallelism);
}

async function setAvailability(
  world: ClusterWorld,
  machine: Machine,
  availability: NodeAvailability,
): Promise<void> {
  await ask(world, async () => {
    const { control } = world;
    const node = control?.view.nodes.get(world.nodeId(machine) ?? '');
    if (node === undefined) throw new TuttiError('not-found', `${machine.hostname} has no row`);
    await control?.updateNode(node.id, { ...node.spec, availability }, node.version);
  });
}

async function ask(world: ClusterWorld, request: () => Promise<void>): Promise<void> {
  const asked = { done: false };
  request()
    .catch((error: unknown) => {
      const text = TuttiError.from(error).message;
      world.checkers.report('a drain or a rebalance does not end', `refused: ${text}`);
    })
    .finally(() => {
      asked.done = true;
    });
  await world.clock.runUntil(() => asked.done, { limitMs: drainLimitMs });
}

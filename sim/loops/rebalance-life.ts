import { Prng } from '../../src/lib/prng.ts';
import { rehearseRebalance, startRebalance } from '../../src/manager/rebalance.ts';
import { isLive } from '../../src/store/schema.ts';
import { begin, happen, type Life, nodeCount, type Plant, restMs, unsound } from './drain-life.ts';
import type { LoopWorld } from './loop-world.ts';

const steps = 60;

/** Asks for a rebalance of these services, or of all; how many tasks it is to move. */
export function rebalance(world: LoopWorld, ...serviceIds: readonly string[]): number {
  const { view, observed, now } = world;
  const { moves } = rehearseRebalance(serviceIds, { view, observed, now });
  if (moves.length > 0) world.commit((tx) => startRebalance(tx, serviceIds, { now, observed }));
  return moves.length;
}

/**
 * The same life as that of drains, in which people ask for rebalances and stop them. In the end all
 * nodes are there, and one more rebalance has to even out what can be, and to have an end.
 */
export function liveThroughRebalances(seed: number, planted?: Plant): readonly string[] {
  const life = begin(new Prng(seed));
  const { world, dice } = life;
  try {
    world.planted = planted;
    for (let step = 0; step < steps; step += 1) {
      if (dice.chance(0.2)) ask(life);
      else happen(life);
      world.plan();
      const found = unsound(life);
      if (found.length > 0) return found;
    }
    return evenOut(life);
  } catch (error) {
    return [error instanceof Error ? error.message : String(error)];
  }
}

function ask({ world, dice, services }: Life): void {
  const some = [...services.keys()].filter(() => dice.chance(0.5));
  rebalance(world, ...some);
}

function evenOut(life: Life): readonly string[] {
  const { world, services } = life;
  for (let number = 1; number < nodeCount; number += 1) {
    world.changeNode(`n${number}`, { availability: 'active', labels: {} });
  }
  world.advance(restMs);
  const planned = rebalance(world);
  const before = placesOf(life);
  world.advance(restMs);
  const found = [...unsound(life)];
  for (const [name, { replicas }] of services) {
    const isUnderWay = world.service(name).rebalance?.state === 'running';
    if (isUnderWay) found.push(`${name} is still being balanced`);
    const count = world.running(name).length;
    if (count !== replicas) found.push(`${name}: ${count} tasks run, not ${replicas}`);
  }
  if (planned === 0 && placesOf(life) !== before) found.push('nothing was to be moved, and was');
  if (rebalance(world) > 0) found.push('a second rebalance finds something to move');
  found.push(...uneven(life));
  const { revision } = world.view;
  world.restartManager();
  if (world.view.revision !== revision) found.push('a second look found something to change');
  return found;
}

/** Without preferences a service has as many tasks on each node, give or take one. */
function uneven({ world, services }: Life): readonly string[] {
  return [...services].flatMap(([name, { keeps }]) => {
    if (keeps) return [];
    const counts = Array.from({ length: nodeCount }, (_, number) => {
      const on = world.running(name).filter((task) => task.nodeId === `n${number}`);
      return on.length;
    });
    return Math.max(...counts) - Math.min(...counts) > 1
      ? [`${name} is uneven: ${counts.join(' ')}`]
      : [];
  });
}

function placesOf({ world }: Life): string {
  const live = [...world.view.tasks.all()].filter(isLive);
  return live.map((task) => `${task.id}@${task.nodeId}`).join(' ');
}

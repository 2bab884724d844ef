import { Prng } from '../../src/lib/prng.ts';
import type { ServiceSpec, UpdateSettings } from '../../src/model/service.ts';
import type { ContainerSpec } from '../../src/model/template.ts';
import { slotKey } from '../../src/store/schema.ts';
import type { Transaction } from '../../src/store/view.ts';
import { checkChanges, checkWorld } from './invariants.ts';
import { LoopWorld } from './loop-world.ts';
import { anywhere } from './rows.ts';

export const nodeCount = 5;
/** It is never drained, so that there is always room. */
const refuge = 'n0';
const steps = 60;
export const restMs = 30 * 60_000;

export interface Life {
  readonly world: LoopWorld;
  readonly dice: Prng;
  readonly services: ReadonlyMap<string, Drawn>;
}

interface Drawn {
  readonly replicas: number;
  readonly update: UpdateSettings;
  /** Two tasks of a slot may run while one takes over from the other. */
  readonly overlaps: boolean;
  /** Its tasks have data on their nodes, and are not moved without need. */
  readonly keeps: boolean;
}

/** A bug that is put into each transaction of the loops. */
export type Plant = (tx: Transaction) => void;

/**
 * Services of sound tasks on nodes that are drained, paused, relabelled and activated again, while
 * agents act in any order and managers start anew. Returns what went wrong: at any moment, or once
 * all nodes but the drained ones are as they were.
 */
export function liveThroughDrains(seed: number, planted?: Plant): readonly string[] {
  const life = begin(new Prng(seed));
  const { world, dice } = life;
  try {
    world.planted = planted;
    for (let step = 0; step < steps; step += 1) {
      happen(life);
      world.plan();
      const found = unsound(life);
      if (found.length > 0) return found;
    }
    const drained = `n${1 + dice.below(nodeCount - 1)}`;
    for (let number = 1; number < nodeCount; number += 1) {
      const id = `n${number}`;
      const availability = id === drained ? 'drain' : 'active';
      world.changeNode(id, { availability, labels: {} });
    }
    return comeToRest(life, drained);
  } catch (error) {
    return [error instanceof Error ? error.message : String(error)];
  }
}

export function begin(dice: Prng): Life {
  const world = new LoopWorld({}, dice.pick([1, 3, 10_000]));
  world.onCommit = checkChanges;
  for (let number = 0; number < nodeCount; number += 1) world.addNode(`n${number}`);
  const services = new Map<string, Drawn>();
  for (const name of ['a', 'b', 'c']) services.set(name, declare(world, name, dice));
  world.advance(60_000);
  return { world, dice, services };
}

function declare(world: LoopWorld, name: string, dice: Prng): Drawn {
  const order = dice.pick(['none', 'stop-first', 'start-first'] as const);
  const hasVolume = dice.chance(0.3);
  const update: UpdateSettings = {
    parallelism: dice.below(4),
    delayMs: dice.pick([0, 2_000]),
    ...(order !== 'none' && { order }),
  };
  const replicas = 1 + dice.below(8);
  const spec: Partial<ServiceSpec> = {
    mode: { kind: 'replicated', replicas },
    update,
    placement: { ...anywhere, constraints: ['node.labels.out!=yes'] },
  };
  const mounts: ContainerSpec['mounts'] = hasVolume
    ? [{ type: 'volume', source: 'data', target: '/data', readOnly: false }]
    : [];
  world.declare(name, { spec, container: { mounts } });
  const overlaps = order === 'start-first' || (order === 'none' && !hasVolume);
  return { replicas, update, overlaps, keeps: hasVolume };
}

export function happen({ world, dice }: Life): void {
  if (dice.chance(0.5)) {
    for (let count = dice.below(10); count > 0; count -= 1) {
      const tasks = world.actionable();
      if (tasks.length > 0) world.act(dice.pick(tasks));
    }
    return;
  }
  if (dice.chance(0.3)) return world.advance(dice.below(5_000));
  if (dice.chance(0.2)) return world.restartManager();
  const id = `n${1 + dice.below(nodeCount - 1)}`;
  const out = dice.chance(0.25);
  const availability = dice.pick(['active', 'drain', 'drain', 'pause'] as const);
  world.changeNode(id, { availability, labels: out ? { out: 'yes' } : {} });
}

/** What must hold at every moment, because all tasks are sound and there is always room. */
export function unsound({ world, services }: Life): readonly string[] {
  checkWorld(world);
  const found: string[] = [];
  for (const [name, { replicas, update, overlaps }] of services) {
    const { parallelism = 1 } = update;
    const running = world.running(name);
    const slots = Map.groupBy(running, slotKey);
    const least = overlaps || parallelism > 0 ? replicas - (overlaps ? 0 : parallelism) : 0;
    if (slots.size < least) found.push(`${name}: ${slots.size} of ${replicas} slots run`);
    const wanted = running.filter((task) => task.desired === 'running');
    const doubled = wanted.length - new Set(wanted.map(slotKey)).size;
    if (!overlaps && running.length > slots.size) found.push(`${name}: a slot runs twice`);
    if (parallelism > 0 && doubled > parallelism) found.push(`${name}: ${doubled} slots run twice`);
  }
  return found;
}

/** Every service is whole again, the drained node is empty, and there is nothing left to do. */
function comeToRest(life: Life, drained: string): readonly string[] {
  const { world, services } = life;
  world.advance(restMs);
  const found = [...unsound(life)];
  const left = [...world.view.tasks.by('node', drained)].filter((task) => task.end === undefined);
  if (left.length > 0) found.push(`${left.length} tasks are left on the drained node`);
  for (const [name, { replicas }] of services) {
    const count = world.running(name).length;
    if (count !== replicas) found.push(`${name}: ${count} tasks run, not ${replicas}`);
  }
  const { revision } = world.view;
  world.restartManager();
  if (world.view.revision !== revision) found.push('a second look found something to change');
  for (const id of [refuge, drained]) world.changeNode(id, { availability: 'active' });
  return found;
}

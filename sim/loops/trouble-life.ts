import { Prng } from '../../src/lib/prng.ts';
import type { Service, UpdateSettings } from '../../src/model/service.ts';
import { isLive, slotKey } from '../../src/store/schema.ts';
import { nodeCount, type Plant } from './drain-life.ts';
import { checkChanges, checkWorld } from './invariants.ts';
import { LoopWorld } from './loop-world.ts';
import { rebalance } from './rebalance-life.ts';
import { anywhere } from './rows.ts';

const steps = 80;
const restMs = 25 * 60_000;
const names = ['a', 'b', 'c'] as const;
const images = ['v1', 'v2', 'bad', 'crashing'] as const;

interface Trouble {
  readonly world: LoopWorld;
  readonly dice: Prng;
  /** An order of stop-first was declared from the beginning. */
  readonly strict: Set<string>;
}

/**
 * Everything at once: drains, rebalances, updates, tasks that fail, images that are missing, nodes
 * that fall silent, die and are removed, managers that forget what they heard. In the end all is
 * well again, and the cluster has to come to what was declared, balanced, and to rest.
 */
export function liveThroughTroubles(seed: number, planted?: Plant): readonly string[] {
  const dice = new Prng(seed);
  const world = new LoopWorld({}, dice.pick([1, 3, 10_000]));
  world.onCommit = checkChanges;
  world.fates.set('bad', { kind: 'missing' });
  world.fates.set('crashing', { kind: 'exits', afterMs: 700, exitCode: 1 });
  const strict = new Set<string>();
  const life = { world, dice, strict };
  try {
    for (let number = 0; number < nodeCount; number += 1) world.addNode(`n${number}`);
    for (const name of names) begin(life, name);
    world.advance(60_000);
    world.planted = planted;
    let isDeadOnce = false;
    for (let step = 0; step < steps; step += 1) {
      isDeadOnce = happen(life) === 'down' || isDeadOnce;
      world.plan();
      checkWorld(world);
      // A node that was given up as dead may come back with tasks that were replaced meanwhile.
      const found = isDeadOnce ? [] : doubled(life);
      if (found.length > 0) return found;
    }
    return comeToRest(life);
  } catch (error) {
    return [error instanceof Error ? error.message : String(error)];
  }
}

function begin(life: Trouble, name: string): void {
  const isStrict = life.dice.chance(0.4);
  if (isStrict) life.strict.add(name);
  declare(life, name, { image: 'v1', replicas: 1 + life.dice.below(7) });
}

function declare(
  { world, dice, strict }: Trouble,
  name: string,
  of: { readonly image: string; readonly replicas: number; readonly isLast?: boolean },
): void {
  const failureAction = dice.pick(['pause', 'continue', 'rollback'] as const);
  const update: UpdateSettings = {
    parallelism: dice.below(3),
    delayMs: dice.pick([0, 2_000]),
    // What an earlier update left behind half done may fail the next one, too.
    failureAction: of.isLast === true ? 'continue' : failureAction,
    ...(strict.has(name) && { order: 'stop-first' }),
  };
  const rollback = strict.has(name) ? { rollback: { order: 'stop-first' } as const } : {};
  const placement = { ...anywhere, constraints: ['node.labels.out!=yes'] };
  const mode = { kind: 'replicated', replicas: of.replicas } as const;
  world.declare(name, {
    spec: { mode, update, ...rollback, placement },
    container: { image: of.image },
  });
}

/** What happened, in a word. */
function happen(life: Trouble): string {
  const { world, dice } = life;
  const kind = dice.pick([
    'act',
    'act',
    'act',
    'act',
    'time',
    'time',
    'rebalance',
    'fail',
    'declare',
    'restart',
    'forget',
    'node',
    'node',
    'node',
  ] as const);
  switch (kind) {
    case 'act':
      for (let count = dice.below(10); count > 0; count -= 1) {
        const tasks = world.actionable();
        if (tasks.length > 0) world.act(dice.pick(tasks));
      }
      break;
    case 'time':
      world.advance(dice.below(20_000));
      break;
    case 'rebalance':
      rebalance(world, ...names.filter(() => dice.chance(0.5)));
      break;
    case 'fail': {
      const running = world.running(dice.pick(names));
      if (running.length > 0) world.end(dice.pick(running).id);
      break;
    }
    case 'declare':
      declare(life, dice.pick(names), { image: dice.pick(images), replicas: 1 + dice.below(7) });
      break;
    case 'restart':
      world.restartManager();
      break;
    case 'forget':
      world.forgetObserved();
      break;
    case 'node':
      return changeNode(life);
  }
  return kind;
}

function changeNode({ world, dice }: Trouble): string {
  const id = `n${dice.below(nodeCount)}`;
  if (world.view.nodes.get(id) === undefined) {
    world.addNode(id);
    return 'joined';
  }
  const become = dice.pick(['active', 'drain', 'pause', 'out', 'unreachable', 'down', 'gone']);
  if (become === 'gone') world.removeNode(id);
  else if (become === 'unreachable' || become === 'down') world.setNodeState(id, become);
  else {
    world.setNodeState(id, 'ready');
    const availability = become === 'drain' || become === 'pause' ? become : 'active';
    world.changeNode(id, { availability, labels: become === 'out' ? { out: 'yes' } : {} });
  }
  return become;
}

/** With stop-first no slot ever has two tasks that run. */
function doubled({ world, strict }: Trouble): readonly string[] {
  return [...strict].flatMap((name) => {
    const running = world.running(name);
    const slots = new Set(running.map(slotKey));
    return running.length > slots.size ? [`${name}: a slot runs twice`] : [];
  });
}

function comeToRest(life: Trouble): readonly string[] {
  const { world } = life;
  for (let number = 0; number < nodeCount; number += 1) {
    const id = `n${number}`;
    if (world.view.nodes.get(id) === undefined) world.addNode(id);
    world.setNodeState(id, 'ready');
    world.changeNode(id, { availability: 'active', labels: {} });
  }
  for (const name of names) declare(life, name, { image: 'v9', replicas: 6, isLast: true });
  world.advance(restMs);
  rebalance(world);
  world.advance(restMs);
  const found = [...doubled(life), ...names.flatMap((name) => unsettled(world, name))];
  if (rebalance(world) > 0) found.push('a second rebalance finds something to move');
  const { revision } = world.view;
  world.restartManager();
  if (world.view.revision !== revision) found.push('a second look found something to change');
  return found;
}

function unsettled(world: LoopWorld, name: string): readonly string[] {
  const service: Service = world.service(name);
  const running = world.running(name);
  const counts = Array.from(
    { length: nodeCount },
    (_, number) => running.filter((task) => task.nodeId === `n${number}`).length,
  );
  const live = world.tasks(name).filter(isLive);
  return [
    running.length === 6 && live.length === 6 ? '' : `${name}: ${world.showLive(name).join(', ')}`,
    running.every((task) => world.imageOf(task) === 'v9') ? '' : `${name} runs an old image`,
    Math.max(...counts) - Math.min(...counts) <= 1 ? '' : `${name} is uneven: ${counts.join(' ')}`,
    service.rebalance?.state === 'running' ? `${name} is still being balanced` : '',
  ].filter((text) => text !== '');
}

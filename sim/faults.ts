import type { Prng } from '../src/lib/prng.ts';
import type { Tell, World } from './world.ts';

/** Something that goes wrong, and that mends itself after a while. */
export interface Fault {
  readonly name: string;
  happen(world: World, tell: Tell): void;
}

const restartTriesMs = 500;

/** Draws a fault with all that is random about it. */
export function drawFault(dice: Prng): Fault {
  const forMs = dice.chance(0.2) ? dice.below(45_000) : dice.below(6_000);
  const kind = dice.pick([
    'manager killed',
    'manager loses power',
    'manager stopped',
    'agent killed',
    'engine restarted',
    'engine restarted under its containers',
    'link broken',
    'link bad',
    'disk full',
    'disk bad',
    'engine bad',
  ] as const);
  const name = `${kind} for ${forMs} ms`;
  switch (kind) {
    case 'manager killed':
      return { name, happen: (world) => killManager(world, { forMs, power: false }) };
    case 'manager loses power':
      return { name, happen: (world) => killManager(world, { forMs, power: true }) };
    case 'manager stopped':
      return { name, happen: (world) => void stopManager(world, forMs) };
    case 'agent killed':
      return { name, happen: (world) => killAgent(world, forMs) };
    case 'engine restarted':
      return { name, happen: (world) => restartEngine(world, { forMs, liveRestore: false }) };
    case 'engine restarted under its containers':
      return { name, happen: (world) => restartEngine(world, { forMs, liveRestore: true }) };
    case 'link broken':
      return { name, happen: ({ transport }) => transport.breakAll() };
    case 'link bad':
      return { name, happen: (world) => badLink(world, forMs) };
    case 'disk full':
      return { name, happen: (world) => fillDisk(world, forMs) };
    case 'disk bad':
      return { name, happen: (world) => badDisk(world, forMs) };
    case 'engine bad':
      return { name, happen: (world) => badEngine(world, forMs) };
  }
}

/** Everything works again, and everybody runs. */
export async function healAll(world: World): Promise<void> {
  mendLink(world);
  mendDisk(world);
  mendEngine(world);
  world.disk.full = false;
  world.engine.calm = true;
  // What is down comes back by itself, no later than the longest fault.
  await world.clock.runUntil(() => world.engine.isUp && world.node.isUp, { limitMs: 60_000 });
}

function killManager(
  world: World,
  { forMs, power }: { readonly forMs: number; readonly power: boolean },
): void {
  if (!world.hasManager) return;
  world.killManager({ power });
  later(world, forMs, () => void startManager(world));
}

async function stopManager(world: World, forMs: number): Promise<void> {
  if (world.control === undefined) return;
  await world.stopManager();
  later(world, forMs, () => void startManager(world));
}

/** As a supervisor does: until it runs. */
async function startManager(world: World): Promise<void> {
  await world.startManager();
  if (!world.hasManager) later(world, restartTriesMs, () => void startManager(world));
}

function killAgent(world: World, forMs: number): void {
  if (!world.node.isUp) return;
  world.node.killAgent();
  later(world, forMs, () => world.node.startAgent());
}

function restartEngine(
  world: World,
  { forMs, liveRestore }: { readonly forMs: number; readonly liveRestore: boolean },
): void {
  if (!world.engine.isUp) return;
  world.engine.stop({ liveRestore });
  later(world, forMs, () => world.engine.start());
}

function badLink(world: World, forMs: number): void {
  world.transport.model = { ...world.transport.model, maximumDelayMs: 400, breakChance: 0.05 };
  later(world, forMs, () => mendLink(world));
}

function mendLink(world: World): void {
  world.transport.model = { ...world.transport.model, maximumDelayMs: 10, breakChance: 0 };
}

function fillDisk(world: World, forMs: number): void {
  world.disk.full = true;
  later(world, forMs, () => {
    world.disk.full = false;
  });
}

function badDisk(world: World, forMs: number): void {
  Object.assign(world.faults, { failChance: 0.1, unknownChance: 0.1, maxLatencyMs: 300 });
  later(world, forMs, () => mendDisk(world));
}

function mendDisk(world: World): void {
  Object.assign(world.faults, { failChance: 0, unknownChance: 0, maxLatencyMs: 5 });
}

function badEngine(world: World, forMs: number): void {
  const { faults } = world.engine;
  Object.assign(faults, { maxLatencyMs: 1_500, failChance: 0.05, lostAnswerChance: 0.1 });
  later(world, forMs, () => mendEngine(world));
}

function mendEngine(world: World): void {
  const { faults } = world.engine;
  Object.assign(faults, { maxLatencyMs: 20, failChance: 0, lostAnswerChance: 0 });
}

function later(world: World, delayMs: number, mend: () => void): void {
  void world.clock.sleep(delayMs).then(mend);
}

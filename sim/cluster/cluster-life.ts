import type { Prng } from '../../src/lib/prng.ts';
import { isFenced } from '../../src/model/fence.ts';
import { initRequest } from '../manager-world.ts';
import type { Tell } from '../world.ts';
import type { ClusterViolation } from './checkers.ts';
import { type ClusterSeams, ClusterWorld, usualDiskMs } from './cluster-world.ts';
import {
  countReadyNodes,
  declareServices,
  overlay,
  replicasOf,
  staysPut,
  unsettled,
} from './declared.ts';
import type { Machine } from './machine.ts';
import { moveAround, unsteady } from './moves.ts';
import { beginsWell, runLife } from './seed-life.ts';

/** A cut node's tasks have to run elsewhere within this long; fenced ones later. */
const boundMs = 5_000;
/** Those of one that is heard and hears nothing: it waits for an answer before it says so. */
const deafBoundMs = 6_000;
const fencedBoundMs = 15_000;
const quietBoundMs = 90_000;
const patienceMs = 60_000;
const lookEveryMs = 500;
/** After 7.8 s nodes stop what is fenced, and open their sessions anew. */
const longestStallMs = 6_000;
const longestEngineStopMs = 10_000;
/** Its supervisor starts it again at once, or somebody does later. */
const longestAgentStopMs = { usual: 1_000, rare: 25_000 };
const mostSetMs = 30_000;

export interface ClusterOutcome {
  readonly seed: number;
  readonly violations: readonly ClusterViolation[];
  readonly cuts: number;
  /** The kind of each. */
  readonly faults: readonly string[];
  readonly virtualMs: number;
}

/** One seed: several nodes live through faults of their links and of the manager, then heal. */
export async function runClusterSeed(
  seed: number,
  options: { readonly seams?: ClusterSeams; readonly tell?: Tell } = {},
): Promise<ClusterOutcome> {
  const life = new ClusterLife(seed, options);
  return { seed, ...(await runLife(life)) };
}

class ClusterLife {
  readonly #world: ClusterWorld;
  readonly #dice: Prng;
  readonly #tell: Tell;
  readonly #startedAt: number;
  /**
   * Drained and rebalanced in the end: a fifth of what a seed costs, so that a third of them are.
   */
  readonly #isMoved: boolean;
  /** In a fifth of the seeds, others than those in which planted bugs are found. */
  readonly #withStatic: boolean;
  #cuts = 0;
  readonly #faults: string[] = [];

  constructor(seed: number, options: { readonly seams?: ClusterSeams; readonly tell?: Tell }) {
    const size = 3 + (seed % 4);
    this.#isMoved = seed % 3 === 1;
    this.#withStatic = seed % 5 === 0;
    this.#world = new ClusterWorld(seed, { size, ...options });
    this.#dice = this.#world.dice(0);
    this.#tell = options.tell ?? (() => undefined);
    this.#startedAt = this.#world.clock.now();
  }

  async run(): Promise<Omit<ClusterOutcome, 'seed'>> {
    const world = this.#world;
    if (await this.#begin()) {
      const faults = 2 + this.#dice.below(3);
      for (let fault = 0; fault < faults; fault += 1) {
        await world.clock.advance(1_000 + this.#dice.below(4_000));
        await this.#break();
      }
      await this.#comeToRest();
      const isWell = world.checkers.violations.length === 0;
      if (isWell && this.#isMoved) await moveAround(world, world.dice(2));
    }
    return {
      violations: world.checkers.violations,
      cuts: this.#cuts,
      faults: this.#faults,
      virtualMs: world.clock.now() - this.#startedAt,
    };
  }

  async end(): Promise<void> {
    this.#world.end();
    await this.#world.clock.settle();
  }

  async #begin(): Promise<boolean> {
    const world = this.#world;
    const begin = async (): Promise<void> => {
      await world.startManager();
      const { control } = world;
      const [first, ...others] = world.machines;
      if (control === undefined || first === undefined) return;
      first.node.startAgent();
      await control.initCluster(initRequest);
      for (const { node } of others) node.startAgent();
      // Or everything would be on the first.
      while (countReadyNodes(world.control) < world.machines.length) {
        await world.clock.sleep(lookEveryMs);
      }
      const network = await control.createNetwork(overlay);
      await declareServices(control, {
        network,
        dice: this.#dice,
        withStatic: this.#withStatic,
      });
    };
    return await beginsWell(world, { begin, unsettled: () => this.#unsettled() });
  }

  async #break(): Promise<void> {
    const kind = this.#dice.pick([
      'cut',
      'cut',
      'cut one way',
      'cut half',
      'bad links',
      'manager stalls',
      'manager killed',
      'machine dies',
      'agent killed',
      'engine restarts',
      'slow disk',
      'clock set',
    ] as const);
    this.#faults.push(kind);
    const forMs = 3_000 + this.#dice.below(25_000);
    this.#say(`fault: ${kind} for ${forMs} ms`);
    switch (kind) {
      case 'cut':
        return await this.#cutOne({ forMs, up: true, down: true });
      case 'cut one way': {
        const up = this.#dice.chance(0.5);
        return await this.#cutOne({ forMs, up, down: !up });
      }
      case 'cut half':
        return await this.#cutHalf(forMs);
      case 'bad links':
        return await this.#badLinks(forMs);
      case 'manager stalls':
        return await this.#stallManager(Math.min(forMs, longestStallMs));
      case 'machine dies':
        return await this.#cutOne({ forMs, up: true, down: true, dies: true });
      case 'agent killed':
        return await this.#killAgent();
      case 'engine restarts':
        return await this.#restartEngine(Math.min(forMs, longestEngineStopMs));
      case 'slow disk':
        return await this.#slowDisk(forMs);
      case 'clock set':
        this.#setClock(this.#dice.pick(this.#world.machines));
        return await this.#world.clock.advance(forMs);
      case 'manager killed':
        this.#world.killManager();
        await this.#world.clock.advance(forMs / 5);
        await this.#startManager();
    }
  }

  async #cutOne(how: {
    readonly forMs: number;
    readonly up: boolean;
    readonly down: boolean;
    /** It has no power meanwhile. */
    readonly dies?: boolean;
  }): Promise<void> {
    const { clock } = this.#world;
    const machine = this.#dice.pick(this.#world.machines.slice(1));
    const wasSettled = this.#unsettled().every((line) => line.startsWith(unsteady));
    this.#cuts += 1;
    this.#say(`${machine.hostname} is cut: up ${how.up}, down ${how.down}`);
    this.#world.cut([machine], { ...how, isMass: false });
    if (how.dies === true) powerOff(machine);
    if (this.#dice.chance(0.3)) this.#setClock(machine);
    const cutAt = clock.now();
    const deafMs = how.up ? 0 : deafBoundMs - boundMs;
    for (const [atMs, isLate] of [
      [boundMs + deafMs, false],
      [fencedBoundMs + deafMs, true],
    ] as const) {
      if (how.forMs < atMs) break;
      await clock.advance(cutAt + atMs - clock.now());
      if (wasSettled) this.#checkElsewhere(machine, { withFenced: isLate, atMs });
    }
    await clock.advance(Math.max(0, cutAt + how.forMs - clock.now()));
    this.#say(`${machine.hostname} is healed`);
    this.#world.heal(machine);
    if (how.dies === true) powerOn(machine);
    await clock.advance(this.#dice.below(20_000));
  }

  #setClock({ clock, hostname }: Machine): void {
    const ms = this.#dice.below(2 * mostSetMs) - mostSetMs;
    this.#say(`the clock of ${hostname} is set by ${ms} ms`);
    clock.setBy(ms);
  }

  /** Nobody gives the node up before it is back, or its fenced tasks end meanwhile. */
  async #killAgent(): Promise<void> {
    const { clock, machines } = this.#world;
    const machine = this.#dice.pick(machines);
    const { usual, rare } = longestAgentStopMs;
    const forMs = this.#dice.below(this.#dice.chance(0.5) ? usual : rare);
    this.#say(`the agent of ${machine.hostname} is killed for ${forMs} ms`);
    machine.node.killAgent();
    this.#world.cut([machine], { up: false, down: false, isMass: false });
    await clock.advance(forMs);
    machine.node.startAgent();
    this.#world.heal(machine);
    await clock.advance(10_000);
  }

  async #restartEngine(forMs: number): Promise<void> {
    const { clock, machines } = this.#world;
    const { engine, hostname } = this.#dice.pick(machines);
    const liveRestore = this.#dice.chance(0.5);
    this.#say(`the engine of ${hostname} restarts, its containers stay: ${liveRestore}`);
    engine.stop({ liveRestore });
    await clock.advance(forMs);
    engine.start();
    await clock.advance(10_000);
  }

  async #slowDisk(forMs: number): Promise<void> {
    const { clock, diskFaults } = this.#world;
    const before = countReadyNodes(this.#world.control);
    diskFaults.maxLatencyMs = 1_000 + this.#dice.below(3_000);
    await clock.advance(forMs);
    this.#checkReady(before, forMs);
    diskFaults.maxLatencyMs = usualDiskMs;
    await clock.advance(5_000);
  }

  async #cutHalf(forMs: number): Promise<void> {
    const { machines, clock } = this.#world;
    const size = machines.length;
    const most = machines.slice(Math.floor(size / 2));
    this.#cuts += 1;
    this.#say(`${most.map(({ hostname }) => hostname).join(', ')} are cut`);
    this.#world.cut(most, { up: true, down: true, isMass: true });
    await clock.advance(forMs);
    for (const machine of most) this.#world.heal(machine);
    await clock.advance(10_000);
  }

  async #badLinks(forMs: number): Promise<void> {
    for (const { link } of this.#world.machines.slice(1)) {
      link.makeBad({ lossChance: 0.1, maximumDelayMs: this.#dice.below(400) });
    }
    await this.#world.clock.advance(forMs * 2);
    for (const { link } of this.#world.machines) link.heal();
  }

  /** What came while it did not listen is there when it listens again: nobody was away. */
  async #stallManager(forMs: number): Promise<void> {
    const { clock, managerClock } = this.#world;
    const before = countReadyNodes(this.#world.control);
    managerClock.stall(forMs);
    await clock.advance(forMs);
    this.#checkReady(before, forMs);
    await clock.advance(3_000);
  }

  /** What is the manager's own trouble is held against nobody. */
  #checkReady(before: number, afterMs: number): void {
    const { machines, checkers } = this.#world;
    const ready = countReadyNodes(this.#world.control);
    if (ready >= before || before < machines.length) return;
    const text = `${ready} of ${before} nodes are ready after ${afterMs} ms`;
    checkers.report('missed while the manager did not listen', text);
  }

  async #startManager(): Promise<void> {
    const started = { done: false };
    void this.#world.startManager().then(() => {
      started.done = true;
    });
    await this.#world.clock.runUntil(() => started.done, { limitMs: patienceMs });
    await this.#world.clock.advance(this.#dice.below(15_000));
  }

  /** Each slot that had its task on the machine runs somewhere else by now. */
  #checkElsewhere(cut: Machine, of: { readonly withFenced: boolean; readonly atMs: number }): void {
    const world = this.#world;
    const { control } = world;
    if (control === undefined) return;
    const elsewhere = new Map<string, number>();
    for (const machine of world.machines) {
      if (machine === cut) continue;
      for (const container of machine.engine.containers.values()) {
        const serviceId = world.checkers.taskOf(container)?.serviceId;
        if (container.state !== 'running' || serviceId === undefined) continue;
        elsewhere.set(serviceId, (elsewhere.get(serviceId) ?? 0) + 1);
      }
    }
    for (const service of control.view.services.all()) {
      const { name } = service.spec;
      if ((isFenced(service) && !of.withFenced) || name.startsWith(unsteady)) continue;
      if (name === staysPut) continue;
      const running = elsewhere.get(service.id) ?? 0;
      const wanted = replicasOf(service);
      if (running >= wanted) continue;
      const text = `${name}: ${running} of ${wanted} run besides ${cut.hostname}`;
      const check = 'tasks of a cut node do not run elsewhere in time';
      world.checkers.report(check, `${text} after ${of.atMs} ms`);
    }
  }

  async #comeToRest(): Promise<void> {
    const world = this.#world;
    this.#say('all is healed');
    for (const machine of world.machines) {
      world.heal(machine);
      machine.engine.calm = true;
    }
    const until = world.clock.now() + quietBoundMs;
    while (world.clock.now() < until && this.#unsettled().length > 0) {
      await world.clock.advance(lookEveryMs);
    }
    await world.clock.advance(5_000);
    for (const line of this.#unsettled()) {
      world.checkers.report('not as declared after healing', line);
    }
    world.checkers.checkSlots();
  }

  #unsettled(): readonly string[] {
    const { control, checkers } = this.#world;
    return unsettled(control, checkers);
  }

  #say(line: string): void {
    const seconds = ((this.#world.clock.now() - this.#startedAt) / 1_000).toFixed(3);
    this.#tell(`${seconds.padStart(9)} ${line}`);
  }
}

function powerOff({ node, engine }: Machine): void {
  node.killAgent();
  node.endGuard();
  engine.stop({ liveRestore: false });
  node.files.clear();
}

function powerOn({ node, engine }: Machine): void {
  engine.start();
  node.startAgent();
}

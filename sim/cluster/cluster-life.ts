import { TuttiError } from '../../src/lib/error.ts';
import type { Prng } from '../../src/lib/prng.ts';
import type { ControlPlane } from '../../src/manager/control-plane.ts';
import type { Network, NetworkSpec } from '../../src/model/network.ts';
import type { Service } from '../../src/model/service.ts';
import { isFenced } from '../../src/model/fence.ts';
import { isLive } from '../../src/store/schema.ts';
import { declare, initRequest } from '../manager-world.ts';
import type { Tell } from '../world.ts';
import type { ClusterViolation } from './checkers.ts';
import { type ClusterSeams, ClusterWorld } from './cluster-world.ts';
import type { Machine } from './machine.ts';
import { moveAround } from './moves.ts';

/** A cut node's tasks have to run elsewhere within this long; fenced ones later. */
const boundMs = 5_000;
const fencedBoundMs = 15_000;
const quietBoundMs = 90_000;
const patienceMs = 60_000;
const lookEveryMs = 500;

export interface ClusterOutcome {
  readonly seed: number;
  readonly violations: readonly ClusterViolation[];
  readonly cuts: number;
  readonly faults: number;
  readonly virtualMs: number;
}

/** One seed: several nodes live through faults of their links and of the manager, then heal. */
export async function runClusterSeed(
  seed: number,
  options: { readonly seams?: ClusterSeams; readonly tell?: Tell } = {},
): Promise<ClusterOutcome> {
  const life = new ClusterLife(seed, options);
  try {
    return { seed, ...(await life.run()) };
  } finally {
    await life.end();
  }
}

class ClusterLife {
  readonly #world: ClusterWorld;
  readonly #dice: Prng;
  readonly #tell: Tell;
  readonly #startedAt: number;
  #cuts = 0;
  #faults = 0;

  constructor(seed: number, options: { readonly seams?: ClusterSeams; readonly tell?: Tell }) {
    const size = 3 + (seed % 4);
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
      if (world.checkers.violations.length === 0) await moveAround(world, world.dice(2));
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
    const begun = { done: false };
    const begin = async (): Promise<void> => {
      await world.startManager();
      const { control } = world;
      const [first, ...others] = world.machines;
      if (control === undefined || first === undefined) return;
      first.node.startAgent();
      await control.initCluster(initRequest);
      for (const { node } of others) node.startAgent();
      // Or everything would be on the first.
      while (this.#readyNodes() < world.machines.length) await world.clock.sleep(lookEveryMs);
      const network = await control.createNetwork(overlay);
      await this.#services(control, network);
      begun.done = true;
    };
    begin().catch((error: unknown) => {
      world.checkers.report('process broke', `at the beginning: ${TuttiError.from(error).stack}`);
    });
    const isUp = (): boolean =>
      begun.done && this.#unsettled().every((line) => line.startsWith(unsteady));
    if (await world.clock.runUntil(isUp, { limitMs: patienceMs })) return true;
    for (const line of this.#unsettled()) {
      world.checkers.report('not as declared after healing', `at the beginning: ${line}`);
    }
    return false;
  }

  #readyNodes(): number {
    const { control } = this.#world;
    const nodes = [...(control?.view.nodes.all() ?? [])];
    return nodes.filter(({ id }) => control?.observed.node(id)?.state === 'ready').length;
  }

  async #services(control: ControlPlane, network: Network): Promise<void> {
    const networks = [{ networkId: network.id, aliases: [], driverOptions: {} }];
    const template = { networks };
    for (let number = 1; number <= 2; number += 1) {
      const replicas = 1 + this.#dice.below(5);
      const order = this.#dice.pick(['stop-first', 'start-first'] as const);
      const spec = { update: { parallelism: 1, order } };
      await control.createService(declare(`s${number}`, replicas, { template, container, spec }));
    }
    // Its node restarts it by itself where it is cut off.
    const spec = { labels: { 'dev.tutti.fence': 'true' } };
    const crashing = { template, container: { image: 'crashing:1' } };
    await control.createService(declare(unsteady, 2, crashing));
    await control.createService(declare(`${unsteady}-alone`, 1, { ...crashing, spec }));
    const replicas = 1 + this.#dice.below(2);
    await control.createService(declare('alone', replicas, { template, container, spec }));
  }

  async #break(): Promise<void> {
    this.#faults += 1;
    const kind = this.#dice.pick([
      'cut',
      'cut',
      'cut one way',
      'cut half',
      'bad links',
      'manager stalls',
      'manager killed',
    ] as const);
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
        return await this.#stallManager(Math.min(forMs, 8_000));
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
  }): Promise<void> {
    const { clock } = this.#world;
    const machine = this.#dice.pick(this.#world.machines.slice(1));
    const wasSettled = this.#unsettled().every((line) => line.startsWith(unsteady));
    this.#cuts += 1;
    this.#say(`${machine.hostname} is cut: up ${how.up}, down ${how.down}`);
    this.#world.cut([machine], { ...how, isMass: false });
    const cutAt = clock.now();
    for (const [atMs, isLate] of [
      [boundMs, false],
      [fencedBoundMs, true],
    ] as const) {
      if (how.forMs < atMs) break;
      await clock.advance(cutAt + atMs - clock.now());
      if (wasSettled && how.up) this.#checkElsewhere(machine, { withFenced: isLate, atMs });
    }
    await clock.advance(Math.max(0, cutAt + how.forMs - clock.now()));
    this.#say(`${machine.hostname} is healed`);
    this.#world.heal(machine);
    await clock.advance(this.#dice.below(20_000));
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
    const { clock, managerClock, machines, checkers } = this.#world;
    const before = this.#readyNodes();
    managerClock.stall(forMs);
    await clock.advance(forMs);
    const ready = this.#readyNodes();
    if (ready < before && before === machines.length) {
      const text = `${ready} of ${before} nodes are ready after ${forMs} ms`;
      checkers.report('missed while the manager did not listen', text);
    }
    await clock.advance(3_000);
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
      if ((isFenced(service) && !of.withFenced) || service.spec.name.startsWith(unsteady)) continue;
      const running = elsewhere.get(service.id) ?? 0;
      const wanted = replicasOf(service);
      if (running >= wanted) continue;
      const text = `${service.spec.name}: ${running} of ${wanted} run besides ${cut.hostname}`;
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
    for (const [slot, containers] of world.checkers.runningBySlot()) {
      if (containers.length < 2) continue;
      const text = `${slot}: ${containers.map(({ id }) => id).join(', ')}`;
      world.checkers.report('two live tasks in a slot after healing', text);
    }
  }

  /** What keeps the cluster from being as declared. */
  #unsettled(): readonly string[] {
    const world = this.#world;
    const { control } = world;
    if (control === undefined) return ['there is no manager'];
    const found: string[] = [];
    for (const node of control.view.nodes.all()) {
      const state = control.observed.node(node.id)?.state;
      if (state !== 'ready') found.push(`${node.description.hostname} is ${state}`);
    }
    const running = world.checkers.runningBySlot();
    for (const service of control.view.services.all()) {
      const tasks = [...control.view.tasks.by('service', service.id)];
      const live = tasks.filter(isLive);
      const wanted = replicasOf(service);
      const { name } = service.spec;
      if (live.length !== wanted) found.push(`${name}: ${live.length} tasks of ${wanted}`);
      for (const task of tasks.filter((one) => one.end === undefined && !isLive(one))) {
        found.push(`${name}.${task.slot} ${task.id} has not ended`);
      }
      const slots = [...running.keys()].filter((key) => key.startsWith(`${service.id}/`));
      if (slots.length !== wanted) found.push(`${name}: ${slots.length} slots of ${wanted} run`);
    }
    return found;
  }

  #say(line: string): void {
    const seconds = ((this.#world.clock.now() - this.#startedAt) / 1_000).toFixed(3);
    this.#tell(`${seconds.padStart(9)} ${line}`);
  }
}

const container = { image: 'plain:1' };
const unsteady = 'unsteady';

const overlay: NetworkSpec = {
  name: 'net',
  labels: {},
  driver: 'overlay',
  driverOptions: {},
  internal: false,
  attachable: false,
  ingress: false,
  enableIpv6: false,
  subnets: [],
};

function replicasOf({ spec: { mode } }: Service): number {
  return mode.kind === 'replicated' ? mode.replicas : 0;
}

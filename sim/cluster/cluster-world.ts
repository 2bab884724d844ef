import { Prng } from '../../src/lib/prng.ts';
import { Leases } from '../../src/liveness/leases.ts';
import { leaseTerms } from '../../src/liveness/terms.ts';
import type { ControlPlane } from '../../src/manager/control-plane.ts';
import { type Manager, startManager } from '../../src/manager/manager.ts';
import type { Rounds } from '../../src/manager/round.ts';
import type { Instant } from '../../src/model/instant.ts';
import { SimulatedAuthority } from '../authority.ts';
import { VirtualClock } from '../clock.ts';
import { SimulatedDisk } from '../disk.ts';
import { Life } from '../life.ts';
import { MemoryEngine } from '../memory-engine.ts';
import { SimulatedNode } from '../node.ts';
import { SimulatedRuntime } from '../runtime.ts';
import type { Tell } from '../world.ts';
import { ClusterCheckers } from './checkers.ts';
import { NodeLink, SimulatedLife } from './link.ts';
import type { Machine, Watched } from './machine.ts';
import { DriftingClock, StallingClock } from './odd-clock.ts';

const startAt = Date.UTC(2026, 0, 1);
const dicePerWorld = 64;
const mostDrift = 0.01;

/** Where a fault can be planted. */
export interface ClusterSeams {
  /** The manager's leases; nodes are told the terms as they should be. */
  readonly leases?: () => Leases;
  readonly rounds?: (rounds: Rounds, world: ClusterWorld) => Rounds;
}

interface Cut {
  readonly at: Instant;
  readonly isMass: boolean;
  readonly healedAt: Instant | undefined;
}

/** How long a machine may take to be heard again once its link is healed. */
const returnMs = 20_000;

/**
 * A manager and several nodes, each with an engine, a clock and a link of its own. The first is the
 * manager's own machine.
 */
export class ClusterWorld implements Watched {
  readonly clock = new VirtualClock(startAt);
  readonly managerClock = new StallingClock(this.clock);
  readonly machines: readonly Machine[];
  readonly checkers: ClusterCheckers;
  readonly #disk = new SimulatedDisk();
  readonly #seed: number;
  readonly #seams: ClusterSeams;
  readonly #tell: Tell;
  readonly #life: SimulatedLife;
  readonly #dice: Prng;
  readonly #cuts = new Map<Machine, Cut>();
  #process: Life | undefined;
  #manager: Manager | undefined;

  constructor(
    seed: number,
    options: { readonly size: number; readonly seams?: ClusterSeams; readonly tell?: Tell },
  ) {
    this.#seed = seed;
    this.#seams = options.seams ?? {};
    this.#tell = options.tell ?? (() => undefined);
    this.#dice = this.dice(1);
    this.checkers = new ClusterCheckers(this);
    const links = new Map<string, NodeLink>();
    this.#life = new SimulatedLife(links);
    this.#life.listening = () => this.managerClock.running();
    this.machines = Array.from({ length: options.size }, (_, index) => {
      const machine = this.#machine(index + 1);
      machine.link.sessions.listening = () => this.managerClock.running();
      links.set(machine.hostname, machine.link);
      return machine;
    });
  }

  dice(part: number): Prng {
    return new Prng(this.#seed * dicePerWorld + part);
  }

  get control(): ControlPlane | undefined {
    return this.#manager?.controlPlane;
  }

  async startManager(): Promise<void> {
    if (this.#process !== undefined) return;
    const life = new Life();
    this.#process = life;
    const dice = this.#dice;
    const bytes = (count: number): Uint8Array => dice.bytes(count);
    const faults = { failChance: 0, unknownChance: 0, maxLatencyMs: 5 };
    const manager = await startManager({
      engine: new MemoryEngine(this.#disk, { clock: this.clock, dice, faults }),
      clock: life.clock(this.managerClock),
      random: { bytes, fraction: () => dice.fraction() },
      authority: new SimulatedAuthority(bytes),
      logger: this.#logger('manager'),
      store: { freezeRows: true },
      leases: this.#seams.leases?.() ?? new Leases(leaseTerms),
      life: (heard) => this.#life.serve(heard),
      wrapRounds: (rounds) => this.#seams.rounds?.(rounds, this) ?? rounds,
    });
    if (this.#process !== life) return;
    this.#manager = manager;
    const { controlPlane } = manager;
    this.checkers.opened(controlPlane.view);
    controlPlane.onCommit((commit) => {
      if (!life.isOver) this.checkers.committed(commit, controlPlane);
    });
    for (const { link } of this.machines) link.sessions.serve(manager.handler);
  }

  killManager(): void {
    this.#process?.kill();
    this.#life.stop();
    for (const { link } of this.machines) link.sessions.stop();
    this.#process = undefined;
    this.#manager = undefined;
  }

  end(): void {
    this.killManager();
    for (const { node } of this.machines) node.killAgent();
  }

  /** Machines are cut off together; with `isMass` they are too many to be given up. */
  cut(
    machines: readonly Machine[],
    how: { readonly up: boolean; readonly down: boolean; readonly isMass: boolean },
  ): void {
    for (const machine of machines) {
      machine.link.cut(how);
      this.#cuts.set(machine, { at: this.clock.now(), isMass: how.isMass, healedAt: undefined });
    }
  }

  heal(machine: Machine): void {
    machine.link.heal();
    const cut = this.#cuts.get(machine);
    if (cut !== undefined) this.#cuts.set(machine, { ...cut, healedAt: this.clock.now() });
  }

  /** Whether what the manager hears of the machine, or does not, allows it to give it up. */
  mayBeDown(machine: Machine): boolean {
    const cut = this.#cuts.get(machine);
    if (cut === undefined || cut.isMass) return false;
    if (cut.healedAt !== undefined) return this.clock.now() < cut.healedAt + returnMs;
    return machine.link.sessions.cut.up;
  }

  /** The node's row, once it has one. */
  nodeId(machine: Machine): string | undefined {
    for (const node of this.control?.view.nodes.by('hostname', machine.hostname) ?? []) {
      return node.id;
    }
    return undefined;
  }

  #machine(number: number): Machine {
    const hostname = `host-${number}`;
    const { clock, checkers } = this;
    const dice = (part: number): Prng => this.dice(4 * number + part);
    const rate = 1 + (dice(3).fraction() * 2 - 1) * mostDrift;
    const link = new NodeLink({ clock, dice: dice(0) });
    const engine = new SimulatedRuntime({
      clock,
      dice: dice(1),
      watcher: checkers,
      idPrefix: `${hostname}-`,
    });
    const node = new SimulatedNode({
      clock: new DriftingClock(clock, rate),
      dice: dice(2),
      logger: this.#logger(hostname),
      engine,
      transport: link.sessions.agent(),
      hostname,
      life: this.#life.of(hostname),
      onBroken: (error) => checkers.report('process broke', `${hostname}: ${error.stack}`),
    });
    return { hostname, link, engine, node };
  }

  #logger(who: string) {
    const write =
      (level: string) =>
      (message: string, fields: Readonly<Record<string, unknown>> = {}): void => {
        this.#tell(`> ${who} ${level}: ${message} ${JSON.stringify(fields)}`);
        if (level !== 'error') return;
        this.checkers.report('process broke', `${who}: ${message} ${JSON.stringify(fields)}`);
      };
    return {
      debug: write('debug'),
      info: write('info'),
      warn: write('warn'),
      error: write('error'),
    };
  }
}

import type { Clock } from '../../src/host/clock.ts';
import type { AgentDisk } from '../../src/host/agent-disk.ts';
import type { ContainerRuntime } from '../../src/host/container-runtime.ts';
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
import { SimulatedFenceGuard } from '../fence-guard.ts';
import { MemoryEngine } from '../memory-engine.ts';
import { SimulatedNode } from '../node.ts';
import { SimulatedRuntime } from '../runtime.ts';
import type { Tell } from '../world.ts';
import { ClusterCheckers } from './checkers.ts';
import { NodeLink, SimulatedLife } from './link.ts';
import type { Machine, Watched } from './machine.ts';
import { DriftingClock, SetClock, StallingClock } from './odd-clock.ts';

const startAt = Date.UTC(2026, 0, 1);
const dicePerWorld = 64;
/** Beyond those of machines. */
const diceOfGuards = 40;
const mostDrift = 0.01;
/** What the manager's disk takes at most for a commit. */
export const usualDiskMs = 5;

/** Where a fault can be planted. */
export interface ClusterSeams {
  /** The manager's leases; nodes are told the terms as they should be. */
  readonly leases?: () => Leases;
  readonly rounds?: (rounds: Rounds, world: ClusterWorld) => Rounds;
  /** The manager takes datagrams that it has taken before. */
  readonly takesCopies?: boolean;
  /** The manager reads nothing while this is not resolved. */
  readonly listening?: (world: ClusterWorld) => Promise<void>;
  readonly runtime?: (runtime: ContainerRuntime) => ContainerRuntime;
  readonly disk?: (disk: AgentDisk) => AgentDisk;
  /** Nobody stops fenced tasks where no agent does. */
  readonly withoutGuard?: boolean;
  /**
   * The clock by which a node and its guard count its lease, where it is not the one that nobody
   * sets.
   */
  readonly leaseClock?: (clocks: { readonly own: Clock; readonly steady: Clock }) => Clock;
}

interface Cut {
  readonly at: Instant;
  /** They are too many to be given up, as far as the manager had heard of them before. */
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
  /** Of the manager's disk; may be changed at any time. */
  readonly diskFaults = { failChance: 0, unknownChance: 0, maxLatencyMs: usualDiskMs };
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
    this.#life = new SimulatedLife(links, { takesCopies: this.#seams.takesCopies === true });
    const listening = async (): Promise<void> => {
      await this.managerClock.running();
      if (this.#seams.listening !== undefined) await this.#seams.listening(this);
    };
    this.#life.listening = listening;
    this.machines = Array.from({ length: options.size }, (_, index) => {
      const machine = this.#machine(index + 1);
      machine.link.sessions.listening = listening;
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
    const { diskFaults: faults } = this;
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

  /** As a restore from an older backup: the next manager knows nothing of these. */
  async forgetRows(tables: readonly string[]): Promise<void> {
    this.killManager();
    const engine = new MemoryEngine(this.#disk);
    const { epoch, revision, rows } = await engine.load();
    const changes = [...rows]
      .filter(({ table }) => tables.includes(table))
      .map(({ table, id }) => ({ kind: 'delete', table, id }) as const);
    await engine.commit(changes, { epoch, revision });
  }

  end(): void {
    this.killManager();
    for (const { node } of this.machines) {
      node.killAgent();
      node.endGuard();
    }
  }

  /** Machines are cut off together; with `isMass` they are too many to be given up. */
  cut(
    machines: readonly Machine[],
    how: { readonly up: boolean; readonly down: boolean; readonly isMass: boolean },
  ): void {
    // A manager that has just started does not know how many there were.
    const areKnown = machines.every((machine) => {
      return this.control?.observed.node(this.nodeId(machine) ?? '')?.state === 'ready';
    });
    const isMass = how.isMass && areKnown;
    for (const machine of machines) {
      machine.link.cut(how);
      this.#cuts.set(machine, { at: this.clock.now(), isMass, healedAt: undefined });
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
    if (cut === undefined) return false;
    // Who is heard, by whatever late word, ends what holds the others.
    const isStray = this.machines.some(({ link }) => (link.strayAt ?? 0) >= cut.at);
    if (cut.isMass && !isStray) return false;
    if (cut.healedAt !== undefined) return this.clock.now() < cut.healedAt + returnMs;
    return machine.link.isCut || !machine.node.isUp;
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
    const steady = new DriftingClock(clock, rate);
    const ownClock = new SetClock(steady);
    const { runtime, disk } = this.#seams;
    const leaseClock = this.#seams.leaseClock?.({ own: ownClock, steady }) ?? steady;
    const fenceGuard = new SimulatedFenceGuard({
      clock: leaseClock,
      dice: this.dice(diceOfGuards + number),
      runtime: engine,
      logger: this.#logger(`${hostname}, guard`),
    });
    const node = new SimulatedNode({
      clock: ownClock,
      leaseClock,
      dice: dice(2),
      logger: this.#logger(hostname),
      engine,
      transport: link.sessions.agent(),
      hostname,
      life: this.#life.of(hostname),
      ...(this.#seams.withoutGuard !== true && { fenceGuard }),
      ...(runtime !== undefined && { wrapRuntime: runtime }),
      ...(disk !== undefined && { wrapDisk: disk }),
      onBroken: (error) => checkers.report('process broke', `${hostname}: ${error.stack}`),
    });
    return { hostname, link, engine, node, clock: ownClock };
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

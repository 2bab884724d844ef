import type { AgentDisk } from '../src/host/agent-disk.ts';
import type { ContainerRuntime } from '../src/host/container-runtime.ts';
import type { Logger } from '../src/host/logger.ts';
import type { StoreEngine } from '../src/host/store-engine.ts';
import type { AgentTransport } from '../src/host/transport.ts';
import { TuttiError } from '../src/lib/error.ts';
import { Prng } from '../src/lib/prng.ts';
import type { ControlPlane } from '../src/manager/control-plane.ts';
import { type Manager, startManager } from '../src/manager/manager.ts';
import type { Rounds } from '../src/manager/round.ts';
import { SimulatedAuthority } from './authority.ts';
import { Checkers } from './checkers.ts';
import { VirtualClock } from './clock.ts';
import { SimulatedDisk } from './disk.ts';
import { Life } from './life.ts';
import { MemoryEngine } from './memory-engine.ts';
import { SimulatedNode } from './node.ts';
import { SimulatedRuntime } from './runtime.ts';
import { SimulatedTransport } from './transport.ts';

const startAt = Date.UTC(2026, 0, 1);
const dicePerWorld = 16;
/** From a transaction for each single step to the planner's own: what a crash falls between. */
const stepLimits: readonly number[] = [500, 1, 3, 20];

/** Where a fault can be planted: each stands between two real parts. */
export interface Seams {
  readonly engine?: (engine: StoreEngine, world: World) => StoreEngine;
  readonly rounds?: (rounds: Rounds, world: World) => Rounds;
  readonly runtime?: (runtime: ContainerRuntime, world: World) => ContainerRuntime;
  readonly transport?: (transport: AgentTransport, world: World) => AgentTransport;
  readonly disk?: (disk: AgentDisk, world: World) => AgentDisk;
}

export type Tell = (line: string) => void;

/**
 * The real store, loops, manager and agent in one process, on a simulated disk, link and container
 * engine, with virtual time. The same seed gives the same world.
 */
export class World {
  readonly clock = new VirtualClock(startAt);
  readonly disk = new SimulatedDisk();
  readonly faults = { failChance: 0, unknownChance: 0, maxLatencyMs: 5 };
  readonly checkers = new Checkers(() => this.clock.now());
  readonly transport: SimulatedTransport;
  readonly engine: SimulatedRuntime;
  readonly node: SimulatedNode;
  readonly #seed: number;
  readonly #seams: Seams;
  readonly #tell: Tell;
  #process: { readonly life: Life; readonly engine: MemoryEngine } | undefined;
  #manager: Manager | undefined;
  readonly #managerDice: Prng;

  constructor(seed: number, options: { readonly seams?: Seams; readonly tell?: Tell } = {}) {
    this.#seed = seed;
    this.#seams = options.seams ?? {};
    this.#tell = options.tell ?? (() => undefined);
    const { clock, checkers } = this;
    this.#managerDice = this.dice(1);
    const model = { minimumDelayMs: 0, maximumDelayMs: 10 };
    this.transport = new SimulatedTransport({ clock, dice: this.dice(2), model });
    this.engine = new SimulatedRuntime({ clock, dice: this.dice(3), watcher: checkers });
    const agentTransport = this.transport.agent();
    this.node = new SimulatedNode({
      clock,
      dice: this.dice(4),
      logger: this.logger('agent'),
      engine: this.engine,
      transport: this.#seams.transport?.(agentTransport, this) ?? agentTransport,
      wrapRuntime: (runtime) => this.#seams.runtime?.(runtime, this) ?? runtime,
      wrapDisk: (disk) => this.#seams.disk?.(disk, this) ?? disk,
      onBroken: (error) => checkers.report('process broke', `agent: ${error.stack}`),
    });
  }

  /** Dice of their own for each part, so that one part's throws do not shift another's. */
  dice(part: number): Prng {
    return new Prng(this.#seed * dicePerWorld + part);
  }

  /** What the manager offers, while there is one. */
  get control(): ControlPlane | undefined {
    return this.#manager?.controlPlane;
  }

  /** Whether a manager runs, or is on its way. */
  get hasManager(): boolean {
    return this.#process !== undefined;
  }

  async startManager(): Promise<void> {
    if (this.#process !== undefined) return;
    const { clock, disk, faults, checkers } = this;
    const dice = this.#managerDice;
    const life = new Life();
    const memory = new MemoryEngine(disk, { clock, dice, faults });
    const process = { life, engine: memory };
    this.#process = process;
    try {
      const manager = await startManager({
        engine: this.#seams.engine?.(memory, this) ?? memory,
        clock: life.clock(clock),
        random: { bytes: (count) => dice.bytes(count), fraction: () => dice.fraction() },
        authority: new SimulatedAuthority((count) => dice.bytes(count)),
        logger: this.logger('manager'),
        store: { freezeRows: true },
        stepLimit: stepLimits[this.#seed % stepLimits.length] ?? 1,
        wrapRounds: (rounds) => this.#seams.rounds?.(rounds, this) ?? rounds,
      });
      if (this.#process !== process) return;
      this.#manager = manager;
      const { controlPlane } = manager;
      checkers.opened(controlPlane.view);
      controlPlane.onCommit((commit) => {
        if (!life.isOver) checkers.committed(commit, controlPlane);
      });
      controlPlane.onObserved((taskId) => {
        if (!life.isOver) checkers.observed(taskId, controlPlane);
      });
      this.transport.serve(manager.handler);
    } catch (error) {
      if (this.#process !== process) return;
      this.#process = undefined;
      // A full disk lets no manager start: it is tried again.
      this.#tell(`the manager did not start: ${TuttiError.from(error).message}`);
    }
  }

  /** The manager is killed; with `power`, what its disk had not synced may be lost or torn. */
  killManager({ power }: { readonly power: boolean }): void {
    this.#process?.life.kill();
    this.#process?.engine.crash();
    if (power) this.#tell(`the tail of the log is ${this.disk.crash(this.#managerDice)}`);
    this.transport.stop();
    this.#process = undefined;
    this.#manager = undefined;
  }

  async stopManager(): Promise<void> {
    const manager = this.#manager;
    if (manager === undefined) return;
    this.transport.stop();
    await manager.stop();
    if (this.#manager !== manager) return;
    this.#process?.life.kill();
    this.#process = undefined;
    this.#manager = undefined;
  }

  /** After the last step: nobody runs on. */
  end(): void {
    this.killManager({ power: false });
    this.node.killAgent();
  }

  logger(who: string): Logger {
    const write =
      (level: string) =>
      (message: string, fields: Readonly<Record<string, unknown>> = {}): void => {
        this.#tell(`> ${who} ${level}: ${message} ${JSON.stringify(fields)}`);
        if (level !== 'error' || expectedErrors.has(message)) return;
        const text = `${who}: ${message} ${JSON.stringify(fields)}`;
        this.checkers.report('process broke', text);
      };
    return {
      debug: write('debug'),
      info: write('info'),
      warn: write('warn'),
      error: write('error'),
    };
  }
}

/** What may be logged as an error while faults happen. */
const expectedErrors: ReadonlySet<string> = new Set([
  'the store could not be loaded again',
  'the store could not commit',
]);

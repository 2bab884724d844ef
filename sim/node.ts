import { Agent } from '../src/agent/agent.ts';
import type { AttachedContainers } from '../src/agent/attached-containers.ts';
import type { AgentDisk, AgentState } from '../src/host/agent-disk.ts';
import type { Clock } from '../src/host/clock.ts';
import type { ContainerRuntime } from '../src/host/container-runtime.ts';
import type { FenceGuard, FenceHold } from '../src/host/fence-guard.ts';
import type { LifeTransport } from '../src/host/life.ts';
import type { Logger } from '../src/host/logger.ts';
import type { DiscoveryView, NodeNetwork } from '../src/host/node-network.ts';
import type { TaskFile, TaskFiles } from '../src/host/task-files.ts';
import type { AgentTransport } from '../src/host/transport.ts';
import { TuttiError } from '../src/lib/error.ts';
import type { Prng } from '../src/lib/prng.ts';
import type { SimulatedFenceGuard } from './fence-guard.ts';
import { Life } from './life.ts';
import type { SimulatedRuntime } from './runtime.ts';
import { smallMachine } from './scripted-agent.ts';

const networkLabel = 'sim.network';

export interface NodeOptions {
  readonly clock: Clock;
  /** Never runs slower than time, and never back. Absent: `clock`. */
  readonly leaseClock?: Clock;
  readonly dice: Prng;
  readonly logger: Logger;
  readonly engine: SimulatedRuntime;
  readonly transport: AgentTransport;
  /** Absent: the machine's name is `vm`, and the session alone says that it lives. */
  readonly hostname?: string;
  readonly life?: LifeTransport;
  readonly fenceGuard?: SimulatedFenceGuard;
  /** Of a node that is in a cluster already. */
  readonly nodeId?: string;
  /** Stands between the agent and the engine where a fault is planted. */
  readonly wrapRuntime?: (runtime: ContainerRuntime) => ContainerRuntime;
  readonly wrapDisk?: (disk: AgentDisk) => AgentDisk;
  readonly onBroken: (error: TuttiError) => void;
}

/** One machine: a simulated engine, disk, files and networks, and the real agent on them. */
export class SimulatedNode {
  readonly files = new Map<string, readonly TaskFile[]>();
  readonly #options: NodeOptions;
  /** What is saved is never changed, so that it becomes text only where it is read. */
  #saved: AgentState | undefined;
  #process:
    | { readonly life: Life; readonly stop: AbortController; readonly agent: Agent }
    | undefined;

  constructor(options: NodeOptions) {
    this.#options = options;
  }

  get isUp(): boolean {
    return this.#process !== undefined;
  }

  /** Containers that are no tasks, as the agent that lives now keeps them. */
  get attached(): AttachedContainers | undefined {
    return this.#process?.agent.attached;
  }

  /** What a person who has looked at this machine says; returns how many tasks were kept. */
  acceptRemovals(): number {
    return this.#process?.agent.acceptRemovals() ?? 0;
  }

  startAgent(): void {
    const { dice, logger, engine, transport } = this.#options;
    const life = new Life();
    const stop = new AbortController();
    const clock = life.clock(this.#options.clock);
    const disk = this.#disk(life);
    const { leaseClock } = this.#options;
    const agent = new Agent({
      clock,
      ...(leaseClock !== undefined && { leaseClock: life.clock(leaseClock) }),
      logger,
      random: { bytes: (count) => dice.bytes(count), fraction: () => dice.fraction() },
      runtime: this.#options.wrapRuntime?.(engine) ?? engine,
      network: this.#network(life),
      files: this.#taskFiles(life),
      disk: this.#options.wrapDisk?.(disk) ?? disk,
      transport: whileAlive(transport, stop.signal),
      ...(this.#options.life !== undefined && { life: this.#options.life }),
      ...this.#guard(life),
      ...(this.#options.nodeId !== undefined && { nodeId: this.#options.nodeId }),
      describe: async (signal) => {
        await engine.info(signal);
        return { ...smallMachine, hostname: this.#options.hostname ?? smallMachine.hostname };
      },
    });
    this.#process = { life, stop, agent };
    if (this.#options.fenceGuard !== undefined) this.#options.fenceGuard.hasDaemon = true;
    agent.run(stop.signal).then(
      () => {
        if (!stop.signal.aborted) {
          this.#options.onBroken(new TuttiError('internal', 'the agent ended by itself'));
        }
      },
      (error: unknown) => {
        if (!stop.signal.aborted) this.#options.onBroken(TuttiError.from(error));
      },
    );
  }

  /** The agent is killed; containers, files and what it saved stay. */
  killAgent(): void {
    this.#process?.life.kill();
    this.#process?.stop.abort(new TuttiError('cancelled', 'the agent was killed'));
    this.#process = undefined;
    if (this.#options.fenceGuard !== undefined) this.#options.fenceGuard.hasDaemon = false;
  }

  /** The machine has no power: its guard is gone, too. */
  endGuard(): void {
    this.#options.fenceGuard?.end();
  }

  #guard(life: Life): { readonly fenceGuard?: FenceGuard } {
    const { fenceGuard } = this.#options;
    if (fenceGuard === undefined) return {};
    const hold = async (what: FenceHold): Promise<boolean> =>
      await life.hold(async () => await fenceGuard.hold(what));
    return { fenceGuard: { now: () => fenceGuard.now(), hold } };
  }

  #disk(life: Life): AgentDisk {
    const { clock, dice } = this.#options;
    return {
      load: async () =>
        this.#saved === undefined
          ? undefined
          : (JSON.parse(JSON.stringify(this.#saved)) as AgentState),
      save: async (state) => {
        await life.hold(async () => {
          await clock.sleep(dice.below(5));
          if (!life.isOver) this.#saved = state;
        });
      },
    };
  }

  #taskFiles(life: Life): TaskFiles {
    return {
      write: async (taskId, files) =>
        await life.hold(async () => {
          this.files.set(taskId, files);
          return new Map(files.map(({ name }) => [name, `/run/sim/${taskId}/${name}`]));
        }),
      remove: async (taskId) => {
        await life.hold(async () => {
          this.files.delete(taskId);
        });
      },
      list: async () => await life.hold(async () => [...this.files.keys()]),
    };
  }

  #network(life: Life): NodeNetwork {
    const { engine } = this.#options;
    const remove = (isWanted: (name: string) => boolean): void => {
      for (const name of engine.networks.keys()) {
        if (!isWanted(name) && !engine.isInUse(name)) engine.networks.delete(name);
      }
    };
    return {
      ensure: async (network) =>
        await life.hold(async () => {
          const { name } = network;
          const labels = { [networkLabel]: network.networkId };
          if (!engine.networks.has(name)) engine.networks.set(name, { id: name, name, labels });
          return name;
        }),
      resolvConf: () => 'nameserver 192.0.2.53\n',
      apply: async (view: DiscoveryView) => {
        await life.hold(async () => {
          await this.#options.clock.sleep(this.#options.dice.below(5));
          if (life.isOver) return;
          const names = new Set([...view.networks.values()].map(({ name }) => name));
          remove((name) => names.has(name));
        });
      },
      recheck: async () => undefined,
      recheckNetworks: async () => undefined,
      removeStrangers: async () => undefined,
      choosePort: async () => 61_000,
      shown: async () => undefined,
      refusedPort: () => undefined,
      portProblems: () => [],
      explain: (name) => ({ subject: name, lines: [] }),
      explainPort: (port) => ({ subject: port, lines: [] }),
      examine: async () => undefined,
      removeAll: async () => {
        await life.hold(async () => remove(() => false));
      },
    };
  }
}

/** A process that is killed says nothing more: its links break. */
function whileAlive(transport: AgentTransport, killed: AbortSignal): AgentTransport {
  const both = (signal: AbortSignal): AbortSignal => AbortSignal.any([signal, killed]);
  return {
    ...transport,
    openSession: async (signal) => await transport.openSession(both(signal)),
    openLogs: async (requestId, signal) => await transport.openLogs(requestId, both(signal)),
  };
}

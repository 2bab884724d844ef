import { Agent } from '../src/agent/agent.ts';
import type { AgentDisk, AgentState } from '../src/host/agent-disk.ts';
import type { Clock } from '../src/host/clock.ts';
import type { ContainerRuntime } from '../src/host/container-runtime.ts';
import type { LifeTransport } from '../src/host/life.ts';
import type { Logger } from '../src/host/logger.ts';
import type { DiscoveryView, NodeNetwork } from '../src/host/node-network.ts';
import type { TaskFile, TaskFiles } from '../src/host/task-files.ts';
import type { AgentTransport } from '../src/host/transport.ts';
import { TuttiError } from '../src/lib/error.ts';
import type { Prng } from '../src/lib/prng.ts';
import { Life } from './life.ts';
import type { SimulatedRuntime } from './runtime.ts';
import { smallMachine } from './scripted-agent.ts';

const networkLabel = 'sim.network';

export interface NodeOptions {
  readonly clock: Clock;
  readonly dice: Prng;
  readonly logger: Logger;
  readonly engine: SimulatedRuntime;
  readonly transport: AgentTransport;
  /** Absent: the machine's name is `vm`, and the session alone says that it lives. */
  readonly hostname?: string;
  readonly life?: LifeTransport;
  /** Stands between the agent and the engine where a fault is planted. */
  readonly wrapRuntime?: (runtime: ContainerRuntime) => ContainerRuntime;
  readonly wrapDisk?: (disk: AgentDisk) => AgentDisk;
  readonly onBroken: (error: TuttiError) => void;
}

/** One machine: a simulated engine, disk, files and networks, and the real agent on them. */
export class SimulatedNode {
  readonly files = new Map<string, readonly TaskFile[]>();
  readonly #options: NodeOptions;
  #saved: string | undefined;
  #process: { readonly life: Life; readonly stop: AbortController } | undefined;

  constructor(options: NodeOptions) {
    this.#options = options;
  }

  get isUp(): boolean {
    return this.#process !== undefined;
  }

  startAgent(): void {
    const { dice, logger, engine, transport } = this.#options;
    const life = new Life();
    const stop = new AbortController();
    const clock = life.clock(this.#options.clock);
    const disk = this.#disk(life);
    const agent = new Agent({
      clock,
      logger,
      random: { bytes: (count) => dice.bytes(count), fraction: () => dice.fraction() },
      runtime: this.#options.wrapRuntime?.(engine) ?? engine,
      network: this.#network(life),
      files: this.#taskFiles(life),
      disk: this.#options.wrapDisk?.(disk) ?? disk,
      transport,
      ...(this.#options.life !== undefined && { life: this.#options.life }),
      describe: async (signal) => {
        await engine.info(signal);
        return { ...smallMachine, hostname: this.#options.hostname ?? smallMachine.hostname };
      },
    });
    this.#process = { life, stop };
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
  }

  #disk(life: Life): AgentDisk {
    const { clock, dice } = this.#options;
    return {
      load: async () =>
        this.#saved === undefined ? undefined : (JSON.parse(this.#saved) as AgentState),
      save: async (state) => {
        const text = JSON.stringify(state);
        await life.hold(async () => {
          await clock.sleep(dice.below(5));
          if (!life.isOver) this.#saved = text;
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
      refusedPort: () => undefined,
      portProblems: () => [],
      explain: (name) => ({ subject: name, lines: [] }),
      removeAll: async () => {
        await life.hold(async () => remove(() => false));
      },
    };
  }
}

import type { Logger } from '../src/host/logger.ts';
import { TuttiError } from '../src/lib/error.ts';
import { Prng } from '../src/lib/prng.ts';
import type { ControlPlane, InitCluster } from '../src/manager/control-plane.ts';
import { type Manager, type ManagerOptions, startManager } from '../src/manager/manager.ts';
import { clusterDefaults } from '../src/model/cluster.ts';
import type { NodeDescription } from '../src/model/node.ts';
import type { Service, ServiceDeclaration, ServiceSpec } from '../src/model/service.ts';
import type { Task } from '../src/model/task.ts';
import type { ContainerSpec, TaskTemplateSpec } from '../src/model/template.ts';
import type { Commit } from '../src/store/view.ts';
import { SimulatedAuthority } from './authority.ts';
import { VirtualClock } from './clock.ts';
import { SimulatedDisk } from './disk.ts';
import { MemoryEngine } from './memory-engine.ts';
import { ScriptedAgent, smallMachine } from './scripted-agent.ts';
import { SimulatedTransport } from './transport.ts';

const beatPeriodMs = 5_000;
const startAt = Date.UTC(2026, 0, 1);

/** What was logged, so that a script can say what it expects of the log. */
export interface LogLine {
  readonly level: 'debug' | 'info' | 'warn' | 'error';
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

export const initRequest: InitCluster = {
  advertiseAddress: '192.0.2.1',
  defaultAddressPools: [],
  subnetPrefixLength: 24,
  dataPathPort: 0,
  spec: clusterDefaults,
  availability: 'active',
  forceNewCluster: false,
};

/** A real manager on a simulated disk and link, with virtual time and scripted agents. */
export class ManagerWorld {
  readonly clock = new VirtualClock(startAt);
  readonly disk = new SimulatedDisk();
  readonly dice: Prng;
  readonly transport: SimulatedTransport;
  readonly log: LogLine[] = [];
  readonly commits: Commit[] = [];
  /** How the store engine misbehaves; may be changed at any time. */
  readonly faults = { failChance: 0, unknownChance: 0 };
  readonly #options: Partial<ManagerOptions>;
  readonly agents: ScriptedAgent[] = [];
  #manager: Manager | undefined;
  #engine: MemoryEngine | undefined;

  private constructor(options: Partial<ManagerOptions>) {
    this.#options = options;
    this.dice = new Prng(1);
    this.transport = new SimulatedTransport({ clock: this.clock, dice: this.dice });
  }

  /** A manager without a cluster. */
  static async start(options: Partial<ManagerOptions> = {}): Promise<ManagerWorld> {
    const world = new ManagerWorld(options);
    await world.startManager();
    return world;
  }

  /** A manager, its cluster, and one agent that does what it is told. */
  static async withCluster(
    options: Partial<ManagerOptions> = {},
  ): Promise<{ readonly world: ManagerWorld; readonly agent: ScriptedAgent }> {
    const world = await ManagerWorld.start(options);
    const agent = world.agent('node-1');
    await agent.connect();
    await world.settle();
    await world.control.initCluster(initRequest);
    await world.settle();
    world.commits.length = 0;
    return { world, agent };
  }

  get control(): ControlPlane {
    if (this.#manager === undefined) throw new TuttiError('unavailable', 'the manager is down');
    return this.#manager.controlPlane;
  }

  async startManager(): Promise<void> {
    const { clock, dice, disk, faults } = this;
    const engine = new MemoryEngine(disk, { clock, dice, faults });
    this.#engine = engine;
    const random = {
      bytes: (count: number) => dice.bytes(count),
      fraction: () => dice.fraction(),
    };
    this.#manager = await startManager({
      engine,
      clock,
      random,
      authority: new SimulatedAuthority(random.bytes),
      logger: this.logger(),
      store: { freezeRows: true },
      ...this.#options,
    });
    this.#manager.controlPlane.onCommit((commit) => this.commits.push(commit));
    this.transport.serve(this.#manager.handler);
  }

  /** Kills the manager: no farewell, and what was in flight may be lost. */
  crashManager(): void {
    this.#engine?.crash();
    this.transport.stop();
    this.#manager = undefined;
  }

  async stopManager(): Promise<void> {
    const manager = this.#manager;
    this.transport.stop();
    this.#manager = undefined;
    await manager?.stop();
  }

  agent(nodeId: string, description: Partial<NodeDescription> = {}): ScriptedAgent {
    const agent = new ScriptedAgent({
      nodeId,
      transport: this.transport.agent(),
      now: () => this.clock.now(),
      description: { ...smallMachine, ...description },
    });
    this.agents.push(agent);
    return agent;
  }

  /** Lets everything happen that needs no time. */
  async settle(): Promise<void> {
    for (let turn = 0; turn < 3; turn += 1) {
      await this.clock.settle();
      await this.#manager?.idle();
    }
  }

  /** Lets time pass; agents that are connected say now and then that they live. */
  async pass(durationMs: number): Promise<void> {
    const until = this.clock.now() + durationMs;
    while (this.clock.now() < until) {
      for (const agent of this.agents) if (!agent.silent) await agent.beat();
      await this.clock.advance(Math.min(beatPeriodMs, until - this.clock.now()));
    }
    await this.settle();
  }

  /** Tasks of a service that are wanted, by slot. */
  liveTasks(service: Service): readonly Task[] {
    const live = [...this.control.view.tasks.by('live', service.id)];
    return live.toSorted((left, right) => left.slot - right.slot);
  }

  /** Writes to `log`. */
  logger(): Logger {
    const write =
      (level: LogLine['level']) =>
      (message: string, fields: Readonly<Record<string, unknown>> = {}): void => {
        this.log.push({ level, message, fields });
      };
    return {
      debug: write('debug'),
      info: write('info'),
      warn: write('warn'),
      error: write('error'),
    };
  }
}

interface DeclarationParts {
  readonly spec?: Partial<ServiceSpec>;
  readonly template?: Partial<TaskTemplateSpec>;
  readonly container?: Partial<ContainerSpec>;
}

/**
 * The declaration of a replicated service with one container; parts that are given replace its own.
 */
export function declare(
  name: string,
  replicas: number,
  parts: DeclarationParts = {},
): ServiceDeclaration {
  return {
    spec: {
      name,
      labels: {},
      mode: { kind: 'replicated', replicas },
      endpointMode: 'vip',
      ports: [],
      placement: { constraints: [], preferences: [], maxReplicasPerNode: 0, platforms: [] },
      dependsOn: [],
      ...parts.spec,
    },
    template: {
      containers: [{ ...plainContainer, ...parts.container }],
      networks: [],
      hostPorts: [],
      forceUpdate: 0,
      ...parts.template,
    },
  };
}

export const plainContainer: ContainerSpec = {
  name: 'main',
  image: 'bb:1',
  labels: {},
  env: [],
  groups: [],
  tty: false,
  openStdin: false,
  readOnly: false,
  hosts: [],
  dns: { nameservers: [], search: [], options: [] },
  mounts: [],
  secrets: [],
  configs: [],
  sysctls: {},
  capabilityAdd: [],
  capabilityDrop: [],
  ulimits: [],
  limits: {},
  reservations: {},
};

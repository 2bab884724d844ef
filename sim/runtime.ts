import type { Clock } from '../src/host/clock.ts';
import type {
  ContainerRuntime,
  CreateContainer,
  CreateRuntimeNetwork,
  RuntimeContainer,
  RuntimeEndpoint,
  RuntimeEvent,
  RuntimeInfo,
  RuntimeNetwork,
} from '../src/host/container-runtime.ts';
import { BoundedQueue } from '../src/lib/bounded-queue.ts';
import { TuttiError } from '../src/lib/error.ts';
import type { Prng } from '../src/lib/prng.ts';
import type { LogFrame } from '../src/model/log.ts';
import type { Health } from '../src/model/task.ts';
import { type Conduct, drawConduct } from './conduct.ts';

const reconnectMs = 250;
const eventsHeld = 100_000;

/** A container as the simulated engine keeps it. */
export interface SimulatedContainer {
  readonly id: string;
  readonly request: CreateContainer;
  state: 'created' | 'running' | 'exited';
  health: Health;
  conduct: Conduct | undefined;
  pid: number | undefined;
  exitCode: number | undefined;
  outOfMemory: boolean;
  error: string | undefined;
  /** Rises with each start and stop: what an earlier life planned does not happen. */
  life: number;
}

/** Told of what happens in the engine, at the moment it happens. */
export interface EngineWatcher {
  created(container: SimulatedContainer): void;
  started(container: SimulatedContainer): void;
}

/** How calls misbehave. All chances are for each call. */
interface CallFaults {
  maxLatencyMs: number;
  /** The call is refused for no good reason; nothing happened. */
  failChance: number;
  /** The call is carried out, and its answer gets lost. */
  lostAnswerChance: number;
}

/** A container engine in memory, whose containers do what their image's name says. */
export class SimulatedRuntime implements ContainerRuntime {
  readonly containers = new Map<string, SimulatedContainer>();
  readonly networks = new Map<string, RuntimeNetwork>();
  readonly faults: CallFaults = { maxLatencyMs: 20, failChance: 0, lostAnswerChance: 0 };
  /** Images exist and containers do not fail by themselves any more. */
  calm = false;
  readonly #clock: Clock;
  readonly #dice: Prng;
  readonly #watcher: EngineWatcher;
  readonly #idPrefix: string;
  readonly #images = new Set<string>();
  readonly #followers = new Set<BoundedQueue<RuntimeEvent>>();
  /** Rises with each stop of the engine. */
  #boot = 0;
  #isUp = true;
  #made = 0;

  constructor(options: {
    readonly clock: Clock;
    readonly dice: Prng;
    readonly watcher: EngineWatcher;
    /** Tells the containers of several engines apart. */
    readonly idPrefix?: string;
  }) {
    this.#idPrefix = options.idPrefix ?? 'c';
    this.#clock = options.clock;
    this.#dice = options.dice;
    this.#watcher = options.watcher;
  }

  get isUp(): boolean {
    return this.#isUp;
  }

  /** The engine goes down; without live-restore its containers stop with it. */
  stop(options: { readonly liveRestore: boolean }): void {
    this.#isUp = false;
    this.#boot += 1;
    for (const follower of this.#followers) follower.fail(down());
    this.#followers.clear();
    if (options.liveRestore) return;
    for (const container of this.containers.values()) this.#exit(container, { code: 137 });
  }

  /** The engine comes back; it has to find out anew how healthy its containers are. */
  start(): void {
    this.#isUp = true;
    for (const container of this.containers.values()) {
      if (container.state !== 'running' || container.health !== 'healthy') continue;
      container.health = 'starting';
      void this.#becomeHealthy(container, { afterMs: this.#dice.below(2_000), to: 'healthy' });
    }
  }

  async info(signal: AbortSignal): Promise<RuntimeInfo> {
    return await this.#call(signal, () => ({
      version: '20.10.24',
      apiVersion: '1.41',
      hostname: 'vm',
      os: 'linux',
      architecture: 'x86_64',
      cpus: 8,
      memoryBytes: 16 * 1024 ** 3,
      labels: {},
      plugins: [],
    }));
  }

  async findImage(reference: string, signal: AbortSignal): Promise<string | undefined> {
    return await this.#call(signal, () =>
      this.#images.has(reference) ? `sha256:${reference}` : undefined,
    );
  }

  async pullImage(
    reference: string,
    { signal }: { readonly registryAuth?: string; readonly signal: AbortSignal },
  ): Promise<void> {
    await this.#clock.sleep(this.#dice.below(1_500), signal);
    await this.#call(signal, () => {
      if (reference.startsWith('missing') && !this.calm) {
        throw new TuttiError('not-found', `manifest for ${reference} not found`);
      }
      this.#images.add(reference);
    });
  }

  async createContainer(request: CreateContainer, signal: AbortSignal): Promise<string> {
    return await this.#call(signal, () => {
      this.#refuseCreate(request);
      this.#made += 1;
      const container: SimulatedContainer = {
        id: `${this.#idPrefix}${String(this.#made).padStart(5, '0')}`,
        request,
        state: 'created',
        health: 'none',
        conduct: undefined,
        pid: undefined,
        exitCode: undefined,
        outOfMemory: false,
        error: undefined,
        life: 0,
      };
      this.containers.set(container.id, container);
      this.#watcher.created(container);
      this.#tell(container);
      return container.id;
    });
  }

  async startContainer(containerId: string, signal: AbortSignal): Promise<void> {
    const conduct = drawConduct(this.#find(containerId)?.request.spec.image ?? '', this.#dice);
    await this.#clock.sleep(conduct.startMs, signal);
    await this.#call(signal, () => {
      const container = this.#find(containerId);
      if (container === undefined) throw noSuchContainer(containerId);
      if (container.state === 'running') return;
      this.#start(container, conduct);
    });
  }

  async stopContainer(
    containerId: string,
    options: { readonly graceMs: number; readonly signal: AbortSignal },
  ): Promise<void> {
    const container = this.#find(containerId);
    const stopMs = container?.conduct?.stopMs ?? options.graceMs;
    const waitMs = container?.state === 'running' ? Math.min(stopMs, options.graceMs) : 0;
    await this.#call(options.signal, () => undefined);
    // The engine goes on stopping it, whether or not the caller still waits.
    const life = container?.life;
    const boot = this.#boot;
    await this.#clock.sleep(waitMs);
    if (boot !== this.#boot) throw down();
    if (container?.state === 'running' && container.life === life) {
      this.#exit(container, { code: container.conduct?.stopMs === undefined ? 137 : 0 });
    }
    await this.#call(options.signal, () => undefined);
  }

  async killContainer(containerId: string, signal: AbortSignal): Promise<void> {
    await this.#call(signal, () => {
      const container = this.#find(containerId);
      if (container !== undefined) this.#exit(container, { code: 137 });
    });
  }

  /** Takes no dice either. */
  async leadOut(): Promise<void> {
    if (!this.#isUp) throw down();
  }

  async resumeHealthCheck(_containerId: string, signal: AbortSignal): Promise<void> {
    await this.#call(signal, () => undefined);
  }

  async endLostProcesses(): Promise<boolean> {
    return false;
  }

  async removeContainer(containerId: string, signal: AbortSignal): Promise<void> {
    await this.#call(signal, () => {
      const container = this.#find(containerId);
      if (container === undefined) return;
      this.#exit(container, { code: 137 });
      this.containers.delete(container.id);
      this.#tell(container);
    });
  }

  async inspectContainer(
    containerId: string,
    signal: AbortSignal,
  ): Promise<RuntimeContainer | undefined> {
    return await this.#call(signal, () => {
      const container = this.#find(containerId);
      return container === undefined ? undefined : shown(container);
    });
  }

  async listContainers(label: string, signal: AbortSignal): Promise<readonly RuntimeContainer[]> {
    const [key = '', value] = label.split('=');
    return await this.#call(signal, () =>
      [...this.containers.values()]
        .filter(({ request: { labels } }) => {
          const held = labels[key];
          return held !== undefined && (value === undefined || held === value);
        })
        .map(shown),
    );
  }

  /** Takes no dice: worlds without such containers go on as they always did. */
  async listEndpoints({
    networkNames,
    exceptLabel,
  }: Parameters<ContainerRuntime['listEndpoints']>[0]): Promise<readonly RuntimeEndpoint[]> {
    if (!this.#isUp) throw down();
    return [...this.containers.values()]
      .filter(({ request }) => request.labels[exceptLabel] === undefined)
      .flatMap(({ id, request: { name, endpoints }, state }) =>
        endpoints.flatMap(({ networkName, address }) =>
          address === undefined || !networkNames.includes(networkName)
            ? []
            : {
                networkName,
                containerId: id,
                name,
                address,
                aliases: [],
                running: state === 'running',
              },
        ),
      );
  }

  async createNetwork(request: CreateRuntimeNetwork, signal: AbortSignal): Promise<RuntimeNetwork> {
    return await this.#call(signal, () => {
      const network = { id: `n-${request.name}`, name: request.name, labels: request.labels };
      this.networks.set(request.name, network);
      return network;
    });
  }

  async listNetworks(label: string, signal: AbortSignal): Promise<readonly RuntimeNetwork[]> {
    return await this.#call(signal, () =>
      [...this.networks.values()].filter((network) => network.labels[label] !== undefined),
    );
  }

  async removeNetwork(name: string, signal: AbortSignal): Promise<void> {
    await this.#call(signal, () => {
      if (this.isInUse(name)) throw new TuttiError('conflict', `network ${name} is in use`);
      this.networks.delete(name);
    });
  }

  async disconnect(networkName: string, containerId: string, signal: AbortSignal): Promise<void> {
    await this.#call(signal, () => {
      const container = this.#find(containerId);
      if (container === undefined) return;
      const endpoints = container.request.endpoints.filter(
        (one) => one.networkName !== networkName,
      );
      const request = { ...container.request, endpoints };
      this.containers.set(containerId, { ...container, request });
    });
  }

  /** Whether any container, stopped ones too, is on the network. */
  isInUse(networkName: string): boolean {
    return [...this.containers.values()].some(({ request }) =>
      request.endpoints.some((endpoint) => endpoint.networkName === networkName),
    );
  }

  async *logs(): AsyncGenerator<LogFrame> {
    // Simulated containers say nothing.
  }

  async *events(signal: AbortSignal): AsyncGenerator<RuntimeEvent> {
    while (!signal.aborted) {
      if (this.#isUp) yield* this.#follow(signal);
      await this.#clock.sleep(reconnectMs, signal).catch(() => undefined);
    }
  }

  async *#follow(signal: AbortSignal): AsyncGenerator<RuntimeEvent> {
    const queue = new BoundedQueue<RuntimeEvent>(eventsHeld);
    const onAbort = (): void => queue.close();
    signal.addEventListener('abort', onAbort, { once: true });
    this.#followers.add(queue);
    try {
      yield { kind: 'reset' };
      for await (const event of queue) yield event;
    } catch (error) {
      if (TuttiError.from(error).code !== 'unavailable') throw error;
    } finally {
      signal.removeEventListener('abort', onAbort);
      this.#followers.delete(queue);
    }
  }

  async #call<T>(signal: AbortSignal, work: () => T): Promise<T> {
    const { maxLatencyMs, failChance, lostAnswerChance } = this.faults;
    const boot = this.#boot;
    const latencyMs = this.#dice.below(maxLatencyMs + 1);
    const isFailing = this.#dice.chance(failChance);
    const isLost = this.#dice.chance(lostAnswerChance);
    await this.#clock.sleep(latencyMs, signal);
    if (!this.#isUp || boot !== this.#boot) throw down();
    if (isFailing) throw new TuttiError('internal', 'the simulated engine refused this once');
    const result = work();
    await this.#clock.sleep(latencyMs, signal);
    if (isLost || boot !== this.#boot) throw down();
    return result;
  }

  #refuseCreate(request: CreateContainer): void {
    const taken = [...this.containers.values()].some(
      ({ request: { name } }) => name === request.name,
    );
    if (taken) throw new TuttiError('conflict', `the name ${request.name} is in use`);
    for (const { networkName } of request.endpoints) {
      if (this.networks.has(networkName)) continue;
      throw new TuttiError('not-found', `network ${networkName} not found`, { field: 'network' });
    }
  }

  #start(container: SimulatedContainer, conduct: Conduct): void {
    container.life += 1;
    container.conduct = conduct;
    container.state = 'running';
    container.pid = 1_000 + this.#made * 10 + container.life;
    container.exitCode = undefined;
    this.#watcher.started(container);
    if (conduct.healthAfterMs !== undefined) {
      container.health = 'starting';
      const to = conduct.health ?? 'healthy';
      void this.#becomeHealthy(container, { afterMs: conduct.healthAfterMs, to });
    }
    if (conduct.exit !== undefined) void this.#crashLater(container, conduct.exit);
    this.#tell(container);
  }

  async #becomeHealthy(
    container: SimulatedContainer,
    { afterMs, to }: { readonly afterMs: number; readonly to: 'healthy' | 'unhealthy' },
  ): Promise<void> {
    const { life } = container;
    await this.#clock.sleep(afterMs);
    while (!this.#isUp) await this.#clock.sleep(reconnectMs);
    if (container.life !== life || container.state !== 'running') return;
    container.health = this.calm ? 'healthy' : to;
    this.#tell(container);
  }

  async #crashLater(
    container: SimulatedContainer,
    exit: NonNullable<Conduct['exit']>,
  ): Promise<void> {
    const { life } = container;
    await this.#clock.sleep(exit.afterMs);
    if (container.life !== life || this.calm) return;
    this.#exit(container, { code: exit.memory ? 137 : exit.code, memory: exit.memory });
  }

  #exit(
    container: SimulatedContainer,
    end: { readonly code: number; readonly memory?: boolean },
  ): void {
    if (container.state !== 'running') return;
    container.life += 1;
    container.state = 'exited';
    container.pid = undefined;
    container.exitCode = end.code;
    container.outOfMemory = end.memory === true;
    this.#tell(container);
  }

  #find(reference: string): SimulatedContainer | undefined {
    const byId = this.containers.get(reference);
    if (byId !== undefined) return byId;
    return [...this.containers.values()].find(({ request }) => request.name === reference);
  }

  #tell(container: SimulatedContainer): void {
    const { labels } = container.request;
    for (const follower of this.#followers) {
      void follower.push({ kind: 'container', containerId: container.id, labels });
    }
  }
}

function shown(container: SimulatedContainer): RuntimeContainer {
  const { id, request, state, pid, exitCode, outOfMemory, error, health } = container;
  return {
    id,
    name: request.name,
    labels: request.labels,
    state,
    outOfMemory,
    health,
    ...(pid !== undefined && { pid }),
    ...(exitCode !== undefined && { exitCode }),
    ...(error !== undefined && { error }),
  };
}

function down(): TuttiError {
  return new TuttiError('unavailable', 'the simulated container engine does not answer');
}

function noSuchContainer(containerId: string): TuttiError {
  return new TuttiError('not-found', `no such container: ${containerId}`);
}

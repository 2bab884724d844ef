import { mkdir } from 'node:fs/promises';
import type { Clock } from '../host/clock.ts';
import type {
  ContainerRuntime,
  CreateContainer,
  CreateRuntimeNetwork,
  RuntimeContainer,
  RuntimeEndpoint,
  RuntimeEvent,
  RuntimeInfo,
  RuntimeNetwork,
} from '../host/container-runtime.ts';
import { TuttiError } from '../lib/error.ts';
import type { LogFrame, LogQuery } from '../model/log.ts';
import { mtuOption } from '../model/network.ts';
import { endLostShims } from './container-shims.ts';
import { type ContainerInspect, endpointsOf, toRuntimeContainer } from './docker-container.ts';
import { createBody, createVersion, endpointConfig } from './docker-create-body.ts';
import { DockerEngineClient } from './docker-engine-client.ts';
import { readLogs } from './docker-logs.ts';
import { toRuntimeInfo, type EngineInfo } from './docker-info.ts';
import { KernelPrograms } from './kernel-programs.ts';

const reconnectMs = 250;
/** A container that is started has joined its networks by then. */
const startingMs = 1_000;
const bridgeOption = 'com.docker.network.bridge.name';
/**
 * What changes a container or a network. Health checks run as `exec`, three events each, which say
 * nothing of the container; the engine takes each of these for the beginning of an event's name.
 */
const toldEvents: readonly string[] = [
  'create',
  'start',
  'restart',
  'stop',
  'die',
  'kill',
  'oom',
  'pause',
  'unpause',
  'health_status',
  'rename',
  'update',
  'destroy',
];

interface ContainerSummary {
  readonly Id: string;
  readonly Labels?: Readonly<Record<string, string>> | null;
}

interface NetworkSummary {
  readonly Id: string;
  readonly EnableIPv6: boolean;
  readonly Name: string;
  readonly Labels?: Readonly<Record<string, string>> | null;
  readonly Options?: Readonly<Record<string, string>> | null;
}

interface NetworkInspect {
  readonly Containers?: Readonly<Record<string, { readonly Name: string }>> | null;
}

interface EngineEvent {
  readonly Type: string;
  readonly Action: string;
  readonly Actor: {
    readonly ID: string;
    readonly Attributes?: Readonly<Record<string, string>>;
  };
}

/** The Docker Engine API (20.10 and newer) as a container runtime. */
export class DockerRuntime implements ContainerRuntime {
  readonly #client: DockerEngineClient;
  readonly #clock: Clock;
  readonly #programs = new KernelPrograms();

  constructor(options: { readonly socketPath: string; readonly clock: Clock }) {
    this.#client = new DockerEngineClient(options.socketPath);
    this.#clock = options.clock;
  }

  close(): void {
    this.#client.close();
  }

  async info(signal: AbortSignal): Promise<RuntimeInfo> {
    const info = await this.#client.call<EngineInfo>({ method: 'GET', path: '/info', signal });
    const { ApiVersion } = await this.#client.call<{ readonly ApiVersion: string }>({
      method: 'GET',
      path: '/version',
      signal,
    });
    return toRuntimeInfo(info, ApiVersion);
  }

  async findImage(reference: string, signal: AbortSignal): Promise<string | undefined> {
    const path = `/images/${encodeURIComponent(reference)}/json`;
    const found = await this.#client.find<{ readonly Id: string }>({ method: 'GET', path, signal });
    return found?.Id;
  }

  async pullImage(
    reference: string,
    options: { readonly registryAuth?: string; readonly signal: AbortSignal },
  ): Promise<void> {
    const { name, tag } = splitReference(reference);
    const query = new URLSearchParams({ fromImage: name, tag });
    const lines = this.#client.lines<{ readonly error?: string }>({
      method: 'POST',
      path: `/images/create?${query.toString()}`,
      signal: options.signal,
      ...(options.registryAuth !== undefined && {
        headers: { 'X-Registry-Auth': options.registryAuth },
      }),
    });
    for await (const line of lines) {
      if (line.error !== undefined) throw new TuttiError('not-found', line.error);
    }
  }

  async createContainer(request: CreateContainer, signal: AbortSignal): Promise<string> {
    for (const mount of request.spec.mounts) {
      if (mount.type === 'bind' && mount.createHostPath === true) {
        await mkdir(mount.source, { recursive: true }).catch((error: unknown) => {
          // A file is as good a source as a directory.
          if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
        });
      }
    }
    const apiVersion = createVersion(request);
    const { Id } = await this.#client
      .call<{ readonly Id: string }>({
        method: 'POST',
        path: `/containers/create?name=${encodeURIComponent(request.name)}`,
        body: createBody(request),
        signal,
        ...(apiVersion !== undefined && { apiVersion }),
      })
      .catch((error: unknown) => {
        throw apiVersion === undefined ? error : explainVersion(error);
      });
    if (request.joinContainerId === undefined) {
      for (const endpoint of request.endpoints.slice(1)) {
        await this.#client.call({
          method: 'POST',
          path: `/networks/${encodeURIComponent(endpoint.networkName)}/connect`,
          body: { Container: Id, EndpointConfig: endpointConfig(endpoint) },
          signal,
        });
      }
    }
    return Id;
  }

  async startContainer(containerId: string, signal: AbortSignal): Promise<void> {
    try {
      await this.#client.call({ method: 'POST', path: `/containers/${containerId}/start`, signal });
    } catch (error) {
      const { message } = TuttiError.from(error);
      if (!message.includes('id already in use')) throw error;
      if (!(await this.endLostProcesses([containerId]))) throw error;
      throw new TuttiError('unavailable', `the container engine cleans up: ${message}`, {
        cause: error,
      });
    }
  }

  async leadOut(containerId: string, networkName: string, signal: AbortSignal): Promise<void> {
    const inspect = await this.#inspect(containerId, signal);
    const gateway = inspect?.NetworkSettings?.Networks?.[networkName]?.Gateway ?? '';
    const pid = inspect?.State.Pid ?? 0;
    if (gateway === '' || pid === 0) return;
    const inside = ['-t', String(pid), '-n', 'ip'];
    const order = ['-4', 'route', 'replace', 'default', 'via', gateway];
    if (await this.#programs.succeeds('nsenter', [...inside, ...order])) return;
    if ((await this.#inspect(containerId, signal))?.State.Pid !== pid) return;
    throw new TuttiError(
      'failed-precondition',
      `the container has no way out by its network ${networkName}: "ip route" failed in it`,
    );
  }

  async endLostProcesses(containerIds: readonly string[]): Promise<boolean> {
    return containerIds.length > 0 && (await endLostShims(containerIds));
  }

  async stopContainer(
    containerId: string,
    options: { readonly graceMs: number; readonly signal: AbortSignal },
  ): Promise<void> {
    const seconds = Math.ceil(options.graceMs / 1_000);
    await this.#client.find({
      method: 'POST',
      path: `/containers/${containerId}/stop?t=${seconds}`,
      signal: options.signal,
    });
  }

  async killContainer(containerId: string, signal: AbortSignal): Promise<void> {
    try {
      await this.#client.find({ method: 'POST', path: `/containers/${containerId}/kill`, signal });
    } catch (error) {
      // The engine's way to say that it does not run.
      if (!(error instanceof TuttiError && error.code === 'conflict')) throw error;
    }
  }

  async resumeHealthCheck(containerId: string, signal: AbortSignal): Promise<void> {
    // The engine begins to check whenever it lets a container go on.
    for (const verb of ['pause', 'unpause']) {
      await this.#client.call({
        method: 'POST',
        path: `/containers/${containerId}/${verb}`,
        signal,
      });
    }
  }

  async removeContainer(containerId: string, signal: AbortSignal): Promise<void> {
    try {
      const path = `/containers/${containerId}?v=1&force=1`;
      await this.#client.find({ method: 'DELETE', path, signal });
    } catch (error) {
      // Somebody else is removing it: it will be gone, which is what was asked for.
      if (!(error instanceof TuttiError && error.code === 'conflict')) throw error;
    }
  }

  async inspectContainer(
    containerId: string,
    signal: AbortSignal,
  ): Promise<RuntimeContainer | undefined> {
    const inspect = await this.#inspect(containerId, signal);
    return inspect === undefined ? undefined : toRuntimeContainer(inspect);
  }

  async listContainers(label: string, signal: AbortSignal): Promise<readonly RuntimeContainer[]> {
    const filters = encodeURIComponent(JSON.stringify({ label: [label] }));
    const path = `/containers/json?all=1&filters=${filters}`;
    const list = await this.#client.call<readonly { readonly Id: string }[]>({
      method: 'GET',
      path,
      signal,
    });
    const found = await Promise.all(list.map((one) => this.inspectContainer(one.Id, signal)));
    return found.filter((container) => container !== undefined);
  }

  async listEndpoints(
    of: { readonly networkNames: readonly string[]; readonly exceptLabel: string },
    signal: AbortSignal,
  ): Promise<readonly RuntimeEndpoint[]> {
    if (of.networkNames.length === 0) return [];
    const filters = encodeURIComponent(JSON.stringify({ network: of.networkNames }));
    const path = `/containers/json?all=1&filters=${filters}`;
    const list = await this.#client.call<readonly ContainerSummary[]>({
      method: 'GET',
      path,
      signal,
    });
    const wanted = list.filter(({ Labels }) => Labels?.[of.exceptLabel] === undefined);
    // Lists say no aliases.
    const found = await Promise.all(wanted.map(({ Id }) => this.#inspect(Id, signal)));
    return found.flatMap((one) => (one === undefined ? [] : endpointsOf(one, of.networkNames)));
  }

  async createNetwork(request: CreateRuntimeNetwork, signal: AbortSignal): Promise<RuntimeNetwork> {
    const { Id } = await this.#client.call<{ readonly Id: string }>({
      method: 'POST',
      path: '/networks/create',
      body: {
        Name: request.name,
        CheckDuplicate: true,
        Driver: 'bridge',
        Internal: request.internal,
        EnableIPv6: request.ipv6 !== undefined,
        Labels: request.labels,
        Options: {
          [bridgeOption]: request.bridge,
          ...(request.mtu !== undefined && { [mtuOption]: String(request.mtu) }),
        },
        IPAM: {
          Driver: 'default',
          Config: [request, ...(request.ipv6 === undefined ? [] : [request.ipv6])].map(poolOf),
        },
      },
      signal,
    });
    return { id: Id, name: request.name, labels: request.labels, bridge: request.bridge };
  }

  async listNetworks(label: string, signal: AbortSignal): Promise<readonly RuntimeNetwork[]> {
    const filters = encodeURIComponent(JSON.stringify({ label: [label] }));
    const list = await this.#client.call<readonly NetworkSummary[]>({
      method: 'GET',
      path: `/networks?filters=${filters}`,
      signal,
    });
    return list.map((network) => {
      const bridge = network.Options?.[bridgeOption];
      return {
        id: network.Id,
        name: network.Name,
        labels: network.Labels ?? {},
        ...(bridge !== undefined && { bridge }),
        ...(!network.EnableIPv6 && { lacksIpv6: true }),
      };
    });
  }

  async removeNetwork(name: string, signal: AbortSignal): Promise<void> {
    const call = { method: 'DELETE', path: networkPath(name), signal } as const;
    try {
      await this.#client.find(call);
    } catch (error) {
      if (!(await this.#releaseOrphans(name, signal))) throw error;
      await this.#client.find(call);
    }
  }

  async disconnect(networkName: string, containerId: string, signal: AbortSignal): Promise<void> {
    await this.#client.find({
      method: 'POST',
      path: `${networkPath(networkName)}/disconnect`,
      body: { Container: containerId, Force: true },
      signal,
    });
  }

  /**
   * Takes away endpoints of a network whose containers are gone, as the engine (20.10) leaves one
   * now and then: it keeps the network, and with it the subnet, for ever. Returns whether any went.
   * Those of a container that is just being started look like them, but not for long.
   */
  async #releaseOrphans(network: string, signal: AbortSignal): Promise<boolean> {
    const before = await this.#findOrphans(network, signal);
    if (before.size === 0) return false;
    await this.#clock.sleep(startingMs, signal);
    const orphans = [...(await this.#findOrphans(network, signal))].filter(([id]) =>
      before.has(id),
    );
    for (const [, name] of orphans) {
      const body = { Container: name, Force: true };
      const path = `${networkPath(network)}/disconnect`;
      await this.#client.call({ method: 'POST', path, body, signal });
    }
    return orphans.length > 0;
  }

  /**
   * Names of endpoints by their id; the engine lists them by these, all others by their container.
   */
  async #findOrphans(network: string, signal: AbortSignal): Promise<ReadonlyMap<string, string>> {
    const path = networkPath(network);
    const found = await this.#client.find<NetworkInspect>({ method: 'GET', path, signal });
    const endpoints = Object.entries(found?.Containers ?? {});
    return new Map(
      endpoints.filter(([id]) => id.startsWith('ep-')).map(([id, { Name }]) => [id, Name]),
    );
  }

  async *logs(containerId: string, query: LogQuery, signal: AbortSignal): AsyncGenerator<LogFrame> {
    const inspect = await this.#inspect(containerId, signal);
    if (inspect === undefined) return;
    const parameters = new URLSearchParams({
      timestamps: '1',
      stdout: query.stdout ? '1' : '0',
      stderr: query.stderr ? '1' : '0',
      follow: query.follow ? '1' : '0',
      tail: query.tail === undefined ? 'all' : String(query.tail),
    });
    if (query.since !== undefined) parameters.set('since', query.since);
    if (query.until !== undefined) parameters.set('until', query.until);
    const path = `/containers/${containerId}/logs?${parameters.toString()}`;
    const answer = await this.#client.open({ method: 'GET', path, signal });
    yield* readLogs(answer.chunks, { tty: inspect.Config.Tty === true });
  }

  async *events(signal: AbortSignal): AsyncGenerator<RuntimeEvent> {
    const wanted = { type: ['container', 'network'], event: toldEvents };
    const filters = encodeURIComponent(JSON.stringify(wanted));
    while (!signal.aborted) {
      try {
        // What happened before is seen by looking at everything once, what happens while we look
        // is told from then on: the engine remembers its latest events.
        const since = (this.#clock.now() / 1_000).toFixed(3);
        yield { kind: 'reset' };
        const lines = this.#client.lines<EngineEvent>({
          method: 'GET',
          path: `/events?since=${since}&filters=${filters}`,
          signal,
        });
        for await (const event of lines) yield* toRuntimeEvent(event);
      } catch (error) {
        if (signal.aborted) return;
        if (TuttiError.from(error).code !== 'unavailable' && !isBrokenStream(error)) throw error;
      }
      await this.#clock.sleep(reconnectMs, signal).catch(() => undefined);
    }
  }

  async #inspect(containerId: string, signal: AbortSignal): Promise<ContainerInspect | undefined> {
    const path = `/containers/${encodeURIComponent(containerId)}/json`;
    return this.#client.find<ContainerInspect>({ method: 'GET', path, signal });
  }
}

function isBrokenStream(error: unknown): boolean {
  return error instanceof Error && 'code' in error && typeof error.code === 'string';
}

function* toRuntimeEvent(event: EngineEvent): Generator<RuntimeEvent> {
  const labels = event.Actor.Attributes ?? {};
  if (event.Type === 'container') {
    const exitCode = event.Action === 'die' ? Number(labels['exitCode'] ?? Number.NaN) : Number.NaN;
    yield {
      kind: 'container',
      containerId: event.Actor.ID,
      labels,
      ...(Number.isInteger(exitCode) && { exitCode }),
    };
  } else if (event.Action === 'create' || event.Action === 'destroy') {
    yield { kind: 'network', networkName: labels['name'] ?? event.Actor.ID };
  }
}

/**
 * Name and tag (or digest) as the engine's pull takes them; without either it would pull every tag.
 */
function splitReference(reference: string): { readonly name: string; readonly tag: string } {
  const at = reference.indexOf('@');
  if (at >= 0) return { name: reference.slice(0, at), tag: reference.slice(at + 1) };
  const colon = reference.lastIndexOf(':');
  if (colon > reference.lastIndexOf('/')) {
    return { name: reference.slice(0, colon), tag: reference.slice(colon + 1) };
  }
  return { name: reference, tag: 'latest' };
}

/**
 * An engine that does not know the version says so of the client, who is nobody that people know.
 */
function explainVersion(error: unknown): unknown {
  if (!TuttiError.from(error).message.includes('too new')) return error;
  const message =
    'the start interval of its health check needs Docker Engine 25, this node has less';
  return new TuttiError('unimplemented', message, { cause: error });
}

function poolOf(of: {
  readonly subnet: string;
  readonly gateway: string;
  readonly reservedRange?: string;
}): Record<string, string> {
  const { subnet, gateway, reservedRange } = of;
  return {
    Subnet: subnet,
    Gateway: gateway,
    ...(reservedRange !== undefined && { IPRange: reservedRange }),
  };
}

function networkPath(name: string): string {
  return `/networks/${encodeURIComponent(name)}`;
}

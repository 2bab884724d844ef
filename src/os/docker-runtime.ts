import { mkdir } from 'node:fs/promises';
import type { Clock } from '../host/clock.ts';
import type {
  ContainerRuntime,
  CreateContainer,
  CreateRuntimeNetwork,
  RuntimeContainer,
  RuntimeEvent,
  RuntimeInfo,
  RuntimeNetwork,
} from '../host/container-runtime.ts';
import { TuttiError } from '../lib/error.ts';
import type { LogFrame, LogQuery } from '../model/log.ts';
import { mtuOption } from '../model/network.ts';
import { endLostShims } from './container-shims.ts';
import { type ContainerInspect, toRuntimeContainer } from './docker-container.ts';
import { createBody, endpointConfig } from './docker-create-body.ts';
import { DockerEngineClient } from './docker-engine-client.ts';
import { readLogs } from './docker-logs.ts';
import { toRuntimeInfo, type EngineInfo } from './docker-info.ts';

const reconnectMs = 250;
const bridgeOption = 'com.docker.network.bridge.name';

interface NetworkSummary {
  readonly Id: string;
  readonly Name: string;
  readonly Labels?: Readonly<Record<string, string>> | null;
  readonly Options?: Readonly<Record<string, string>> | null;
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
    const { Id } = await this.#client.call<{ readonly Id: string }>({
      method: 'POST',
      path: `/containers/create?name=${encodeURIComponent(request.name)}`,
      body: createBody(request),
      signal,
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

  async createNetwork(request: CreateRuntimeNetwork, signal: AbortSignal): Promise<RuntimeNetwork> {
    const { Id } = await this.#client.call<{ readonly Id: string }>({
      method: 'POST',
      path: '/networks/create',
      body: {
        Name: request.name,
        CheckDuplicate: true,
        Driver: 'bridge',
        Internal: request.internal,
        EnableIPv6: request.enableIpv6,
        Labels: request.labels,
        Options: {
          [bridgeOption]: request.bridge,
          ...(request.mtu !== undefined && { [mtuOption]: String(request.mtu) }),
        },
        IPAM: {
          Driver: 'default',
          Config: [
            {
              Subnet: request.subnet,
              Gateway: request.gateway,
              ...(request.reservedRange !== undefined && { IPRange: request.reservedRange }),
            },
          ],
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
      };
    });
  }

  async removeNetwork(name: string, signal: AbortSignal): Promise<void> {
    const path = `/networks/${encodeURIComponent(name)}`;
    await this.#client.find({ method: 'DELETE', path, signal });
  }

  async disconnect(networkName: string, containerId: string, signal: AbortSignal): Promise<void> {
    await this.#client.find({
      method: 'POST',
      path: `/networks/${encodeURIComponent(networkName)}/disconnect`,
      body: { Container: containerId, Force: true },
      signal,
    });
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
    const filters = encodeURIComponent(JSON.stringify({ type: ['container', 'network'] }));
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
    // An exec of a health check says nothing about the container itself.
    if (event.Action.startsWith('exec_')) return;
    yield { kind: 'container', containerId: event.Actor.ID, labels };
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

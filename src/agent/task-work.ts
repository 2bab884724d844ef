import type {
  BoundFile,
  ContainerEndpoint,
  ContainerRuntime,
  RuntimeContainer,
} from '../host/container-runtime.ts';
import type { NodeNetwork } from '../host/node-network.ts';
import type { TaskFile, TaskFiles } from '../host/task-files.ts';
import { defined } from '../lib/defined.ts';
import { TuttiError } from '../lib/error.ts';
import type { DataAssignment, NetworkAssignment, TaskAssignment } from '../model/assignment.ts';
import { taskContainerName } from '../model/container-name.ts';
import { ipv6AddressOf } from '../model/ipv6.ts';
import type { ObservedPort } from '../model/task.ts';
import type { ContainerSpec, FileReference, TaskTemplateSpec } from '../model/template.ts';
import { missedWayOut } from '../overlay/bridge-name.ts';
import { fillPayload, fillTemplates, type TemplateContext } from '../task/template.ts';
import { Gate } from './gate.ts';
import { taskLabels } from './task-labels.ts';

/** Engine calls at the same time: more only wait inside the engine. */
const engineConcurrency = 32;
const defaultGraceMs = 10_000;
const resolvConfName = 'resolv.conf';

export interface TaskWorkOptions {
  readonly runtime: ContainerRuntime;
  readonly network: Pick<NodeNetwork, 'ensure' | 'resolvConf' | 'choosePort'>;
  readonly files: Pick<TaskFiles, 'write' | 'remove'>;
  readonly node: TemplateContext['node'];
  clusterId(): string;
  networkAssignment(networkId: string): NetworkAssignment | undefined;
  data(id: string): DataAssignment | undefined;
}

interface Subject {
  readonly task: TaskAssignment;
  readonly template: TaskTemplateSpec;
}

/** Carries out what a task needs: images, networks, files, containers. */
export class TaskWork {
  readonly #options: TaskWorkOptions;
  readonly #gate = new Gate(engineConcurrency);
  /** One pull of an image serves every task that waits for it. */
  readonly #pulls = new Map<string, Promise<void>>();
  readonly #imageSearches = new Map<string, Promise<string | undefined>>();

  constructor(options: TaskWorkOptions) {
    this.#options = options;
  }

  nameOf(task: TaskAssignment): string {
    return taskContainerName(task, this.#options.node.id);
  }

  inspect(reference: string, signal: AbortSignal): Promise<RuntimeContainer | undefined> {
    return this.#options.runtime.inspectContainer(reference, signal);
  }

  /** Image and networks, at the same time. */
  async prepare({ task, template }: Subject, signal: AbortSignal): Promise<void> {
    const networks = this.#networksOf(template, task);
    await Promise.all([
      ...template.containers.map((spec) => this.#ensureImage(spec, { task, signal })),
      ...networks.map((network) => this.#options.network.ensure(network, signal)),
    ]);
  }

  /**
   * Returns the container's id; one that is there already under the task's name is taken, unless it
   * never ran.
   */
  async create({ task, template }: Subject, signal: AbortSignal): Promise<string> {
    const [declared, ...others] = template.containers;
    if (declared === undefined || others.length > 0) {
      throw new TuttiError('unimplemented', 'tasks of several containers cannot run yet');
    }
    const { node, runtime } = this.#options;
    const spec = fillTemplates(declared, { task, node });
    const networks = this.#networksOf(template, task);
    const files = await this.#writeFiles({ task, spec, networks });
    const name = this.nameOf(task);
    const hostPorts = await this.#chooseHostPorts(template);
    const endpoints = await Promise.all(
      networks.map((network) => this.#endpoint(network, { task, signal })),
    );
    const create = (): Promise<string> =>
      this.#gate.pass(() =>
        runtime.createContainer(
          {
            name,
            spec,
            labels: taskLabels(task, {
              nodeId: node.id,
              clusterId: this.#options.clusterId(),
              own: spec.labels,
              hostPorts,
            }),
            endpoints,
            exposedPorts: template.hostPorts,
            files,
            ...(template.logDriver !== undefined && { logDriver: template.logDriver }),
          },
          signal,
        ),
      );
    try {
      return await create();
    } catch (error) {
      if (!(error instanceof TuttiError && error.code === 'conflict')) throw error;
      const existing = await runtime.inspectContainer(name, signal);
      if (existing === undefined) throw error;
      if (existing.state !== 'created') return existing.id;
      // It may lack networks: whoever made it was stopped in the middle.
      await runtime.endLostProcesses([existing.id]);
      await runtime.removeContainer(existing.id, signal);
      return await create();
    }
  }

  /** Ports of the node that are not declared are chosen here. */
  #chooseHostPorts(template: TaskTemplateSpec): Promise<readonly ObservedPort[]> {
    const { network } = this.#options;
    return Promise.all(
      template.hostPorts.map(async ({ protocol, targetPort, publishedPort }) => ({
        protocol,
        targetPort,
        publishedPort: publishedPort ?? (await network.choosePort(protocol)),
      })),
    );
  }

  /** Nobody is led to it before its answers find their way out. */
  async start(
    subject: Subject & { readonly containerId: string },
    signal: AbortSignal,
  ): Promise<void> {
    const { runtime } = this.#options;
    const { containerId, task, template } = subject;
    const wayOut = missedWayOut(this.#networksOf(template, task));
    await this.#gate.pass(() => runtime.startContainer(containerId, signal));
    if (wayOut !== undefined) await runtime.leadOut(containerId, wayOut, signal);
  }

  resumeHealthCheck(containerId: string, signal: AbortSignal): Promise<void> {
    return this.#options.runtime.resumeHealthCheck(containerId, signal);
  }

  async stop(
    containerId: string,
    options: { readonly spec: ContainerSpec | undefined; readonly signal: AbortSignal },
  ): Promise<void> {
    const graceMs = options.spec?.stopGracePeriodMs ?? defaultGraceMs;
    await this.#options.runtime.stopContainer(containerId, { graceMs, signal: options.signal });
  }

  /** Ends the container at once; one that does not run is left alone. */
  async kill(containerId: string, signal: AbortSignal): Promise<void> {
    await this.#options.runtime.killContainer(containerId, signal);
  }

  /** Removes container and files. */
  async clean(
    what: {
      readonly taskId: string;
      readonly containerId: string | undefined;
      /** As the engine says. */
      readonly neverRan: boolean;
    },
    signal: AbortSignal,
  ): Promise<void> {
    const { containerId, neverRan } = what;
    if (containerId !== undefined) {
      if (neverRan) await this.#options.runtime.endLostProcesses([containerId]);
      await this.#gate.pass(() => this.#options.runtime.removeContainer(containerId, signal));
    }
    await this.#options.files.remove(what.taskId);
  }

  async #ensureImage(
    spec: ContainerSpec,
    options: { readonly task: TaskAssignment; readonly signal: AbortSignal },
  ): Promise<void> {
    const found = await this.#findImage(spec.image);
    if (found !== undefined && spec.pullPolicy !== 'always') return;
    if (spec.pullPolicy === 'never') {
      throw new TuttiError('not-found', `No such image: ${spec.image}`, {
        field: 'image',
        hint: 'Its pull policy is never: load the image on this node.',
      });
    }
    try {
      await this.#pull(spec.image, options);
    } catch (error) {
      if (found !== undefined || TuttiError.from(error).code === 'cancelled') return;
      throw new TuttiError('not-found', `No such image: ${fullName(spec.image)}`, {
        field: 'image',
        hint: `Pulling it failed: ${TuttiError.from(error).message}`,
        cause: error,
      });
    }
  }

  /** Replicas of a service ask together, and the engine once. */
  #findImage(image: string): Promise<string | undefined> {
    const running = this.#imageSearches.get(image);
    if (running !== undefined) return running;
    const search = this.#options.runtime
      .findImage(image, new AbortController().signal)
      .finally(() => this.#imageSearches.delete(image));
    this.#imageSearches.set(image, search);
    return search;
  }

  async #pull(
    image: string,
    options: { readonly task: TaskAssignment; readonly signal: AbortSignal },
  ): Promise<void> {
    const running = this.#pulls.get(image);
    if (running !== undefined) return running;
    const { registryAuth } = options.task;
    const pull = this.#options.runtime.pullImage(image, {
      signal: options.signal,
      ...(registryAuth !== undefined && { registryAuth }),
    });
    this.#pulls.set(image, pull);
    try {
      await pull;
    } finally {
      this.#pulls.delete(image);
    }
  }

  /** The networks of a task, those of its addresses first: they are what it was placed with. */
  #networksOf(template: TaskTemplateSpec, task: TaskAssignment): readonly NetworkAssignment[] {
    const ids = new Set([
      ...template.networks.map((network) => network.networkId),
      ...task.addresses.map((address) => address.networkId),
    ]);
    return [...ids].map((id) => {
      const network = this.#options.networkAssignment(id);
      if (network === undefined) {
        throw new TuttiError('unavailable', `the network ${id} was not sent yet`);
      }
      return network;
    });
  }

  async #endpoint(
    network: NetworkAssignment,
    options: { readonly task: TaskAssignment; readonly signal: AbortSignal },
  ): Promise<ContainerEndpoint> {
    const networkName = await this.#options.network.ensure(network, options.signal);
    const assigned = options.task.addresses.find((one) => one.networkId === network.networkId);
    const address = assigned?.address.split('/')[0];
    const ipv6Address = address === undefined ? undefined : ipv6AddressOf(network, address);
    return defined({ networkName, address, ipv6Address });
  }

  async #writeFiles(subject: {
    readonly task: TaskAssignment;
    readonly spec: ContainerSpec;
    readonly networks: readonly NetworkAssignment[];
  }): Promise<readonly BoundFile[]> {
    const { task, spec, networks } = subject;
    const references = [
      ...spec.secrets.map((file) => ({ file, target: pathBelow('/run/secrets/', file) })),
      ...spec.configs.map((file) => ({ file, target: pathBelow('/', file) })),
    ];
    const contents: TaskFile[] = references.map(({ file }, index) => ({
      name: `file-${index}`,
      content: this.#content(file, { task, spec }),
      mode: file.mode,
      uid: Number(file.uid) || 0,
      gid: Number(file.gid) || 0,
    }));
    const resolvConf = this.#options.network.resolvConf({ networks, dns: spec.dns });
    if (resolvConf !== undefined) {
      const content = new TextEncoder().encode(resolvConf);
      contents.push({ name: resolvConfName, content, mode: 0o644, uid: 0, gid: 0 });
    }
    if (contents.length === 0) return [];
    const paths = await this.#options.files.write(task.taskId, contents);
    const bound = references.map(({ target }, index) => ({ name: `file-${index}`, target }));
    if (resolvConf !== undefined) bound.push({ name: resolvConfName, target: '/etc/resolv.conf' });
    return bound.map(({ name, target }) => ({
      source: paths.get(name) ?? '',
      target,
      readOnly: true,
    }));
  }

  #content(
    file: FileReference,
    of: { readonly task: TaskAssignment; readonly spec: ContainerSpec },
  ): Uint8Array {
    const { node } = this.#options;
    const data = (id: string) => this.#options.data(id);
    const found = data(file.sourceId);
    if (found === undefined) {
      throw new TuttiError('unavailable', `"${file.sourceName}" was not sent yet`);
    }
    const content = Uint8Array.fromBase64(found.data);
    if (found.templated !== true) return content;
    const sensitive = found.kind === 'secret';
    return fillPayload(content, { ...of, node, sensitive, data });
  }
}

function pathBelow(directory: string, file: FileReference): string {
  return file.target.startsWith('/') ? file.target : `${directory}${file.target}`;
}

function fullName(image: string): string {
  return image.includes('@') || /:[^/]+$/.test(image) ? image : `${image}:latest`;
}

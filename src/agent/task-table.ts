import type { Clock } from '../host/clock.ts';
import type {
  ContainerRuntime,
  RuntimeContainer,
  RuntimeEvent,
} from '../host/container-runtime.ts';
import type { Logger } from '../host/logger.ts';
import type { HostPublication, NodeNetwork } from '../host/node-network.ts';
import type { TaskFiles } from '../host/task-files.ts';
import { TuttiError } from '../lib/error.ts';
import type { ObservedTask } from '../model/task.ts';
import { isEndState } from '../model/task-state.ts';
import type { TaskTemplateSpec } from '../model/template.ts';
import { fillTemplates, type TemplateContext } from '../task/template.ts';
import { Complaints } from './complaints.ts';
import type { NodeState } from './node-state.ts';
import { clusterLabel, taskIdLabel } from './task-labels.ts';
import { type LeaseStanding, TaskRunner, type TaskRunnerHost } from './task-runner.ts';
import { TaskWork } from './task-work.ts';

const firstRetryMs = 200;
const longestRetryMs = 10_000;
/** After a start: containers that run already are known by then. */
const lookLimitMs = 5_000;
/** As the container engine shortens ids. */
const shortIdLength = 12;

export interface TaskTableOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly runtime: ContainerRuntime;
  readonly network: NodeNetwork;
  readonly files: TaskFiles;
  readonly state: NodeState;
  readonly lease: LeaseStanding;
  readonly node: TemplateContext['node'];
  clusterId(): string;
  /** Whether the task has to wait for one that stood in for its slot. */
  isHeldUp(taskId: string): boolean;
  /** Whether a fenced task would be stopped without this agent. */
  isGuarded(taskId: string): boolean;
  /** Resolves when discovery shows what `isReady` and `publications` say now. */
  show(): Promise<void>;
  onObserved(observed: ObservedTask): void;
  onGone(taskId: string): void;
}

type ContainerEvent = Extract<RuntimeEvent, { readonly kind: 'container' }>;

/** The tasks of a node, each with its runner. */
export class TaskTable {
  readonly #options: TaskTableOptions;
  readonly #node: { id: string } & Omit<TemplateContext['node'], 'id'>;
  readonly #runners = new Map<string, TaskRunner>();
  /** Those that took ports of the node since this agent runs, in that order. */
  readonly #portTakers = new Set<TaskRunner>();
  readonly #host: TaskRunnerHost;
  readonly #complaints: Complaints;
  #signal: AbortSignal | undefined;
  readonly #allObserved = Promise.withResolvers<void>();
  #wereAllObserved = false;
  #empty = Promise.withResolvers<void>();

  constructor(options: TaskTableOptions) {
    this.#options = options;
    this.#complaints = new Complaints(options.logger);
    this.#node = { ...options.node };
    const { state } = options;
    this.#host = {
      clock: options.clock,
      logger: options.logger,
      lease: options.lease,
      work: new TaskWork({
        runtime: options.runtime,
        network: options.network,
        files: options.files,
        node: this.#node,
        clusterId: () => options.clusterId(),
        networkAssignment: (id) => state.networks.get(id),
        data: (id) => state.data.get(id),
      }),
      assignment: (taskId) => state.tasks.get(taskId),
      template: (templateId) => state.templates.get(templateId)?.spec,
      missingData: (template) => this.#missingData(template),
      report: (observed) => {
        options.onObserved(observed);
        this.#tellObserved();
      },
      release: () => options.show(),
      isHeldUp: (taskId) => options.isHeldUp(taskId),
      isGuarded: (taskId) => options.isGuarded(taskId),
      admitToNetworks: (taskId) => this.#admitToNetworks(taskId),
      gone: (taskId) => this.#gone(taskId),
    };
  }

  /** Starts every runner; those that come later start at once. */
  async run(signal: AbortSignal): Promise<void> {
    this.#signal = signal;
    for (const runner of this.#runners.values()) this.#start(runner, signal);
    const { promise, resolve } = Promise.withResolvers<void>();
    signal.addEventListener('abort', () => resolve(), { once: true });
    await promise;
  }

  /** These tasks are assigned, or are no more, or differently. */
  assigned(taskIds: Iterable<string>): void {
    for (const taskId of taskIds) {
      const known = this.#runners.get(taskId);
      if (known !== undefined) known.wake();
      else if (this.#options.state.tasks.has(taskId)) this.#add(taskId);
    }
  }

  /** Whether fenced tasks may run has changed. */
  leaseChanged(): void {
    const signal = this.#signal;
    if (signal === undefined) return;
    for (const runner of this.#runners.values()) void runner.leaseChanged(signal);
  }

  /** Ends that the engine may have forgotten. */
  remember(ended: readonly ObservedTask[]): void {
    for (const observed of ended) {
      if (!this.#options.state.tasks.has(observed.taskId)) continue;
      (this.#runners.get(observed.taskId) ?? this.#add(observed.taskId)).remember(observed);
    }
  }

  observedOf(taskId: string): ObservedTask | undefined {
    return this.#runners.get(taskId)?.observed;
  }

  observed(): readonly ObservedTask[] {
    return [...this.#runners.values()].flatMap((runner) => runner.observed ?? []);
  }

  ended(): readonly ObservedTask[] {
    return this.observed().filter((observed) => isEndState(observed.state));
  }

  /**
   * Resolves once something is observed of each task. Not later than that: an engine that does not
   * answer must not keep everything else from being shown.
   */
  async untilObserved(): Promise<void> {
    this.#tellObserved();
    const timer = new AbortController();
    const late = this.#options.clock.sleep(lookLimitMs, timer.signal).catch(() => undefined);
    await Promise.race([this.#allObserved.promise, late]);
    timer.abort();
  }

  #tellObserved(): void {
    if (this.#wereAllObserved) return;
    for (const { observed } of this.#runners.values()) if (observed === undefined) return;
    this.#wereAllObserved = true;
    this.#allObserved.resolve();
  }

  containerOf(taskId: string): string | undefined {
    return this.#runners.get(taskId)?.containerId;
  }

  isReady(taskId: string): boolean {
    const desired = this.#options.state.tasks.get(taskId)?.desired;
    if (desired !== 'running' && desired !== 'complete') return false;
    return this.#runners.get(taskId)?.wantsVisitors === true;
  }

  /** Why the task does not run, or why nobody is led to it although it does. */
  reasonOf(taskId: string): string | undefined {
    const runner = this.#runners.get(taskId);
    const observed = runner?.observed;
    if (observed?.reason !== undefined) return observed.reason.message;
    return observed?.state === 'running' && runner?.wantsVisitors === false
      ? 'it is about to be stopped'
      : undefined;
  }

  /** The tasks that have ports of the node itself, who had them first before others. */
  publications(): readonly HostPublication[] {
    const before = [...this.#runners.values()].filter((one) => !this.#portTakers.has(one));
    return [...before, ...this.#portTakers].flatMap(({ taskId, hostPorts: ports, container }) => {
      if (ports.length === 0) return [];
      const task = this.#options.state.tasks.get(taskId);
      const engineAddress = container?.engineAddress;
      return {
        taskId,
        ports,
        taskName: container?.name ?? taskId,
        serviceId: task?.serviceId ?? '',
        ready: this.isReady(taskId),
        addresses: task?.addresses ?? [],
        ...(engineAddress !== undefined && { engineAddress }),
      };
    });
  }

  /** What the container calls itself: its declared name, or the beginning of its id. */
  hostnameOf(taskId: string): string | undefined {
    const containerId = this.containerOf(taskId);
    if (containerId === undefined) return undefined;
    const { state } = this.#options;
    const task = state.tasks.get(taskId);
    const [spec] = state.templates.get(task?.templateId ?? '')?.spec.containers ?? [];
    return task !== undefined && spec?.hostname !== undefined
      ? fillTemplates(spec, { task, node: this.#node }).hostname
      : containerId.slice(0, shortIdLength);
  }

  /** The engine says that something happened to a container. */
  lookAt({ containerId, labels, exitCode }: ContainerEvent): void {
    const runner = this.#runners.get(labels[taskIdLabel] ?? '');
    if (exitCode !== undefined) runner?.died({ containerId, exitCode });
    runner?.look();
  }

  /** The engine's events had a gap: everything may have changed. */
  async lookAtAll(signal: AbortSignal): Promise<void> {
    // Where the engine went away again, each runner looks for its own container until it answers.
    const what = 'the containers of this node could not be listed';
    await this.#complaints.about(what, this.#adoptAll(signal));
    for (const runner of this.#runners.values()) runner.look();
  }

  async #adoptAll(signal: AbortSignal): Promise<void> {
    const ours = await this.#ours(signal);
    for (const container of ours) {
      this.#runners.get(container.labels[taskIdLabel] ?? '')?.adopt(container);
    }
    // Nothing is started twice: what has ended must not run, whatever became of its engine.
    const ended = ours.filter(({ state }) => state === 'exited' || state === 'dead');
    await this.#options.runtime.endLostProcesses(ended.map(({ id }) => id));
  }

  /**
   * Removes containers and files of this cluster that no task of this node has. Tries until it did,
   * or the signal.
   */
  async removeStrangers(signal: AbortSignal): Promise<void> {
    const { clock, logger } = this.#options;
    for (let delayMs = firstRetryMs; !signal.aborted; ) {
      try {
        await this.#removeStrangers(signal);
        return;
      } catch (error) {
        logger.warn('left-over containers could not be removed', {
          error: TuttiError.from(error).message,
        });
      }
      await clock.sleep(delayMs, signal).catch(() => undefined);
      delayMs = Math.min(delayMs * 2, longestRetryMs);
    }
  }

  /** Resolves when nothing of any task is left; the caller has taken every assignment away. */
  async drain(): Promise<void> {
    for (const runner of this.#runners.values()) runner.wake();
    if (this.#runners.size > 0) await this.#empty.promise;
  }

  rename(nodeId: string): void {
    this.#node.id = nodeId;
  }

  async #removeStrangers(signal: AbortSignal): Promise<void> {
    const { runtime, files } = this.#options;
    for (const container of await this.#ours(signal)) {
      if (this.#runners.has(container.labels[taskIdLabel] ?? '')) continue;
      if (container.state === 'created') await runtime.endLostProcesses([container.id]);
      await runtime.removeContainer(container.id, signal);
    }
    for (const taskId of await files.list()) {
      if (!this.#runners.has(taskId)) await files.remove(taskId);
    }
  }

  async #ours(signal: AbortSignal): Promise<readonly RuntimeContainer[]> {
    const clusterId = this.#options.clusterId();
    if (clusterId === '') return [];
    const all = await this.#options.runtime.listContainers(`${clusterLabel}=${clusterId}`, signal);
    return all.filter((one) => one.labels['com.docker.swarm.node.id'] === this.#node.id);
  }

  #add(taskId: string): TaskRunner {
    if (this.#runners.size === 0) this.#empty = Promise.withResolvers<void>();
    const runner = new TaskRunner(taskId, this.#host);
    this.#runners.set(taskId, runner);
    if (this.#signal !== undefined) this.#start(runner, this.#signal);
    return runner;
  }

  #start(runner: TaskRunner, signal: AbortSignal): void {
    void runner.run(signal).catch((error: unknown) => {
      this.#options.logger.error('a task runner broke', {
        taskId: runner.taskId,
        error: TuttiError.from(error).stack,
      });
    });
  }

  /** Throws `conflict` with field `port` when another has one of the ports that the task wants. */
  async #admitToNetworks(taskId: string): Promise<void> {
    await this.#options.network.shown();
    const runner = this.#runners.get(taskId);
    if (runner === undefined || runner.hostPorts.length === 0) return;
    this.#portTakers.add(runner);
    await this.#options.show();
    const message = this.#options.network.refusedPort(taskId);
    if (message !== undefined) throw new TuttiError('conflict', message, { field: 'port' });
  }

  #gone(taskId: string): void {
    const runner = this.#runners.get(taskId);
    if (runner !== undefined) this.#portTakers.delete(runner);
    this.#runners.delete(taskId);
    this.#options.onGone(taskId);
    this.#tellObserved();
    // It may have been assigned again while it was being removed.
    if (this.#options.state.tasks.has(taskId)) this.#add(taskId);
    if (this.#runners.size === 0) this.#empty.resolve();
  }

  #missingData(template: TaskTemplateSpec): readonly string[] {
    return template.containers.flatMap((container) =>
      [...container.secrets, ...container.configs]
        .filter((file) => !this.#options.state.data.has(file.sourceId))
        .map((file) => file.sourceName),
    );
  }
}

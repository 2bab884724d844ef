import type { Logger } from '../host/logger.ts';
import type { DiscoveryView, HostPublication, NodeNetwork, OwnTask } from '../host/node-network.ts';
import { TuttiError } from '../lib/error.ts';
import { KeyedMemo } from '../lib/keyed-memo.ts';
import { changedKeys, LayeredMap } from '../lib/layered-map.ts';
import type { CatalogTask } from '../model/assignment.ts';
import type { NodeState } from './node-state.ts';
import { isLoopback } from './resolv-conf.ts';

export interface DiscoveryOptions {
  /** Of this node, in the cluster that it is in now. */
  nodeId(): string;
  readonly state: NodeState;
  readonly network: NodeNetwork;
  readonly logger: Logger;
  /** Resolves once each task was looked at; before that none of them seems to run. */
  settled(): Promise<void>;
  /** What this node itself observes of one of its tasks: whether it may be found. */
  isReady(taskId: string): boolean;
  /** Why not. */
  reasonOf(taskId: string): string | undefined;
  /** Of one that is no task; undefined: nobody has looked yet. */
  isContainerRunning(containerId: string): boolean | undefined;
  /** The name that the task's container has for itself. */
  hostnameOf(taskId: string): string | undefined;
  /** The tasks of this node that have ports of the node itself. */
  publications(): readonly HostPublication[];
}

/**
 * Keeps names, virtual addresses and published ports in step with the catalog, where this node's
 * own observation of its own tasks counts at once. Changes that come while one is applied become
 * one.
 */
export class Discovery {
  readonly #options: DiscoveryOptions;
  /** Tasks of this node as it observes them itself. */
  readonly #observed = new KeyedMemo<CatalogTask>();
  /** The tasks of the catalog as they were shown last, and as a manager told of them. */
  readonly #tasks = new LayeredMap<string, CatalogTask>();
  #told: ReadonlyMap<string, CatalogTask> = new Map();
  /** Those of this node. */
  readonly #here = new Set<string>();
  #isRunning = false;
  #isSettled = false;
  #next: PromiseWithResolvers<boolean> | undefined;

  constructor(options: DiscoveryOptions) {
    this.#options = options;
  }

  /** Resolves when the node shows what is known now, or with false where that failed. */
  apply(): Promise<boolean> {
    this.#next ??= Promise.withResolvers<boolean>();
    const { promise } = this.#next;
    if (!this.#isRunning) void this.#run();
    return promise;
  }

  async #run(): Promise<void> {
    this.#isRunning = true;
    // Lets every change of the same turn join.
    await Promise.resolve();
    await this.#settle();
    while (this.#next !== undefined) {
      const current = this.#next;
      this.#next = undefined;
      try {
        this.#ensureNetworks();
        await this.#options.network.apply(this.#view());
        current.resolve(true);
      } catch (error) {
        this.#options.logger.error('discovery could not be brought up to date', {
          error: TuttiError.from(error).message,
        });
        current.resolve(false);
      }
    }
    this.#isRunning = false;
  }

  /** Until then the kernel leads everybody as the daemon before this one said. */
  async #settle(): Promise<void> {
    if (this.#isSettled) return;
    await this.#options.settled();
    this.#isSettled = true;
  }

  /**
   * Also takes up networks that a daemon before this one made. Nobody waits: a network that is made
   * shows itself, and meanwhile the others keep in step.
   */
  #ensureNetworks(): void {
    const { network, state, logger } = this.#options;
    const signal = new AbortController().signal;
    for (const assignment of state.networks.values()) {
      void network.ensure(assignment, signal).catch((error: unknown) => {
        logger.warn('a network could not be made; tasks on it wait', {
          network: assignment.name,
          error: TuttiError.from(error).message,
        });
      });
    }
  }

  /** Costs what changed since the last one, and what there is on this node. */
  #view(): DiscoveryView {
    const { state } = this.#options;
    const nodeId = this.#options.nodeId();
    const tasks = this.#followTasks(nodeId);
    const nodes = [...state.catalogNodes];
    return {
      networks: new Map(state.networks),
      services: state.catalogServices.snapshot(),
      tasks,
      nodes: new Map(nodes.filter(([, node]) => node.isDown !== true)),
      downNodes: new Map(nodes.filter(([, node]) => node.isDown === true)),
      nodeId,
      own: new Map([...this.#here].map((taskId) => [taskId, this.#ownTask(taskId)])),
      publications: this.#options.publications(),
    };
  }

  #followTasks(nodeId: string): DiscoveryView['tasks'] {
    const told = this.#options.state.catalogTasks.snapshot();
    for (const taskId of changedKeys(this.#told, told)) {
      const task = told.get(taskId);
      if (task?.nodeId === nodeId) this.#here.add(taskId);
      else this.#here.delete(taskId);
      if (task === undefined) this.#tasks.delete(taskId);
      else this.#tasks.set(taskId, task);
    }
    this.#told = told;
    for (const taskId of this.#here) {
      const task = told.get(taskId);
      if (task === undefined) continue;
      const observed = this.#observedHere(task);
      if (this.#tasks.get(taskId) !== observed) this.#tasks.set(taskId, observed);
    }
    this.#observed.endRound();
    return this.#tasks.snapshot();
  }

  #observedHere(task: CatalogTask): CatalogTask {
    if (task.isContainer === true) return this.#containerHere(task);
    const ready = this.#options.isReady(task.taskId);
    const hostname = this.#options.hostnameOf(task.taskId) ?? task.hostname;
    return this.#observed.get(task.taskId, [task, ready, hostname], () => ({
      ...task,
      ready,
      ...(hostname !== undefined && { hostname }),
    }));
  }

  #containerHere(container: CatalogTask): CatalogTask {
    const ready = this.#options.isContainerRunning(container.taskId) ?? container.ready;
    return this.#observed.get(container.taskId, [container, ready], () => ({
      ...container,
      ready,
    }));
  }

  #ownTask(taskId: string): OwnTask {
    const { state } = this.#options;
    const templateId = state.tasks.get(taskId)?.templateId ?? '';
    const { dns } = state.templates.get(templateId)?.spec.containers[0] ?? {};
    const nameservers = dns?.nameservers ?? [];
    const notReady = this.#options.reasonOf(taskId);
    return {
      ...(nameservers.length > 0 && {
        nameservers: nameservers.filter((address) => !isLoopback(address)),
      }),
      ...(notReady !== undefined && { notReady }),
    };
  }
}

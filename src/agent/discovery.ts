import type { Logger } from '../host/logger.ts';
import type { DiscoveryView, HostPublication, NodeNetwork, OwnTask } from '../host/node-network.ts';
import { TuttiError } from '../lib/error.ts';
import type { CatalogTask } from '../model/assignment.ts';
import type { NodeState } from './node-state.ts';
import { isLoopback } from './resolv-conf.ts';

export interface DiscoveryOptions {
  /** Of this node, in the cluster that it is in now. */
  nodeId(): string;
  readonly state: NodeState;
  readonly network: NodeNetwork;
  readonly logger: Logger;
  /** What this node itself observes of one of its tasks: whether it may be found. */
  isReady(taskId: string): boolean;
  /** Why not. */
  reasonOf(taskId: string): string | undefined;
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
  #isRunning = false;
  #next: PromiseWithResolvers<void> | undefined;

  constructor(options: DiscoveryOptions) {
    this.#options = options;
  }

  /** Resolves when the node shows what is known now. */
  apply(): Promise<void> {
    this.#next ??= Promise.withResolvers<void>();
    const { promise } = this.#next;
    if (!this.#isRunning) void this.#run();
    return promise;
  }

  async #run(): Promise<void> {
    this.#isRunning = true;
    // Lets every change of the same turn join.
    await Promise.resolve();
    while (this.#next !== undefined) {
      const current = this.#next;
      this.#next = undefined;
      try {
        this.#ensureNetworks();
        await this.#options.network.apply(this.#view());
      } catch (error) {
        this.#options.logger.error('discovery could not be brought up to date', {
          error: TuttiError.from(error).message,
        });
      }
      current.resolve();
    }
    this.#isRunning = false;
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

  #view(): DiscoveryView {
    const { state } = this.#options;
    const nodeId = this.#options.nodeId();
    const tasks = new Map<string, CatalogTask>();
    const own = new Map<string, OwnTask>();
    for (const [taskId, task] of state.catalogTasks) {
      tasks.set(taskId, task.nodeId === nodeId ? this.#observedHere(task) : task);
      if (task.nodeId === nodeId) own.set(taskId, this.#ownTask(taskId));
    }
    return {
      networks: new Map(state.networks),
      services: new Map(state.catalogServices),
      tasks,
      nodes: new Map(state.catalogNodes),
      nodeId,
      own,
      publications: this.#options.publications(),
    };
  }

  #observedHere(task: CatalogTask): CatalogTask {
    const ready = this.#options.isReady(task.taskId);
    const hostname = this.#options.hostnameOf(task.taskId) ?? task.hostname;
    return { ...task, ready, ...(hostname !== undefined && { hostname }) };
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

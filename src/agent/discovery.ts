import type { Logger } from '../host/logger.ts';
import type { NodeNetwork } from '../host/node-network.ts';
import { TuttiError } from '../lib/error.ts';
import type { CatalogTask } from '../model/assignment.ts';
import type { NodeState } from './node-state.ts';

export interface DiscoveryOptions {
  readonly nodeId: string;
  readonly state: NodeState;
  readonly network: NodeNetwork;
  readonly logger: Logger;
  /** What this node itself observes of one of its tasks: whether it may be found. */
  isReady(taskId: string): boolean;
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
        await this.#ensureNetworks();
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

  /** Also takes up networks that a daemon before this one made. */
  async #ensureNetworks(): Promise<void> {
    const { network, state, logger } = this.#options;
    const signal = new AbortController().signal;
    await Promise.all(
      [...state.networks.values()].map((assignment) =>
        network.ensure(assignment, signal).catch((error: unknown) => {
          logger.warn('a network could not be made; tasks on it wait', {
            network: assignment.name,
            error: TuttiError.from(error).message,
          });
        }),
      ),
    );
  }

  #view() {
    const { state, nodeId } = this.#options;
    const tasks = new Map<string, CatalogTask>();
    for (const [taskId, task] of state.catalogTasks) {
      const ready = task.nodeId === nodeId ? this.#options.isReady(taskId) : task.ready;
      tasks.set(taskId, ready === task.ready ? task : { ...task, ready });
    }
    return { networks: new Map(state.networks), services: new Map(state.catalogServices), tasks };
  }
}

import type { DiscoveryView } from '../host/node-network.ts';
import { withoutPrefix } from '../lib/ipv4.ts';
import { changedKeys } from '../lib/layered-map.ts';
import type { CatalogTask } from '../model/assignment.ts';

/** Back ends to which flows must lead no more. */
export interface LeftBackEnds {
  /** Nobody is led there any more. */
  readonly left: readonly string[];
  /** Nobody is there any more who could answer. */
  readonly ended: readonly string[];
}

/**
 * Follows what becomes of back ends: who is led to none of them any more may be answered still,
 * until its task has ended or its node is down.
 */
export class BackEnds {
  #now: Addresses = new Map();
  /** They left, and may answer. */
  #leaving: ReadonlySet<string> = new Set();
  readonly #owners = new Owners();

  /** `backEnds`: by address; `view`: that in which these are the back ends. */
  change(
    backEnds: Addresses,
    view: Pick<DiscoveryView, 'tasks' | 'nodes' | 'nodeId'>,
  ): LeftBackEnds {
    const changed = changedKeys(this.#now, backEnds);
    this.#now = backEnds;
    const left = changed.filter((address) => !backEnds.has(address));
    const leaving = new Set([...this.#leaving, ...left].filter((one) => !backEnds.has(one)));
    const ended = leaving.size === 0 ? [] : this.#ended(leaving, view);
    this.#leaving = leaving.difference(new Set(ended));
    return { left, ended };
  }

  #ended(
    leaving: ReadonlySet<string>,
    { tasks, nodes, nodeId }: Pick<DiscoveryView, 'tasks' | 'nodes' | 'nodeId'>,
  ): readonly string[] {
    this.#owners.follow(tasks);
    const ofNodes = new Set([...nodes.values()].map(({ address }) => address));
    const answers = (task: CatalogTask | undefined): boolean =>
      task !== undefined && (task.nodeId === nodeId || nodes.has(task.nodeId));
    return [...leaving].filter(
      (address) =>
        !ofNodes.has(address) &&
        !this.#owners.of(address).some((taskId) => answers(tasks.get(taskId))),
    );
  }
}

type Addresses = ReadonlyMap<string, unknown>;

/** Which tasks have an address; known from the first question on. */
class Owners {
  #tasks: DiscoveryView['tasks'] = new Map();
  readonly #byAddress = new Map<string, readonly string[]>();

  of(address: string): readonly string[] {
    return this.#byAddress.get(address) ?? [];
  }

  follow(tasks: DiscoveryView['tasks']): void {
    for (const taskId of changedKeys(this.#tasks, tasks)) {
      for (const address of addressesOf(this.#tasks.get(taskId))) {
        const others = this.of(address).filter((one) => one !== taskId);
        if (others.length === 0) this.#byAddress.delete(address);
        else this.#byAddress.set(address, others);
      }
      for (const address of addressesOf(tasks.get(taskId))) {
        this.#byAddress.set(address, [...this.of(address), taskId]);
      }
    }
    this.#tasks = tasks;
  }
}

/** Each once. */
function addressesOf(task: CatalogTask | undefined): ReadonlySet<string> {
  return new Set(task?.addresses.map(({ address }) => withoutPrefix(address)));
}

import type { Instant } from '../model/instant.ts';
import type { Node } from '../model/node.ts';
import type { NodeLoad } from './node-load.ts';
import { nodeProperty } from '../model/constraint.ts';

/** What ranks the nodes for one template of one service. */
export interface Ranking {
  readonly serviceId: string;
  readonly templateId: string;
  readonly now: Instant;
}

interface Candidate {
  readonly load: NodeLoad;
  readonly faulty: boolean;
  /** The order of the nodes breaks ties, so that equal input gives equal output. */
  readonly position: number;
}

/**
 * Where a group of tasks may go: a tree with a level for each spread preference and the nodes as
 * its leaves. Each task goes to the branch with the fewest tasks of the service, level by level,
 * and there to the best node.
 */
export class SpreadTree {
  readonly #branches: readonly Branch[];
  readonly #leaf: Leaf | undefined;

  constructor(
    loads: readonly NodeLoad[],
    of: { readonly ranking: Ranking; readonly preferences: readonly string[] },
  ) {
    const [preference, ...rest] = of.preferences;
    if (preference === undefined) {
      this.#branches = [];
      this.#leaf = new Leaf(loads, of.ranking);
      return;
    }
    const groups = Map.groupBy(loads, ({ node }) => labelOf(node, preference));
    this.#branches = [...groups.values()].map((group) => {
      const tree = new SpreadTree(group, { ranking: of.ranking, preferences: rest });
      const tasks = group.reduce((sum, load) => sum + load.tasksOf(of.ranking.serviceId), 0);
      return { tree, tasks, isFull: false };
    });
    this.#leaf = undefined;
  }

  /**
   * Finds the node for the next task and lets `take` count it there. `allows` is asked again for
   * each node, as the tasks before may have filled it; a node that was refused once is out.
   */
  place(take: {
    allows(load: NodeLoad): boolean;
    count(load: NodeLoad): void;
  }): NodeLoad | undefined {
    if (this.#leaf !== undefined) return this.#leaf.place(take);
    for (;;) {
      const branch = this.#emptiest();
      if (branch === undefined) return undefined;
      const load = branch.tree.place(take);
      if (load !== undefined) {
        branch.tasks += 1;
        return load;
      }
      branch.isFull = true;
    }
  }

  #emptiest(): Branch | undefined {
    let best: Branch | undefined;
    for (const branch of this.#branches) {
      if (!branch.isFull && (best === undefined || branch.tasks < best.tasks)) best = branch;
    }
    return best;
  }
}

interface Branch {
  readonly tree: SpreadTree;
  /** Of the service, below this branch. */
  tasks: number;
  isFull: boolean;
}

/** The nodes of one branch as a heap: the best is on top. */
class Leaf {
  readonly #serviceId: string;
  readonly #heap: Candidate[];

  constructor(loads: readonly NodeLoad[], ranking: Ranking) {
    this.#serviceId = ranking.serviceId;
    this.#heap = loads.map((load, position) => ({
      load,
      position,
      faulty: load.isFaulty(ranking.templateId, ranking.now),
    }));
    for (let index = (this.#heap.length >>> 1) - 1; index >= 0; index -= 1) this.#sink(index);
  }

  place(take: {
    allows(load: NodeLoad): boolean;
    count(load: NodeLoad): void;
  }): NodeLoad | undefined {
    for (let best = this.#heap[0]; best !== undefined; best = this.#heap[0]) {
      if (take.allows(best.load)) {
        take.count(best.load);
        this.#sink(0);
        return best.load;
      }
      this.#drop();
    }
    return undefined;
  }

  /** Takes the top out. */
  #drop(): void {
    const last = this.#heap.pop();
    if (last === undefined || this.#heap.length === 0) return;
    this.#heap[0] = last;
    this.#sink(0);
  }

  /** The loads count on while tasks are placed, so that the top only ever has to go down. */
  #sink(from: number): void {
    const heap = this.#heap;
    const item = heap[from];
    if (item === undefined) return;
    let index = from;
    for (;;) {
      let child = 2 * index + 1;
      const left = heap[child];
      const right = heap[child + 1];
      if (left === undefined) break;
      if (right !== undefined && this.#isBefore(right, left)) child += 1;
      const below = heap[child];
      if (below === undefined || !this.#isBefore(below, item)) break;
      heap[index] = below;
      index = child;
    }
    heap[index] = item;
  }

  /**
   * Nodes on which the template keeps failing come last; then the fewest tasks of the service, then
   * the fewest of all (swarmkit manager/scheduler/scheduler.go, nodeLess).
   */
  #isBefore(left: Candidate, right: Candidate): boolean {
    if (left.faulty !== right.faulty) return right.faulty;
    const ofService = left.load.tasksOf(this.#serviceId) - right.load.tasksOf(this.#serviceId);
    if (ofService !== 0) return ofService < 0;
    const ofAll = left.load.taskCount - right.load.taskCount;
    return ofAll === 0 ? left.position < right.position : ofAll < 0;
  }
}

/** The label's value, empty where the node has none; keys as in `node.labels.zone`. */
export function labelOf(node: Node, key: string): string {
  return nodeProperty(node, key) ?? '';
}

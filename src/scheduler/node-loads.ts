import type { Node } from '../model/node.ts';
import type { Task } from '../model/task.ts';
import type { Change, View } from '../store/view.ts';
import type { Needs } from './needs.ts';
import { needsOf } from './needs.ts';
import { NodeLoad } from './node-load.ts';

const noNeeds: Needs = { nanoCpus: 0, memoryBytes: 0, hostPorts: [] };

/**
 * What every node bears: derived from the rows, kept up with each commit at the cost of what
 * changed. Placements that are not durable yet are counted from the moment they are made (`Trial`),
 * so that several plans in one commit see each other.
 */
export class NodeLoads {
  readonly #view: View;
  readonly #nodes = new Map<string, NodeLoad>();
  /**
   * Kept until no task counts with it: a template may be deleted in the same commit as its last
   * task.
   */
  readonly #needs = new Map<string, { readonly needs: Needs; uses: number }>();
  /** Placed by a plan whose commit is not known yet. */
  readonly #pending = new Map<string, Task>();

  /** Walks all nodes and tasks once. */
  constructor(view: View) {
    this.#view = view;
    this.reload();
  }

  /** Starts over from the view: after the store was loaded anew. */
  reload(): void {
    this.#nodes.clear();
    this.#needs.clear();
    this.#pending.clear();
    for (const node of this.#view.nodes.all()) this.#nodes.set(node.id, new NodeLoad(node));
    for (const task of this.#view.tasks.all()) {
      this.#count(task, 1);
      if (isFailure(task)) this.#recordFailure(task);
    }
  }

  /** Takes over one change of a durable commit. */
  apply(change: Change): void {
    if (change.table === 'nodes') {
      const load = this.#nodes.get(change.id);
      if (change.after === undefined) this.#nodes.delete(change.id);
      else if (load === undefined) this.#nodes.set(change.id, new NodeLoad(change.after));
      else load.node = change.after;
    } else if (change.table === 'tasks') {
      this.#settle(change.id);
      const { before, after } = change;
      if (before !== undefined) this.#count(before, -1);
      if (after !== undefined) this.#count(after, 1);
      if (after !== undefined && before?.end === undefined && isFailure(after)) {
        this.#recordFailure(after);
      }
    } else if (change.table === 'templates' && change.after === undefined) {
      for (const load of this.#nodes.values()) load.forgetFailures(change.id);
    }
  }

  all(): Iterable<NodeLoad> {
    return this.#nodes.values();
  }

  get(nodeId: string): NodeLoad | undefined {
    return this.#nodes.get(nodeId);
  }

  /** For the placements of one transaction. */
  trial(): Trial {
    return new Trial({
      add: (task, needs) => this.#addPending(task, needs),
      settle: (taskId) => this.#settle(taskId),
    });
  }

  /**
   * Runs the closure with the nodes as a transaction sees them: what it changed of a node holds
   * already, and a node that it removed is not there.
   */
  asOf<T>(view: View, run: () => T): T {
    const durable = new Map<string, NodeLoad>();
    const rows = new Map<NodeLoad, Node>();
    for (const [nodeId, load] of this.#nodes) {
      const row = view.nodes.get(nodeId);
      if (row === load.node) continue;
      rows.set(load, load.node);
      if (row === undefined) durable.set(nodeId, load);
      else load.node = row;
    }
    if (rows.size === 0) return run();
    for (const nodeId of durable.keys()) this.#nodes.delete(nodeId);
    try {
      return run();
    } finally {
      for (const [nodeId, load] of durable) this.#nodes.set(nodeId, load);
      for (const [load, row] of rows) load.node = row;
    }
  }

  /** Runs the closure as if the task were not there. */
  without<T>(task: Task, run: () => T): T {
    const load = task.nodeId === undefined ? undefined : this.#nodes.get(task.nodeId);
    const needs = this.#needs.get(task.templateId)?.needs;
    if (load === undefined || needs === undefined || task.end !== undefined) return run();
    load.count(task, { needs, sign: -1 });
    try {
      return run();
    } finally {
      load.count(task, { needs, sign: 1 });
    }
  }

  #addPending(task: Task, needs: Needs): void {
    const entry = this.#needs.get(task.templateId);
    if (entry === undefined) this.#needs.set(task.templateId, { needs, uses: 0 });
    this.#pending.set(task.id, task);
    this.#count(task, 1);
  }

  #settle(taskId: string): void {
    const task = this.#pending.get(taskId);
    if (task === undefined) return;
    this.#pending.delete(taskId);
    this.#count(task, -1);
  }

  #count(task: Task, sign: 1 | -1): void {
    if (task.nodeId === undefined || task.end !== undefined) return;
    const needs = this.#useNeeds(task.templateId, sign);
    this.#nodes.get(task.nodeId)?.count(task, { needs, sign });
  }

  #useNeeds(templateId: string, sign: 1 | -1): Needs {
    let entry = this.#needs.get(templateId);
    if (entry === undefined) {
      const template = this.#view.templates.get(templateId);
      entry = { needs: template === undefined ? noNeeds : needsOf(template.spec), uses: 0 };
      this.#needs.set(templateId, entry);
    }
    entry.uses += sign;
    if (entry.uses <= 0) this.#needs.delete(templateId);
    return entry.needs;
  }

  #recordFailure(task: Task): void {
    if (task.nodeId === undefined || task.end === undefined) return;
    this.#nodes.get(task.nodeId)?.recordFailure(task.templateId, task.end.at);
  }
}

/**
 * Placements of one transaction, counted at once. The commit that holds them settles them by
 * itself.
 */
export class Trial {
  readonly #loads: {
    add(task: Task, needs: Needs): void;
    settle(taskId: string): void;
  };
  readonly #placed: string[] = [];

  constructor(loads: { add(task: Task, needs: Needs): void; settle(taskId: string): void }) {
    this.#loads = loads;
  }

  /** Counts the task on its node. */
  add(task: Task, needs: Needs): void {
    this.#placed.push(task.id);
    this.#loads.add(task, needs);
  }

  /** Takes one placement back. */
  remove(taskId: string): void {
    this.#loads.settle(taskId);
  }

  /** The transaction did not become durable, or was only rehearsed: nothing of it counts. */
  undo(): void {
    for (const taskId of this.#placed.splice(0)) this.#loads.settle(taskId);
  }
}

function isFailure(task: Task): boolean {
  return task.end?.state === 'failed' || task.end?.state === 'rejected';
}

import { LayeredMap } from '../lib/layered-map.ts';
import type {
  CatalogNode,
  CatalogService,
  CatalogTask,
  DataAssignment,
  NetworkAssignment,
  NodeView,
  NodeViewChange,
  TaskAssignment,
  TemplateAssignment,
} from '../model/assignment.ts';

/** What the manager wants of this node, kept up to date by its messages. */
export class NodeState implements NodeView {
  readonly tasks = new Map<string, TaskAssignment>();
  readonly templates = new Map<string, TemplateAssignment>();
  readonly networks = new Map<string, NetworkAssignment>();
  readonly data = new Map<string, DataAssignment>();
  /** Of thousands, of which discovery takes a copy with each change. */
  readonly catalogServices = new LayeredMap<string, CatalogService>();
  readonly catalogTasks = new LayeredMap<string, CatalogTask>();
  readonly catalogNodes = new Map<string, CatalogNode>();

  /** Replaces everything that was known. Returns the ids of all tasks that were or are assigned. */
  replace(changes: readonly NodeViewChange[]): ReadonlySet<string> {
    const touched = new Set(this.tasks.keys());
    for (const table of this.#all()) table.clear();
    for (const taskId of this.apply(changes)) touched.add(taskId);
    return touched;
  }

  /** Returns the ids of the tasks whose assignment changed, or whose template or data came. */
  apply(changes: readonly NodeViewChange[]): ReadonlySet<string> {
    const touched = new Set<string>();
    let dataCame = false;
    for (const change of changes) {
      if ('drop' in change) {
        this.#table(change.drop).delete(change.id);
        if (change.drop === 'task') touched.add(change.id);
        continue;
      }
      this.#put(change);
      if (change.put === 'task') touched.add(change.value.taskId);
      if (change.put === 'data' || change.put === 'template') dataCame = true;
    }
    if (dataCame) for (const taskId of this.tasks.keys()) touched.add(taskId);
    return touched;
  }

  /** Everything as puts, without secrets: what may be written to disk. */
  toChanges(): readonly NodeViewChange[] {
    return [
      ...[...this.templates.values()].map((value) => ({ put: 'template', value }) as const),
      ...[...this.networks.values()].map((value) => ({ put: 'network', value }) as const),
      ...[...this.data.values()]
        .filter((value) => value.kind === 'config')
        .map((value) => ({ put: 'data', value }) as const),
      ...[...this.catalogServices.values()].map(
        (value) => ({ put: 'catalog-service', value }) as const,
      ),
      ...[...this.catalogTasks.values()].map((value) => ({ put: 'catalog-task', value }) as const),
      ...[...this.catalogNodes.values()].map((value) => ({ put: 'catalog-node', value }) as const),
      ...[...this.tasks.values()].map((value) => {
        const { registryAuth: _secret, ...task } = value;
        return { put: 'task', value: task } as const;
      }),
    ];
  }

  #put(change: Extract<NodeViewChange, { readonly put: unknown }>): void {
    switch (change.put) {
      case 'task':
        this.tasks.set(change.value.taskId, change.value);
        break;
      case 'template':
        this.templates.set(change.value.templateId, change.value);
        break;
      case 'network':
        this.networks.set(change.value.networkId, change.value);
        break;
      case 'data':
        this.data.set(change.value.id, change.value);
        break;
      case 'catalog-service':
        this.catalogServices.set(change.value.serviceId, change.value);
        break;
      case 'catalog-task':
        this.catalogTasks.set(change.value.taskId, change.value);
        break;
      case 'catalog-node':
        this.catalogNodes.set(change.value.nodeId, change.value);
        break;
    }
  }

  #all(): readonly { clear(): void }[] {
    return [
      this.tasks,
      this.templates,
      this.networks,
      this.data,
      this.catalogServices,
      this.catalogTasks,
      this.catalogNodes,
    ];
  }

  #table(kind: Extract<NodeViewChange, { readonly drop: unknown }>['drop']): {
    delete(id: string): boolean;
  } {
    switch (kind) {
      case 'task':
        return this.tasks;
      case 'template':
        return this.templates;
      case 'network':
        return this.networks;
      case 'data':
        return this.data;
      case 'catalog-service':
        return this.catalogServices;
      case 'catalog-task':
        return this.catalogTasks;
      case 'catalog-node':
        return this.catalogNodes;
    }
  }
}

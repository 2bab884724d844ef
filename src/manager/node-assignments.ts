import { sameJson } from '../lib/json.ts';
import type { NodeView, NodeViewChange } from '../model/assignment.ts';
import type { Observed } from '../model/observed.ts';
import type { Task } from '../model/task.ts';
import { isLive } from '../store/schema.ts';
import type { View } from '../store/view.ts';
import {
  catalogNode,
  catalogService,
  catalogTask,
  containerService,
  containerTask,
  dataAssignment,
  networkAssignment,
  taskAssignment,
  templateAssignment,
} from './assignments.ts';
import { UseCount } from './use-count.ts';

/** What was told to a node, and what has to be looked at again: the same kinds, by id. */
type Kind = keyof NodeView;
type Mutable<T> = T extends ReadonlyMap<infer K, infer V> ? Map<K, V> : never;

/** Networks, template and data that one task makes its node need. */
interface TaskNeeds {
  readonly templates: readonly string[];
  readonly networks: readonly string[];
  readonly data: readonly string[];
}

const noNeeds: TaskNeeds = { templates: [], networks: [], data: [] };

/** In the order in which puts refer to each other; drops go the other way round. */
const kinds = [
  'data',
  'networks',
  'templates',
  'catalogServices',
  'catalogTasks',
  'catalogNodes',
  'tasks',
] as const satisfies readonly Kind[];

/**
 * The node view of one node: what it was told, and what may have changed since. Marks are cheap and
 * say only "look again"; `takeChanges` looks, compares, and costs what was marked.
 */
export class NodeAssignments {
  readonly nodeId: string;
  readonly #view: View;
  readonly #observed: Observed;
  readonly #told: { readonly [K in Kind]: Mutable<NodeView[K]> } = {
    data: new Map(),
    networks: new Map(),
    templates: new Map(),
    catalogServices: new Map(),
    catalogTasks: new Map(),
    catalogNodes: new Map(),
    tasks: new Map(),
  };
  readonly #marked: { readonly [K in Kind]: Set<string> } = {
    data: new Set(),
    networks: new Set(),
    templates: new Set(),
    catalogServices: new Set(),
    catalogTasks: new Set(),
    catalogNodes: new Set(),
    tasks: new Set(),
  };
  readonly #needs = new Map<string, TaskNeeds>();
  readonly #uses = { templates: new UseCount(), networks: new UseCount(), data: new UseCount() };
  /** How many tasks of the catalog each node has. */
  readonly #tasksOf = new UseCount();
  readonly #onNetwork: (networkId: string, needed: boolean) => void;
  readonly #isDeparting: (taskId: string) => boolean;

  /** `onNetwork` is told when the node begins or ceases to need a network. */
  constructor(options: {
    readonly nodeId: string;
    readonly view: View;
    readonly observed: Observed;
    readonly onNetwork: (networkId: string, needed: boolean) => void;
    /** Whether callers may still be led to a task by other nodes. */
    readonly isDeparting: (taskId: string) => boolean;
  }) {
    this.nodeId = options.nodeId;
    this.#view = options.view;
    this.#observed = options.observed;
    this.#onNetwork = options.onNetwork;
    this.#isDeparting = options.isDeparting;
  }

  markEverything(): void {
    for (const task of this.#view.tasks.by('node', this.nodeId)) this.#marked.tasks.add(task.id);
    for (const id of this.#told.tasks.keys()) this.#marked.tasks.add(id);
    for (const service of publishingServices(this.#view)) this.markService(service);
    for (const network of this.#view.networks.all()) {
      if (network.spec.attachable) this.markNetwork(network.id);
    }
  }

  markTask(taskId: string): void {
    this.#marked.tasks.add(taskId);
  }

  markNetwork(networkId: string): void {
    this.#marked.networks.add(networkId);
  }

  markService(serviceId: string): void {
    this.#marked.catalogServices.add(serviceId);
    for (const network of this.#view.networks.by('ingress', 'yes')) {
      this.#marked.networks.add(network.id);
    }
  }

  markCatalogTask(taskId: string): void {
    this.#marked.catalogTasks.add(taskId);
  }

  /** One that is no task. */
  markContainer(containerId: string): void {
    this.#marked.catalogServices.add(containerId);
    this.#marked.catalogTasks.add(containerId);
  }

  markCatalogNode(nodeId: string): void {
    this.#marked.catalogNodes.add(nodeId);
  }

  get hasMarks(): boolean {
    return kinds.some((kind) => this.#marked[kind].size > 0);
  }

  /**
   * The differences between what the node was told and what holds now; it counts as told
   * afterwards.
   */
  takeChanges(): readonly NodeViewChange[] {
    this.#lookAtTasks();
    this.#lookAtNetworks();
    const puts: NodeViewChange[] = [];
    const drops: NodeViewChange[] = [];
    for (const kind of kinds) {
      for (const id of this.#marked[kind]) {
        const change = this.#difference(kind, id);
        if (change !== undefined) ('put' in change ? puts : drops).push(change);
      }
      this.#marked[kind].clear();
    }
    return [...puts, ...drops.toReversed()];
  }

  /**
   * Counts anew what the marked tasks need, and marks what is needed for the first or no more time.
   */
  #lookAtTasks(): void {
    for (const id of this.#marked.tasks) {
      const task = this.#assigned(id);
      const after = task === undefined ? noNeeds : needsOf(this.#view, task);
      const before = this.#needs.get(id) ?? noNeeds;
      for (const kind of ['templates', 'networks', 'data'] as const) {
        for (const key of after[kind]) if (this.#uses[kind].add(key)) this.#marked[kind].add(key);
        for (const key of before[kind]) {
          if (this.#uses[kind].remove(key)) this.#marked[kind].add(key);
        }
      }
      if (task === undefined) this.#needs.delete(id);
      else this.#needs.set(id, after);
    }
  }

  /** A network that comes or goes takes what is discoverable on it along. */
  #lookAtNetworks(): void {
    for (const id of this.#marked.networks) {
      const needed = this.#needsNetwork(id);
      if (needed === this.#told.networks.has(id)) continue;
      this.#onNetwork(id, needed);
      // By the ingress network callers come from any node.
      if (this.#view.networks.get(id)?.spec.ingress !== false) this.#markNodes();
      for (const serviceId of servicesOn(this.#view, id)) {
        this.#marked.catalogServices.add(serviceId);
      }
      for (const task of this.#view.tasks.by('network', id)) this.#marked.catalogTasks.add(task.id);
      for (const { container } of this.#view.attachments.by('network', id)) {
        if (container !== undefined) this.markContainer(container.containerId);
      }
      for (const [serviceId, told] of this.#told.catalogServices) {
        if (told.networks.some((one) => one.networkId === id)) {
          this.#marked.catalogServices.add(serviceId);
        }
      }
      for (const [taskId, told] of this.#told.catalogTasks) {
        if (told.addresses.some((one) => one.networkId === id))
          this.#marked.catalogTasks.add(taskId);
      }
    }
  }

  #difference(kind: Kind, id: string): NodeViewChange | undefined {
    switch (kind) {
      case 'tasks': {
        const task = this.#assigned(id);
        const departing = this.#isDeparting(id);
        const value = task && taskAssignment(this.#view, { task, departing });
        return difference(this.#told.tasks, { id, value, name: 'task' });
      }
      case 'templates': {
        const row = this.#uses.templates.has(id) ? this.#view.templates.get(id) : undefined;
        const value = row === undefined ? undefined : templateAssignment(row);
        return difference(this.#told.templates, { id, value, name: 'template' });
      }
      case 'networks': {
        const row = this.#needsNetwork(id) ? this.#view.networks.get(id) : undefined;
        const value = row === undefined ? undefined : networkAssignment(this.#view, row);
        return difference(this.#told.networks, { id, value, name: 'network' });
      }
      case 'data': {
        const value = this.#uses.data.has(id) ? dataAssignment(this.#view, id) : undefined;
        return difference(this.#told.data, { id, value, name: 'data' });
      }
      case 'catalogServices': {
        const found = catalogService(this.#view, id) ?? containerService(this.#view, id);
        const value = this.#discoverable(found);
        return difference(this.#told.catalogServices, { id, value, name: 'catalog-service' });
      }
      case 'catalogTasks':
        return this.#catalogTaskDifference(id);
      case 'catalogNodes': {
        const of = { nodeId: id, observed: this.#observed };
        const isNeeded = this.#tasksOf.has(id) || this.#isEntered();
        const value = isNeeded ? catalogNode(this.#view, of) : undefined;
        return difference(this.#told.catalogNodes, { id, value, name: 'catalog-node' });
      }
    }
  }

  /** A node is told of with the first of its tasks, and goes with the last. */
  #catalogTaskDifference(id: string): NodeViewChange | undefined {
    const task = this.#view.tasks.get(id);
    const observed = this.#observed;
    const found =
      task === undefined
        ? containerTask(this.#view, { containerId: id, observed })
        : catalogTask(this.#view, { task, observed });
    const value = found?.addresses.some((one) => this.#needsNetwork(one.networkId))
      ? found
      : undefined;
    const before = this.#told.catalogTasks.get(id)?.nodeId;
    if (value !== undefined && before === undefined && this.#tasksOf.add(value.nodeId)) {
      this.markCatalogNode(value.nodeId);
    }
    if (value === undefined && before !== undefined && this.#tasksOf.remove(before)) {
      this.markCatalogNode(before);
    }
    return difference(this.#told.catalogTasks, { id, value, name: 'catalog-task' });
  }

  #assigned(taskId: string): Task | undefined {
    const task = this.#view.tasks.get(taskId);
    return task?.nodeId === this.nodeId ? task : undefined;
  }

  /**
   * Ports of mode `ingress` answer on every node, so every node needs the way in. Containers that
   * are no tasks may join attachable networks anywhere.
   */
  #needsNetwork(networkId: string): boolean {
    const network = this.#view.networks.get(networkId);
    if (network === undefined) return false;
    if (this.#uses.networks.has(networkId)) return true;
    if (network.spec.attachable && network.removing !== true) return true;
    return network.spec.ingress && publishesAny(this.#view);
  }

  /** Whether callers of published ports come in here. */
  #isEntered(): boolean {
    for (const { id } of this.#view.networks.by('ingress', 'yes')) {
      if (this.#needsNetwork(id)) return true;
    }
    return false;
  }

  #markNodes(): void {
    for (const id of this.#told.catalogNodes.keys()) this.markCatalogNode(id);
    for (const { id } of this.#view.nodes.all()) this.markCatalogNode(id);
  }

  #discoverable(service: ReturnType<typeof catalogService>): ReturnType<typeof catalogService> {
    if (service === undefined || service.ports.length > 0) return service;
    return service.networks.some((one) => this.#needsNetwork(one.networkId)) ? service : undefined;
  }
}

/** Ids of the services that are found on the network: they are attached to it, or were. */
function servicesOn(view: View, networkId: string): ReadonlySet<string> {
  const ids = new Set<string>();
  for (const template of view.templates.by('network', networkId)) ids.add(template.serviceId);
  const network = view.networks.get(networkId);
  if (network?.spec.ingress === true) for (const id of publishingServices(view)) ids.add(id);
  return ids;
}

function publishingServices(view: View): ReadonlySet<string> {
  const ids = new Set<string>();
  for (const key of view.services.keys('port')) {
    for (const service of view.services.by('port', key)) ids.add(service.id);
  }
  return ids;
}

function publishesAny(view: View): boolean {
  for (const _key of view.services.keys('port')) return true;
  return false;
}

function needsOf(view: View, task: Task): TaskNeeds {
  const template = view.templates.get(task.templateId);
  const templates = [task.templateId];
  if (template === undefined || task.end !== undefined) return { ...noNeeds, templates };
  const attached = template.spec.networks.map((one) => one.networkId);
  const networks = [
    ...new Set([...attached, ...task.addresses.map((address) => address.networkId)]),
  ];
  if (!isLive(task)) return { templates, networks, data: [] };
  const files = template.spec.containers.flatMap((one) => [...one.secrets, ...one.configs]);
  return { templates, networks, data: [...new Set(files.map((file) => file.sourceId))] };
}

type Name = Extract<NodeViewChange, { drop: string }>['drop'];

function difference<V>(
  told: Map<string, V>,
  wanted: { readonly id: string; readonly value: V | undefined; readonly name: Name },
): NodeViewChange | undefined {
  const { id, value, name } = wanted;
  const before = told.get(id);
  if (value === undefined) return told.delete(id) ? { drop: name, id } : undefined;
  if (before !== undefined && sameJson(before, value)) return undefined;
  told.set(id, value);
  return { put: name, value } as unknown as NodeViewChange;
}

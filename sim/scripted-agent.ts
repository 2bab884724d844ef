import type { AgentTransport, MessageStream } from '../src/host/transport.ts';
import type { NodeView, NodeViewChange, TaskAssignment } from '../src/model/assignment.ts';
import type { AttachmentReport } from '../src/model/attachment.ts';
import type { NodeDescription } from '../src/model/node.ts';
import type { ObservedTask } from '../src/model/task.ts';
import { isEndState } from '../src/model/task-state.ts';
import type { AgentMessage, ManagerMessage } from '../src/wire/messages.ts';

type Mutable<T> = T extends ReadonlyMap<infer K, infer V> ? Map<K, V> : never;
type MutableView = { readonly [K in keyof NodeView]: Mutable<NodeView[K]> };

export const smallMachine: NodeDescription = {
  hostname: 'vm',
  os: 'linux',
  architecture: 'x86_64',
  nanoCpus: 8_000_000_000,
  memoryBytes: 16 * 1024 ** 3,
  engineVersion: '20.10.24',
  engineLabels: {},
  plugins: [
    { type: 'Network', name: 'bridge' },
    { type: 'Volume', name: 'local' },
    { type: 'Log', name: 'json-file' },
  ],
  hostSubnets: ['172.17.0.0/16'],
  address: '192.0.2.1',
};

/**
 * An agent that does what a script tells it: it keeps the view that the manager gives it, and
 * reports what it is told to. With `obedient` it reports at once that each task is as it is desired
 * to be.
 */
export class ScriptedAgent {
  readonly nodeId: string;
  readonly #transport: AgentTransport;
  readonly #now: () => number;
  readonly view: MutableView = emptyView();
  /** Every message of the manager, in order. */
  readonly heard: ManagerMessage[] = [];
  readonly observed = new Map<string, ObservedTask>();
  /** What it says in its next hello of containers that are no tasks; undefined: nothing. */
  attachments: AttachmentReport | undefined;
  /** What it says of the cluster that it is in. */
  clusterId = '';
  obedient = true;
  /** Never says that it shows what it was told. */
  slowToShow = false;
  /** Does not even say that it lives. */
  silent = false;
  description: NodeDescription;
  #session: MessageStream<AgentMessage, ManagerMessage> | undefined;
  #stop = new AbortController();
  #containers = 0;

  constructor(options: {
    readonly nodeId: string;
    readonly transport: AgentTransport;
    readonly now: () => number;
    readonly description?: NodeDescription;
  }) {
    this.nodeId = options.nodeId;
    this.#transport = options.transport;
    this.#now = options.now;
    this.description = options.description ?? smallMachine;
  }

  /** Opens a session and says everything that it observes. */
  async connect(): Promise<void> {
    this.#stop = new AbortController();
    const session = await this.#transport.openSession(this.#stop.signal);
    this.#session = session;
    const { nodeId, clusterId, description, attachments } = this;
    const tasks = [...this.observed.values()];
    const sentAt = this.#now();
    const said = { nodeId, clusterId, sentAt, description, tasks };
    await session.send({
      kind: 'hello',
      ...said,
      ...(attachments !== undefined && { attachments }),
    });
    void this.#listen(session);
  }

  /** The link breaks; nothing that runs is touched by that. */
  disconnect(): void {
    this.#stop.abort();
    this.#session = undefined;
  }

  /** Says goodbye: the daemon is stopped in order, and its machine unless it `returns`. */
  async closeSession({ returns = true } = {}): Promise<void> {
    await this.#send({ kind: 'farewell', returns });
    this.#session?.close();
    this.#session = undefined;
  }

  /** Says that a task is in a state; remembers it for the next hello. */
  async report(taskId: string, fields: Partial<ObservedTask>): Promise<void> {
    const task = this.#observation(taskId, fields);
    await this.#send({ kind: 'observed', sentAt: this.#now(), tasks: [task], gone: [] });
  }

  /** Says that names, virtual addresses and ports are as it was told until then. */
  async confirm(confirm: number): Promise<void> {
    await this.#send({ kind: 'shown', confirm });
  }

  async beat(): Promise<void> {
    await this.#send({ kind: 'beat', sentAt: this.#now() });
  }

  async send(message: AgentMessage): Promise<void> {
    await this.#send(message);
  }

  get isConnected(): boolean {
    return this.#session !== undefined;
  }

  /** Tasks that are assigned and not over, in the order in which they came. */
  get tasks(): readonly TaskAssignment[] {
    return [...this.view.tasks.values()].filter((task) => !task.ended);
  }

  #observation(taskId: string, fields: Partial<ObservedTask>): ObservedTask {
    const before = this.observed.get(taskId);
    this.#containers += 1;
    const containerId = before?.containers[0]?.containerId ?? `container-${this.#containers}`;
    const task: ObservedTask = {
      taskId,
      state: 'running',
      since: this.#now(),
      containers: [{ name: 'main', containerId, health: 'none' }],
      hostPorts: [],
      ...fields,
    };
    this.observed.set(taskId, task);
    return task;
  }

  async #send(message: AgentMessage): Promise<void> {
    // What is said while the link is down is said again by the next hello.
    await this.#session?.send(message).catch(() => undefined);
  }

  async #listen(session: MessageStream<AgentMessage, ManagerMessage>): Promise<void> {
    try {
      for await (const message of session.incoming) {
        this.heard.push(message);
        if (message.kind === 'assign') this.#take(message);
        if (message.kind === 'leave' && this.obedient) await this.leave();
        if (message.kind !== 'assign' || !this.obedient) continue;
        const { confirm, sequence, changes, full } = message;
        if (full || changes.some(isEnd)) {
          await this.#send({ kind: 'beat', sentAt: this.#now(), known: sequence });
        }
        if (confirm !== undefined && !this.slowToShow) await this.confirm(confirm);
        await this.#obey();
      }
    } catch {
      // The link broke; the script connects again when it wants to.
    }
    if (this.#session === session) this.#session = undefined;
  }

  #take(message: Extract<ManagerMessage, { kind: 'assign' }>): void {
    if (message.full) for (const kind of Object.values(this.view)) kind.clear();
    for (const change of message.changes) applyChange(this.view, change);
  }

  /** Says that nothing of the cluster is left, and closes the session. */
  async leave(): Promise<void> {
    for (const kind of Object.values(this.view)) kind.clear();
    this.observed.clear();
    await this.#send({ kind: 'left' });
    this.#session?.close();
  }

  async #obey(): Promise<void> {
    const changed: ObservedTask[] = [];
    const gone: string[] = [];
    for (const task of this.view.tasks.values()) {
      const wanted = stateFor(task);
      const before = this.observed.get(task.taskId);
      if (task.ended || before?.state === wanted) continue;
      if (before !== undefined && isEndState(before.state)) continue;
      changed.push(this.#observation(task.taskId, { state: wanted }));
    }
    for (const taskId of this.observed.keys()) {
      if (this.view.tasks.has(taskId)) continue;
      this.observed.delete(taskId);
      gone.push(taskId);
    }
    if (changed.length + gone.length === 0) return;
    await this.#send({ kind: 'observed', sentAt: this.#now(), tasks: changed, gone });
  }
}

/** Whether the node is told that a task is over. */
function isEnd(change: NodeViewChange): boolean {
  if ('drop' in change) return change.drop === 'task';
  return change.put === 'task' && change.value.ended;
}

function stateFor(task: TaskAssignment): ObservedTask['state'] {
  switch (task.desired) {
    case 'ready':
      return 'ready';
    case 'running':
    case 'complete':
      return 'running';
    case 'shutdown':
    case 'removed':
      return task.departing === true ? 'running' : 'shutdown';
  }
}

function emptyView(): MutableView {
  return {
    tasks: new Map(),
    templates: new Map(),
    networks: new Map(),
    data: new Map(),
    catalogServices: new Map(),
    catalogTasks: new Map(),
    catalogNodes: new Map(),
  };
}

/** Brings one difference into a node view. */
function applyChange(view: MutableView, change: NodeViewChange): void {
  if ('drop' in change) {
    const kinds = {
      task: view.tasks,
      template: view.templates,
      network: view.networks,
      data: view.data,
      'catalog-service': view.catalogServices,
      'catalog-task': view.catalogTasks,
      'catalog-node': view.catalogNodes,
    };
    kinds[change.drop].delete(change.id);
    return;
  }
  switch (change.put) {
    case 'task':
      view.tasks.set(change.value.taskId, change.value);
      break;
    case 'template':
      view.templates.set(change.value.templateId, change.value);
      break;
    case 'network':
      view.networks.set(change.value.networkId, change.value);
      break;
    case 'data':
      view.data.set(change.value.id, change.value);
      break;
    case 'catalog-service':
      view.catalogServices.set(change.value.serviceId, change.value);
      break;
    case 'catalog-task':
      view.catalogTasks.set(change.value.taskId, change.value);
      break;
    case 'catalog-node':
      view.catalogNodes.set(change.value.nodeId, change.value);
      break;
  }
}

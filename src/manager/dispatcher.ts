import type { Attachment } from '../model/attachment.ts';
import type { Observed } from '../model/observed.ts';
import type { Service } from '../model/service.ts';
import type { Task } from '../model/task.ts';
import { isLive, slotKey } from '../store/schema.ts';
import type { Change, Commit, View } from '../store/view.ts';
import type { AgentSession } from './agent-session.ts';
import { ingressPorts } from './assignments.ts';
import { Departures } from './departures.ts';
import { NodeAssignments } from './node-assignments.ts';
import { ToldEnds } from './told-ends.ts';

/**
 * Knows which sessions a change concerns, and marks it there. The cost is what the change touches:
 * its node, and the nodes that need one of its networks.
 */
export class Dispatcher {
  readonly #view: View;
  readonly #observed: Observed;
  readonly #sessions = new Map<string, AgentSession>();
  /** Nodes that need a network. */
  readonly #nodesOn = new Map<string, Set<string>>();
  readonly #departures = new Departures((taskId) => this.#departed(taskId));
  readonly #toldEnds: ToldEnds;

  constructor(options: {
    readonly view: View;
    readonly observed: Observed;
    /** The nodes of these tasks, which ended, know that it is recorded. */
    readonly onEndsSeen: (taskIds: readonly string[]) => void;
  }) {
    this.#view = options.view;
    this.#observed = options.observed;
    this.#toldEnds = new ToldEnds(options.onEndsSeen);
  }

  session(nodeId: string): AgentSession | undefined {
    return this.#sessions.get(nodeId);
  }

  /** In the order in which they came. */
  sessions(): readonly AgentSession[] {
    return [...this.#sessions.values()];
  }

  /** The view of a node that was told nothing yet. */
  assignmentsFor(nodeId: string): NodeAssignments {
    const assignments = new NodeAssignments({
      nodeId,
      view: this.#view,
      observed: this.#observed,
      onNetwork: (networkId, needed) => this.#setNeed(networkId, { nodeId, needed }),
      isDeparting: (taskId) => this.#departures.has(taskId),
    });
    assignments.markEverything();
    return assignments;
  }

  /** Returns the session of the same node that this one replaces. */
  add(session: AgentSession): AgentSession | undefined {
    const before = this.#sessions.get(session.nodeId);
    if (before !== undefined) this.remove(before);
    this.#sessions.set(session.nodeId, session);
    const ended = [...this.#view.tasks.by('node', session.nodeId)].filter(({ end }) => end);
    const removed = this.#toldEnds.removedFrom(session.nodeId);
    this.#toldEnds.begin(session, [...ended.map(({ id }) => id), ...removed]);
    return before;
  }

  /** Returns false when the session was replaced before. */
  remove(session: AgentSession): boolean {
    if (this.#sessions.get(session.nodeId) !== session) return false;
    this.#sessions.delete(session.nodeId);
    this.#departures.sessionEnded(session);
    this.#toldEnds.sessionEnded(session);
    for (const nodes of this.#nodesOn.values()) nodes.delete(session.nodeId);
    return true;
  }

  /** The agent shows what it was told up to that confirmation. */
  confirmed(session: AgentSession, confirmation: number): void {
    this.#departures.confirmed(session, confirmation);
  }

  /** The agent knows what it was told up to that message. */
  known(session: AgentSession, sequence: number): void {
    this.#toldEnds.known(session, session.known(sequence));
  }

  committed(commit: Commit): void {
    for (const change of commit.changes) this.#noteRemoval(change);
    if (this.#sessions.size === 0) return;
    const touched = new Set<AgentSession>();
    for (const change of commit.changes) this.#mark(change, touched);
    for (const session of touched) session.wake();
  }

  #noteRemoval({ table, id, before, after }: Change): void {
    if (after !== undefined) return;
    if (table === 'nodes') this.#toldEnds.forgetNode(id);
    if (table !== 'tasks' || before?.nodeId === undefined) return;
    // A node that went with its tasks is told nothing.
    if (this.#view.nodes.get(before.nodeId) === undefined) return;
    const session = this.#sessions.get(before.nodeId);
    this.#toldEnds.removed(id, {
      nodeId: before.nodeId,
      ...(session !== undefined && { session }),
    });
  }

  /** What is observed of a task changed: it may have become ready, or ceased to be. */
  observed(taskId: string): void {
    const task = this.#view.tasks.get(taskId);
    if (task === undefined) return;
    for (const session of this.#sessionsOn(addressNetworks(task))) {
      session.assignments.markCatalogTask(taskId);
      session.wake();
    }
  }

  /** The node is down, or back: whether it and its tasks are to be found has changed. */
  nodeChanged(nodeId: string): void {
    for (const session of this.#sessions.values()) {
      session.assignments.markCatalogNode(nodeId);
      session.wake();
    }
    for (const task of this.#view.tasks.by('node', nodeId)) this.observed(task.id);
    const woken = new Set<AgentSession>();
    for (const row of this.#view.attachments.by('node', nodeId)) this.#markContainer(row, woken);
    for (const session of woken) session.wake();
  }

  /** Told on one of its networks, a container is told with all of them. */
  #markContainer(row: Attachment | undefined, touched: Set<AgentSession>): void {
    if (row?.container === undefined) return;
    const { containerId } = row.container;
    const places = [row, ...this.#view.attachments.by('container', containerId)];
    for (const session of this.#sessionsOn(places.map(({ networkId }) => networkId))) {
      session.assignments.markContainer(containerId);
      touched.add(session);
    }
  }

  #mark(change: Change, touched: Set<AgentSession>): void {
    switch (change.table) {
      case 'tasks':
        this.#markTask(change, touched);
        break;
      case 'services':
        this.#markService(change, touched);
        break;
      case 'networks':
        for (const session of this.#sessionsOfNetwork(change)) {
          session.assignments.markNetwork(change.id);
          touched.add(session);
        }
        break;
      case 'nodes':
        for (const session of this.#sessions.values()) {
          session.assignments.markCatalogNode(change.id);
          touched.add(session);
        }
        if (change.before?.description.linkMtu !== change.after?.description.linkMtu) {
          this.#markNetworks(touched);
        }
        break;
      case 'attachments':
        this.#markContainer(change.before, touched);
        this.#markContainer(change.after, touched);
        break;
      case 'clusters':
        // Until there is a cluster nothing is sent.
        for (const session of this.#sessions.values()) touched.add(session);
        if (change.before?.passedMtu !== change.after?.passedMtu) this.#markNetworks(touched);
        break;
      case 'roots':
      case 'templates':
      case 'secrets':
      case 'configs':
        // Templates and data never change; what refers to them is what brings them to a node.
        break;
    }
  }

  /** Their size of packets is that of the smallest link, or of what passes between nodes. */
  #markNetworks(touched: Set<AgentSession>): void {
    for (const { id } of this.#view.networks.all()) {
      for (const session of this.#sessionsOn([id])) {
        session.assignments.markNetwork(id);
        touched.add(session);
      }
    }
  }

  #markTask(change: Extract<Change, { table: 'tasks' }>, touched: Set<AgentSession>): void {
    const rows = [change.before, change.after].filter((row) => row !== undefined);
    for (const { nodeId } of rows) {
      const session = nodeId === undefined ? undefined : this.#sessions.get(nodeId);
      if (session === undefined) continue;
      session.assignments.markTask(change.id);
      for (const task of this.#waitingFor(change)) session.assignments.markTask(task.id);
      if (change.after?.end !== undefined && change.before?.end === undefined) {
        this.#toldEnds.begin(session, [change.id]);
      }
      touched.add(session);
    }
    const concerned = this.#sessionsOn(rows.flatMap(addressNetworks));
    for (const session of concerned) {
      session.assignments.markCatalogTask(change.id);
      touched.add(session);
    }
    if (change.after === undefined || change.after.end !== undefined) {
      this.#departures.forget(change.id);
    } else if (this.#isLeaving(change.before, change.after)) {
      const others = [...concerned].filter(({ nodeId }) => nodeId !== change.after?.nodeId);
      this.#departures.begin(change.id, others);
    }
  }

  /** Whether callers were led to a task, whose service stays, until it was told to stop. */
  #isLeaving(before: Task | undefined, after: Task): boolean {
    if (before === undefined || !isLive(before) || isLive(after)) return false;
    const service = this.#view.services.get(after.serviceId);
    if (service === undefined || service.removing === true) return false;
    return this.#observed.task(after.id)?.state === 'running';
  }

  /** Its agent may stop it. */
  #departed(taskId: string): void {
    const nodeId = this.#view.tasks.get(taskId)?.nodeId;
    const session = nodeId === undefined ? undefined : this.#sessions.get(nodeId);
    session?.assignments.markTask(taskId);
    session?.wake();
  }

  /** Prepared tasks whose agent is told what it may do when the changed one is out of their way. */
  #waitingFor({ before, after }: Extract<Change, { table: 'tasks' }>): readonly Task[] {
    const row = after ?? before;
    if (row === undefined || (before?.desired === after?.desired && before?.end === after?.end)) {
      return [];
    }
    return [...this.#view.tasks.by('slot', slotKey(row))].filter(
      (task) => task.desired === 'ready' && task.nodeId === row.nodeId,
    );
  }

  #markService(change: Extract<Change, { table: 'services' }>, touched: Set<AgentSession>): void {
    const rows = [change.before, change.after].filter((row) => row !== undefined);
    const everywhere = rows.some((row) => ingressPorts(row).length > 0);
    const concerned = everywhere
      ? this.#sessions.values()
      : this.#sessionsOn(rows.flatMap((row) => this.#serviceNetworks(row)));
    for (const session of concerned) {
      session.assignments.markService(change.id);
      touched.add(session);
    }
    if (!changesTasks(change.before, change.after)) return;
    for (const task of this.#view.tasks.by('service', change.id)) {
      const session = task.nodeId === undefined ? undefined : this.#sessions.get(task.nodeId);
      if (session === undefined) continue;
      session.assignments.markTask(task.id);
      touched.add(session);
    }
  }

  /** An attachable network is needed everywhere, whether anybody has it yet or not. */
  #sessionsOfNetwork(change: Extract<Change, { table: 'networks' }>): Iterable<AgentSession> {
    const isAttachable = [change.before, change.after].some((row) => row?.spec.attachable === true);
    return isAttachable ? this.#sessions.values() : this.#sessionsOn([change.id]);
  }

  #serviceNetworks(service: Service): readonly string[] {
    const template = this.#view.templates.get(service.templateId);
    return [
      ...service.virtualAddresses.map((vip) => vip.networkId),
      ...(template?.spec.networks ?? []).map((one) => one.networkId),
    ];
  }

  #sessionsOn(networkIds: readonly string[]): ReadonlySet<AgentSession> {
    const sessions = new Set<AgentSession>();
    for (const networkId of networkIds) {
      for (const nodeId of this.#nodesOn.get(networkId) ?? []) {
        const session = this.#sessions.get(nodeId);
        if (session !== undefined) sessions.add(session);
      }
    }
    return sessions;
  }

  #setNeed(networkId: string, need: { readonly nodeId: string; readonly needed: boolean }): void {
    const nodes = this.#nodesOn.get(networkId) ?? new Set<string>();
    if (need.needed) nodes.add(need.nodeId);
    else nodes.delete(need.nodeId);
    if (nodes.size > 0) this.#nodesOn.set(networkId, nodes);
    else this.#nodesOn.delete(networkId);
  }
}

function addressNetworks(task: Task): readonly string[] {
  return task.addresses.map((one) => one.networkId);
}

/** Whether a service's tasks carry something of it that is different now. */
function changesTasks(before: Service | undefined, after: Service | undefined): boolean {
  if (before === undefined || after === undefined) return false;
  return (
    before.spec.labels !== after.spec.labels ||
    before.spec.name !== after.spec.name ||
    before.registryAuth !== after.registryAuth
  );
}

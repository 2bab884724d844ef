import { signingRoot } from '../ca/rotation.ts';
import type { Clock } from '../host/clock.ts';
import type { LifeReceiver } from '../host/life.ts';
import type { Logger } from '../host/logger.ts';
import type { MessageStream, SessionPeer } from '../host/transport.ts';
import { TuttiError } from '../lib/error.ts';
import { leaseTerms } from '../liveness/terms.ts';
import { clusterDefaults } from '../model/cluster.ts';
import type { AttachmentReport } from '../model/attachment.ts';
import type { NodeDescription } from '../model/node.ts';
import type { ObservedTask } from '../model/task.ts';
import type { View } from '../store/view.ts';
import type { AgentMessage, ManagerMessage } from '../wire/messages.ts';
import { AgentSession } from './agent-session.ts';
import { theCluster } from './cluster-row.ts';
import type { Dispatcher } from './dispatcher.ts';
import { managersToTell } from './known-managers.ts';
import type { NodeMonitor } from './node-monitor.ts';
import { actingRole } from './nodes.ts';
import type { ObservedState } from './observed-state.ts';

type Stream = MessageStream<ManagerMessage, AgentMessage>;
export type Hello = Extract<AgentMessage, { kind: 'hello' }>;

/** How long an agent may take to say who it is. */
const helloTimeoutMs = 10_000;
/** A renewal takes the manager some milliseconds. */
const renewalSpreadMs = 20;

/** What sessions tell the rest of the manager. */
export interface SessionEvents {
  /** A node said what it is; resolves when that is durable. There is a cluster. */
  described(
    nodeId: string,
    description: NodeDescription,
    /** `known`: it has a row, or it was removed. */
    how: { readonly known: boolean },
  ): Promise<void>;
  /** A node tells what it made without a manager; resolves when that is durable. */
  standIns(nodeId: string, hello: Hello): Promise<void>;
  /** A node wants a place on a network; resolves with the answer. */
  attach(
    nodeId: string,
    message: Extract<AgentMessage, { readonly kind: 'attach' }>,
  ): Promise<ManagerMessage>;
  /** A node tells which containers it has; resolves when that is durable, or could not be. */
  attachments(nodeId: string, report: AttachmentReport): Promise<ManagerMessage | undefined>;
  /** These tasks are observed differently now. */
  observed(taskIds: readonly string[]): void;
  /** These tasks have left nothing behind on their node. */
  gone(nodeId: string, taskIds: readonly string[]): void;
  /** A node came or went. */
  nodeChanged(nodeId: string): void;
  sessionEnded(nodeId: string): void;
  /** A node said what it saw of its network. */
  examined(nodeId: string, message: Extract<AgentMessage, { readonly kind: 'examined' }>): void;
}

/** By what right this manager acts. */
export interface Tenure {
  readonly epoch: number;
  /** To be asked before each act. */
  readonly mayAct: boolean;
  /** The node of this manager; undefined where it does not matter. */
  readonly nodeId: string | undefined;
}

/**
 * Speaks with the agents: greets, listens, notices who is silent. A session that ends says nothing
 * about the tasks of its node; they stay as they were last observed.
 */
export class Sessions {
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #view: View;
  readonly #observed: ObservedState;
  readonly #dispatcher: Dispatcher;
  readonly #monitor: NodeMonitor;
  readonly #fraction: () => number;
  readonly #life: LifeReceiver | undefined;
  readonly #events: SessionEvents;
  readonly #tenure: Tenure;
  readonly #stop = new AbortController();
  /**
   * Set while the cluster is being left: nodes of it are told so, others wait for the end of it.
   */
  #leaving: PromiseWithResolvers<void> | undefined;
  /** Nodes that have been told to leave and have not said yet that they did. */
  readonly #leavers = new Map<string, PromiseWithResolvers<void>>();
  /** What the agent of the manager's own machine said last. */
  #ownHello: Hello | undefined;
  #arrived = Promise.withResolvers<void>();

  constructor(options: {
    readonly clock: Clock;
    readonly logger: Logger;
    readonly view: View;
    readonly observed: ObservedState;
    readonly dispatcher: Dispatcher;
    readonly monitor: NodeMonitor;
    /** A fraction in [0, 1), drawn for each node that is to renew its certificate. */
    readonly fraction: () => number;
    readonly life?: LifeReceiver | undefined;
    readonly tenure: Tenure;
    readonly events: SessionEvents;
  }) {
    this.#clock = options.clock;
    this.#logger = options.logger;
    this.#view = options.view;
    this.#observed = options.observed;
    this.#dispatcher = options.dispatcher;
    this.#monitor = options.monitor;
    this.#fraction = options.fraction;
    this.#life = options.life;
    this.#events = options.events;
    this.#tenure = options.tenure;
  }

  /**
   * Serves one session; resolves when the agent closed it, and throws whatever else ended it. A
   * peer speaks for the node of its certificate alone.
   */
  async serve(stream: Stream, peer?: SessionPeer): Promise<void> {
    const incoming = stream.incoming[Symbol.asyncIterator]();
    const hello = asSeen(await this.#hello(incoming), peer);
    if (peer === undefined) this.#ownHello = hello;
    this.#noteOwnLeft();
    while (this.#leaving !== undefined && this.#view.nodes.get(hello.nodeId) === undefined) {
      await this.#leaving.promise;
    }
    const session = this.#open(hello, { stream, peer });
    try {
      await this.#greet(session, hello);
      const endings = [
        this.#listen(session, incoming),
        session.sendLoop(),
        session.beatLoop(() => this.#beatPeriodMs()),
      ];
      await Promise.race(endings);
      this.#end(session, 'the agent closed its session');
    } catch (error) {
      this.#end(session, TuttiError.from(error).message);
      throw error;
    } finally {
      session.stop(new TuttiError('cancelled', 'the session is over'));
      stream.close();
    }
  }

  /** The first session that is there, or comes within the time. */
  async first(withinMs: number): Promise<AgentSession> {
    const timeout = new AbortController();
    const elapsed = this.#clock.sleep(withinMs, timeout.signal).then(
      () => true,
      () => true,
    );
    try {
      for (;;) {
        const session = this.#dispatcher.sessions().find((one) => !one.isStranger);
        if (session !== undefined) return session;
        if ((await Promise.race([elapsed, this.#arrived.promise])) === true) break;
      }
    } finally {
      timeout.abort();
    }
    throw new TuttiError(
      'unavailable',
      `no agent has connected to this manager within ${withinMs} ms`,
      { hint: 'Look at the log of the daemon: its agent may not reach the container engine.' },
    );
  }

  /**
   * Tells all nodes that the cluster is gone and waits until each has said that it cleaned up, at
   * most `withinMs`; one whose session breaks meanwhile is told again when it comes back. Until
   * `finishLeaving` no node of the cluster gets assignments again. Returns the nodes that did not
   * confirm.
   */
  async leave(withinMs: number): Promise<readonly string[]> {
    this.#leaving ??= Promise.withResolvers<void>();
    for (const session of this.#dispatcher.sessions()) {
      this.#leavers.set(session.nodeId, Promise.withResolvers());
      session.request({ kind: 'leave' });
    }
    for (const { id } of this.#view.nodes.all()) {
      // One that was there a moment ago, or may be on its way, is told when it comes.
      const seen = this.#observed.node(id);
      // Who is down has been waited for, or said that it went.
      if (seen?.state === 'down') continue;
      const isNear = seen?.state === 'unknown' || this.#clock.now() - (seen?.since ?? 0) < withinMs;
      if (isNear && !this.#leavers.has(id)) this.#leavers.set(id, Promise.withResolvers());
    }
    this.#noteOwnLeft();
    const leavers = [...this.#leavers.values()];
    const timeout = new AbortController();
    const elapsed = this.#clock.sleep(withinMs, timeout.signal).catch(() => undefined);
    const done = Promise.all(leavers.map(async (left) => await left.promise));
    await Promise.race([elapsed, done]);
    timeout.abort();
    return [...this.#leavers.keys()];
  }

  /**
   * An agent that left is another node afterwards. Where its word was lost with the manager that it
   * was for, the one of this machine tells by that.
   */
  #noteOwnLeft(): void {
    const own = this.#ownHello;
    if (own === undefined || own.clusterId !== '') return;
    for (const [id, left] of this.#leavers) {
      const isOwn = this.#view.nodes.get(id)?.description.hostname === own.description.hostname;
      if (!isOwn || id === own.nodeId || this.#dispatcher.session(id) !== undefined) continue;
      left.resolve();
      this.#leavers.delete(id);
    }
  }

  finishLeaving(): void {
    for (const session of this.#dispatcher.sessions()) {
      session.stop(new TuttiError('cancelled', 'the cluster was left'));
    }
    this.#leavers.clear();
    this.#leaving?.resolve();
    this.#leaving = undefined;
  }

  /** Another root signs: nodes renew, spread so that they do not come all at once. */
  rotated(): void {
    for (const session of this.#dispatcher.sessions()) this.#askToRenew(session);
  }

  /** This manager may act again. */
  wake(): void {
    for (const session of this.#dispatcher.sessions()) session.wake();
  }

  /** Managers came, went, or have another address. */
  managersChanged(): void {
    for (const session of this.#dispatcher.sessions()) this.#tellManagers(session);
  }

  /** Nodes came, or went for good. */
  nodesChanged(): void {
    for (const session of this.#dispatcher.sessions()) this.#tellNodes(session);
  }

  /** The row of a node has another role: its certificate is to follow. */
  roleChanged(nodeId: string): void {
    this.#dispatcher.session(nodeId)?.request({ kind: 'renew', delayMs: 0 });
  }

  #tellManagers(session: AgentSession): void {
    const managers = managersToTell(this.#view);
    if (managers.length > 0) session.request({ kind: 'managers', managers });
  }

  #tellNodes(session: AgentSession): void {
    if (session.isStranger) return;
    const there = [...this.#view.nodes.all()].filter(({ leftAt }) => leftAt === undefined);
    session.request({ kind: 'nodes', count: there.length });
  }

  #askToRenew(session: AgentSession): void {
    const { peer } = session;
    if (peer === undefined) return;
    const node = this.#view.nodes.get(peer.nodeId);
    // It may have been promoted or demoted while it had no session.
    const hasRole = peer.role === undefined || node === undefined || peer.role === actingRole(node);
    if (!hasRole) session.request({ kind: 'renew', delayMs: 0 });
    if (!hasRole || peer.rootId === signingRoot(this.#view.roots.all())?.id) return;
    const spreadMs = this.#view.nodes.size * renewalSpreadMs;
    session.request({ kind: 'renew', delayMs: Math.floor(spreadMs * this.#fraction()) });
  }

  /** Ends all sessions. */
  stop(): void {
    const error = new TuttiError('cancelled', 'the manager stops');
    this.#stop.abort(error);
    for (const session of this.#dispatcher.sessions()) session.stop(error);
  }

  #beatPeriodMs(): number {
    const cluster = theCluster(this.#view);
    return (cluster?.spec ?? clusterDefaults).heartbeatPeriodMs;
  }

  async #hello(incoming: AsyncIterator<AgentMessage>): Promise<Hello> {
    const timeout = new AbortController();
    const tooLate = this.#clock.sleep(helloTimeoutMs, timeout.signal).then(
      () => {
        throw new TuttiError('unavailable', `no hello came within ${helloTimeoutMs} ms`);
      },
      () => undefined,
    );
    const next = await Promise.race([incoming.next(), tooLate]);
    timeout.abort();
    this.#stop.signal.throwIfAborted();
    if (next === undefined || next.done === true) {
      throw new TuttiError('unavailable', 'the session ended before its hello');
    }
    if (next.value.kind === 'hello') return next.value;
    throw new TuttiError(
      'invalid-argument',
      `the first message must be a hello, it was ${next.value.kind}`,
      { field: 'kind' },
    );
  }

  #open(
    hello: Hello,
    link: { readonly stream: Stream; readonly peer: SessionPeer | undefined },
  ): AgentSession {
    const { stream, peer } = link;
    const { clusterId } = hello;
    const isStranger = clusterId !== '' && clusterId !== theCluster(this.#view)?.id;
    const session = new AgentSession({
      nodeId: hello.nodeId,
      description: hello.description,
      stream,
      assignments: this.#dispatcher.assignmentsFor(hello.nodeId),
      clock: this.#clock,
      clusterId: () =>
        this.#leaving === undefined && !isStranger ? theCluster(this.#view)?.id : undefined,
      mayAct: () => this.#tenure.mayAct,
      epoch: () => this.#tenure.epoch,
      isStranger,
      peer,
    });
    const replaced = this.#dispatcher.add(session);
    replaced?.stop(new TuttiError('cancelled', `node ${hello.nodeId} opened a new session`));
    if (isStranger) {
      this.#logger.warn('a node is in a cluster that is not here; it is told to leave', {
        nodeId: hello.nodeId,
        clusterId,
      });
    }
    if (isStranger || this.#leaving !== undefined) session.request({ kind: 'leave' });
    this.#askToRenew(session);
    this.#arrived.resolve();
    this.#arrived = Promise.withResolvers<void>();
    return session;
  }

  async #greet(session: AgentSession, hello: Hello): Promise<void> {
    const { nodeId, description } = hello;
    const isMember = theCluster(this.#view) !== undefined && !session.isStranger;
    if (isMember && this.#leaving === undefined) {
      await this.#events.described(nodeId, description, { known: session.peer !== undefined });
      this.#grantLease(session);
      this.#tellManagers(session);
      this.#tellNodes(session);
      await this.#events.standIns(nodeId, hello);
      if (hello.attachments !== undefined) {
        const noted = await this.#events.attachments(nodeId, hello.attachments);
        if (noted !== undefined) session.request(noted);
      }
    }
    session.signal.throwIfAborted();
    this.#observed.setPortProblems(nodeId, []);
    // What it says first decides what is taken back from other nodes.
    this.#take(nodeId, hello);
    this.#logger.info('an agent connected', { nodeId, hostname: description.hostname });
    this.#monitor.connected(nodeId);
  }

  /** The node is no member any more. */
  forgetNode(nodeId: string): void {
    this.#life?.forget(nodeId);
  }

  /** The terms are said before anything is assigned. */
  #grantLease(session: AgentSession): void {
    const { periodMs, retryMs, fencedAfterMs } = leaseTerms;
    const admitted = this.#life?.admit(session.nodeId);
    const { nodeId } = this.#tenure;
    const seat = nodeId === undefined ? undefined : this.#view.nodes.get(nodeId)?.seat;
    const datagrams =
      admitted === undefined || seat === undefined
        ? admitted
        : { ...admitted, address: seat.address };
    session.request({
      kind: 'lease',
      periodMs,
      retryMs,
      fencedAfterMs,
      ...(datagrams !== undefined && { datagrams }),
    });
  }

  async #listen(session: AgentSession, incoming: AsyncIterator<AgentMessage>): Promise<void> {
    for (;;) {
      const next = await incoming.next();
      if (next.done === true) return;
      session.signal.throwIfAborted();
      session.heard();
      this.#monitor.heard(session.nodeId, 'session');
      await this.#handle(session, next.value);
    }
  }

  async #handle(session: AgentSession, message: AgentMessage): Promise<void> {
    switch (message.kind) {
      case 'observed':
        this.#take(session.nodeId, message);
        if (message.gone.length > 0) this.#events.gone(session.nodeId, message.gone);
        break;
      case 'ports':
        this.#observed.setPortProblems(session.nodeId, message.problems);
        this.#events.nodeChanged(session.nodeId);
        break;
      case 'attach':
        this.#answer(session, this.#events.attach(session.nodeId, message));
        break;
      case 'attachments':
        this.#answer(session, this.#events.attachments(session.nodeId, message.report));
        break;
      case 'shown':
        this.#dispatcher.confirmed(session, message.confirm);
        break;
      case 'description':
        session.describe(message.description);
        if (theCluster(this.#view) === undefined) break;
        await this.#events.described(session.nodeId, session.description, {
          known: session.peer !== undefined,
        });
        break;
      case 'examined':
        this.#events.examined(session.nodeId, message);
        break;
      case 'farewell':
        session.farewell = message.returns ? 'returns' : 'goes';
        break;
      case 'left':
        this.#leavers.get(session.nodeId)?.resolve();
        this.#leavers.delete(session.nodeId);
        break;
      case 'beat':
        if (message.known !== undefined) this.#dispatcher.known(session, message.known);
        if (message.life !== undefined) {
          session.request({ kind: 'beat', sentAt: this.#clock.now(), answers: message.life });
        }
        break;
      case 'hello':
        throw new TuttiError('invalid-argument', 'a session has only one hello', { field: 'kind' });
    }
  }

  /** Nothing else waits for it: what was said first is written first. */
  #answer(session: AgentSession, answering: Promise<ManagerMessage | undefined>): void {
    void answering.then((answer) => {
      if (answer !== undefined) session.request(answer);
    });
  }

  /** An agent speaks for the tasks of its own node, and for those only. */
  #take(
    nodeId: string,
    report: { readonly sentAt: number; readonly tasks: readonly ObservedTask[] },
  ): void {
    const times = { sentAt: report.sentAt, receivedAt: this.#clock.now() };
    const changed: string[] = [];
    for (const task of report.tasks) {
      if (this.#view.tasks.get(task.taskId)?.nodeId !== nodeId) continue;
      if (this.#observed.report(task, times)) changed.push(task.taskId);
    }
    if (changed.length > 0) this.#events.observed(changed);
  }

  #end(session: AgentSession, why: string): void {
    const { nodeId, farewell } = session;
    session.ended.resolve();
    this.#events.sessionEnded(nodeId);
    if (!this.#dispatcher.remove(session)) return;
    this.#logger.info('the session of an agent ended', { nodeId, why, farewell });
    this.#monitor.disconnected(nodeId, { why, farewell });
  }
}

/** The address of a node is the one that its connection shows. */
function asSeen(hello: Hello, peer: SessionPeer | undefined): Hello {
  if (peer === undefined) return hello;
  if (hello.nodeId !== peer.nodeId) {
    throw new TuttiError(
      'permission-denied',
      `node ${peer.nodeId} opened a session in the name of node ${hello.nodeId}`,
      { hint: 'A node speaks for itself alone. If its data directory was copied, join anew.' },
    );
  }
  return { ...hello, description: { ...hello.description, address: peer.address } };
}

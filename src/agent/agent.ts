import type { AgentDisk } from '../host/agent-disk.ts';
import type { Clock } from '../host/clock.ts';
import type { ContainerRuntime } from '../host/container-runtime.ts';
import type { LifeTransport } from '../host/life.ts';
import type { Logger } from '../host/logger.ts';
import type { NodeNetwork } from '../host/node-network.ts';
import type { Random } from '../host/random.ts';
import type { TaskFiles } from '../host/task-files.ts';
import type { AgentTransport, MessageStream } from '../host/transport.ts';
import { TuttiError } from '../lib/error.ts';
import { newId } from '../lib/id.ts';
import type { NodeDescription } from '../model/node.ts';
import type { PortProblem } from '../model/port-problem.ts';
import type { Explanation } from '../model/report.ts';
import * as contact from '../task/contact.ts';
import type { AgentMessage, ManagerMessage } from '../wire/messages.ts';
import { AgentMemory } from './agent-memory.ts';
import { Discovery } from './discovery.ts';
import { LeaseKeeper } from './lease-keeper.ts';
import { LogUploads } from './log-uploads.ts';
import { NodeState } from './node-state.ts';
import { Reporter } from './reporter.ts';
import { StandIns } from './stand-ins.ts';
import { TaskTable } from './task-table.ts';

const firstReconnectMs = 50;
const longestReconnectMs = 5_000;
/** Who lost a session that lived this long comes back at once. */
const healthySessionMs = 1_000;

export interface AgentOptions {
  readonly clock: Clock;
  /** For leases: never slower than time and never back. Absent: `clock`. */
  readonly leaseClock?: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly runtime: ContainerRuntime;
  readonly network: NodeNetwork;
  readonly files: TaskFiles;
  readonly disk: AgentDisk;
  readonly transport: AgentTransport;
  /** The id of a node that is in a cluster and whose agent remembers nothing. */
  readonly nodeId?: string;
  /** Everything of the cluster is gone from here, and so is the membership. */
  forgetMembership?(): Promise<void>;
  /** A manager wants the node's certificate replaced. */
  renewCertificate?(delayMs: number): void;
  /** Absent: the session alone says that the node lives. */
  readonly life?: LifeTransport;
  /** What this machine is. */
  describe(signal: AbortSignal): Promise<NodeDescription>;
}

type Session = MessageStream<AgentMessage, ManagerMessage>;

/**
 * The agent of one node: holds the tasks that a manager assigned, reports what it observes, and
 * brings them back after a restart of itself, of the container engine or of the machine, without a
 * manager.
 */
export class Agent {
  readonly #options: AgentOptions;
  readonly #state = new NodeState();
  readonly #memory: AgentMemory;
  readonly #reporter: Reporter;
  readonly #lease: LeaseKeeper;
  readonly #standIns: StandIns;
  #contact: contact.Contact;
  #tasks: TaskTable | undefined;
  #discovery: Discovery | undefined;
  #nodeId = '';

  constructor(options: AgentOptions) {
    this.#options = options;
    this.#memory = new AgentMemory(options);
    this.#reporter = new Reporter(options.clock);
    this.#lease = new LeaseKeeper({
      clock: options.leaseClock ?? options.clock,
      say: (number) => this.#reporter.life(number),
      onChange: () => this.#tasks?.leaseChanged(),
    });
    this.#contact = contact.noContact(options.clock.now());
    this.#standIns = new StandIns({
      clock: options.clock,
      logger: options.logger,
      state: this.#state,
      nodeId: () => this.#nodeId,
      newId: () => newId((count) => options.random.bytes(count)),
      aloneFrom: () => contact.aloneFrom(this.#contact),
      observed: (taskId) => this.#requireTasks().observedOf(taskId),
      saved: () => this.#memory.saved(),
      assigned: (taskIds) => this.#requireTasks().assigned(taskIds),
    });
  }

  /** This node's id; empty until `run` has read it. */
  get nodeId(): string {
    return this.#nodeId;
  }

  /** The cluster that this node is in; empty without one. */
  get clusterId(): string {
    return this.#memory.clusterId ?? '';
  }

  explainName(name: string, fromTaskId: string | undefined): Explanation {
    return this.#options.network.explain(name, fromTaskId);
  }

  /** Tells the manager which published ports are not served here. */
  reportPorts(problems: readonly PortProblem[]): void {
    this.#reporter.ports(problems);
  }

  /** Removes everything that is the cluster's, and forgets who this node was in it. */
  async leave(signal: AbortSignal): Promise<void> {
    await this.#leave(signal);
  }

  /** Runs until the signal. Containers go on without the agent. */
  async run(signal: AbortSignal): Promise<void> {
    const description = await this.#describe(signal);
    if (description === undefined) return;
    await this.#wakeUp(description);
    const table = this.#requireTasks();
    await Promise.all([
      table.run(signal),
      this.#followEngine(signal),
      this.#holdSession(description, signal),
      this.#memory.run(signal, () => this.#snapshot()),
      this.#lease.run(signal),
      this.#standIns.run(signal),
    ]);
  }

  /** The container engine may still be starting. */
  async #describe(signal: AbortSignal): Promise<NodeDescription | undefined> {
    const { clock, logger } = this.#options;
    let delayMs = firstReconnectMs;
    while (!signal.aborted) {
      try {
        return await this.#options.describe(signal);
      } catch (error) {
        if (signal.aborted) break;
        logger.warn('waiting for the container engine', { error: TuttiError.from(error).message });
        await clock.sleep(delayMs, signal).catch(() => undefined);
        delayMs = Math.min(delayMs * 2, longestReconnectMs);
      }
    }
    return undefined;
  }

  async #wakeUp(description: NodeDescription): Promise<void> {
    const saved = await this.#memory.load();
    this.#nodeId =
      saved?.nodeId ?? this.#options.nodeId ?? newId((count) => this.#options.random.bytes(count));
    this.#memory.clusterId = saved?.clusterId;
    if (saved !== undefined) this.#state.apply(saved.view);
    this.#standIns.remember(saved?.standIns ?? []);
    this.#contact = contact.noContact(this.#options.clock.now());
    this.#build(description);
    if (saved === undefined) await this.#memory.save(this.#snapshot());
    this.#tasks?.remember(saved?.ended ?? []);
    this.#tasks?.assigned(this.#state.tasks.keys());
    void this.#discovery?.apply();
  }

  /** What belongs to one identity of the node: made anew when the node left its cluster. */
  #build({ hostname, os, architecture }: NodeDescription): void {
    const { clock, logger, runtime, network, files } = this.#options;
    const state = this.#state;
    const table = new TaskTable({
      clock,
      logger,
      runtime,
      network,
      files,
      state,
      lease: this.#lease,
      node: { id: this.#nodeId, hostname, os, architecture },
      clusterId: () => this.clusterId,
      isHeldUp: (taskId) => this.#standIns.isHeldUp(taskId),
      show: () => this.#requireDiscovery().apply(),
      onObserved: (observed) => {
        this.#reporter.observed(observed);
        this.#standIns.observed(observed);
        this.#memory.touch();
        void this.#requireDiscovery().apply();
      },
      onGone: (taskId) => {
        this.#reporter.gone(taskId);
        this.#memory.touch();
        void this.#requireDiscovery().apply();
      },
    });
    this.#tasks = table;
    this.#discovery = new Discovery({
      nodeId: () => this.#nodeId,
      state,
      network,
      logger,
      isReady: (taskId) => table.isReady(taskId),
      reasonOf: (taskId) => table.reasonOf(taskId),
      hostnameOf: (taskId) => table.hostnameOf(taskId),
      publications: () => table.publications(),
    });
  }

  #snapshot() {
    const { clusterId } = this.#memory;
    return {
      nodeId: this.#nodeId,
      view: this.#state.toChanges(),
      ended: this.#tasks?.ended() ?? [],
      standIns: this.#standIns.all(),
      ...(clusterId !== undefined && { clusterId }),
    };
  }

  async #followEngine(signal: AbortSignal): Promise<void> {
    for await (const event of this.#options.runtime.events(signal)) {
      const table = this.#requireTasks();
      if (event.kind === 'reset') {
        await table.lookAtAll(signal);
        this.#afterLook(this.#options.network.recheck());
      } else if (event.kind === 'container') table.lookAt(event);
      else this.#afterLook(this.#options.network.recheckNetworks());
    }
  }

  /** The engine, or somebody by it, may have changed networks and rules: somebody looks at them. */
  #afterLook(look: Promise<void>): void {
    look
      .catch((error: unknown) =>
        this.#options.logger.warn('the networks could not be checked', {
          error: TuttiError.from(error).message,
        }),
      )
      .finally(() => void this.#requireDiscovery().apply());
  }

  async #holdSession(description: NodeDescription, signal: AbortSignal): Promise<void> {
    const { clock, random, logger, transport } = this.#options;
    let delayMs = firstReconnectMs;
    while (!signal.aborted) {
      let openedAt: number | undefined;
      try {
        const session = await transport.openSession(signal);
        openedAt = clock.now();
        await this.#speak(session, { description, signal });
        delayMs = firstReconnectMs;
        logger.info('the session ended');
      } catch (error) {
        if (signal.aborted) return;
        logger.debug('no session', { error: TuttiError.from(error).message });
      }
      const livedMs = openedAt === undefined ? 0 : clock.now() - openedAt;
      if (livedMs >= healthySessionMs) delayMs = firstReconnectMs;
      const jitterMs = delayMs * (0.5 + random.fraction());
      await clock.sleep(jitterMs, signal).catch(() => undefined);
      delayMs = Math.min(delayMs * 2, longestReconnectMs);
    }
  }

  async #speak(
    session: Session,
    options: { readonly description: NodeDescription; readonly signal: AbortSignal },
  ): Promise<void> {
    const { clock, logger } = this.#options;
    const ended = new AbortController();
    const signal = AbortSignal.any([options.signal, ended.signal]);
    const logs = new LogUploads({
      runtime: this.#options.runtime,
      transport: this.#options.transport,
      logger,
      containerOf: (taskId) => this.#requireTasks().containerOf(taskId),
    });
    signal.addEventListener('abort', () => session.close(), { once: true });
    this.#contact = contact.opened(this.#contact, clock.now());
    try {
      await session.send({
        kind: 'hello',
        nodeId: this.#nodeId,
        clusterId: this.clusterId,
        sentAt: clock.now(),
        description: options.description,
        tasks: this.#requireTasks().observed(),
        standIns: this.#standIns.tell(),
      });
      this.#reporter.connected();
      this.#lease.connected();
      const sending = this.#reporter.run(session, { signal });
      // A link that breaks may be noticed here first; receiving then ends the session.
      sending.catch(() => session.close());
      void this.#endInSilence(session, signal);
      for await (const message of session.incoming) {
        this.#hear(message);
        await this.#receive(message, { logs, signal });
        if (message.kind !== 'leave') continue;
        await session.send({ kind: 'left' });
        break;
      }
      ended.abort();
      await sending;
    } finally {
      ended.abort();
      logs.cancelAll();
      this.#contact = contact.ended(this.#contact, clock.now());
      this.#standIns.look();
    }
  }

  #hear(message: ManagerMessage): void {
    const periodMs = message.kind === 'beat' ? message.periodMs : undefined;
    this.#contact = contact.heard(this.#contact, { now: this.#options.clock.now(), periodMs });
  }

  /** A manager that hangs keeps its sessions: what is said in them is heard by nobody. */
  async #endInSilence(session: Session, signal: AbortSignal): Promise<void> {
    const { clock, logger } = this.#options;
    while (!signal.aborted) {
      const leftMs = contact.silentAt(this.#contact) - clock.now();
      if (leftMs <= 0) {
        logger.info('the manager has said nothing for too long');
        session.close();
        return;
      }
      await clock.sleep(leftMs, signal).catch(() => undefined);
    }
  }

  async #receive(
    message: ManagerMessage,
    context: { readonly logs: LogUploads; readonly signal: AbortSignal },
  ): Promise<void> {
    switch (message.kind) {
      case 'beat':
        if (message.answers !== undefined) this.#lease.answered(message.answers, 'session');
        return;
      case 'assign': {
        this.#memory.clusterId = message.clusterId;
        const touched = message.full
          ? this.#state.replace(message.changes)
          : this.#state.apply(message.changes);
        if (message.full) this.#standIns.settled();
        this.#memory.touch();
        const table = this.#requireTasks();
        table.assigned(touched);
        const shown = this.#requireDiscovery().apply();
        if (message.full) this.#removeStrangers({ shown, signal: context.signal });
        return;
      }
      case 'lease':
        this.#beginLease(message);
        return;
      case 'logs':
        context.logs.start(message, context.signal);
        return;
      case 'cancel':
        context.logs.cancel(message.requestId);
        return;
      case 'leave':
        await this.#leave(context.signal);
        return;
      case 'renew':
        this.#options.renewCertificate?.(message.delayMs);
        return;
    }
  }

  #beginLease(message: Extract<ManagerMessage, { readonly kind: 'lease' }>): void {
    const { datagrams } = message;
    const onAnswer = (number: number): void => this.#lease.answered(number, 'datagram');
    const sender =
      datagrams === undefined ? undefined : this.#options.life?.open(datagrams, onAnswer);
    this.#lease.begin(message, sender);
  }

  /** Tries until nothing is left: the container engine may be away for a while. */
  async #leave(signal: AbortSignal): Promise<void> {
    const { clock, logger } = this.#options;
    logger.info('leaving the cluster');
    for (let delayMs = firstReconnectMs; ; delayMs = Math.min(delayMs * 2, longestReconnectMs)) {
      try {
        return await this.#removeCluster(signal);
      } catch (error) {
        if (signal.aborted) throw error;
        logger.warn('the cluster could not be left yet', {
          error: TuttiError.from(error).message,
        });
      }
      await clock.sleep(delayMs, signal);
    }
  }

  /**
   * What an agent before this one left and nobody wants: containers first, they are on networks.
   */
  #removeStrangers(what: { readonly shown: Promise<void>; readonly signal: AbortSignal }): void {
    const { network, logger } = this.#options;
    Promise.all([what.shown, this.#requireTasks().removeStrangers(what.signal)])
      .then(() => network.removeStrangers(what.signal))
      .catch((error: unknown) =>
        logger.warn('left-over networks could not be removed', {
          error: TuttiError.from(error).message,
        }),
      );
  }

  /** Removes everything that is the cluster's, and forgets who this node was in it. */
  async #removeCluster(signal: AbortSignal): Promise<void> {
    const { random, network } = this.#options;
    const table = this.#requireTasks();
    this.#state.replace([]);
    this.#standIns.settled();
    await table.drain();
    // What a daemon before this one left, and no view has named yet.
    await table.removeStrangers(signal);
    await this.#discovery?.apply();
    await network.removeAll(signal);
    const nodeId = newId((count) => random.bytes(count));
    // Before the node is another: else it would look like one that never left.
    await this.#options.forgetMembership?.();
    // Until this is on disk the node is the old one, and is told again.
    await this.#memory.save({ nodeId, view: [], ended: [] });
    this.#memory.clusterId = undefined;
    this.#nodeId = nodeId;
    table.rename(nodeId);
    this.#reporter.left();
  }

  #requireTasks(): TaskTable {
    if (this.#tasks === undefined) throw new TuttiError('internal', 'the agent is not awake yet');
    return this.#tasks;
  }

  #requireDiscovery(): Discovery {
    if (this.#discovery === undefined) {
      throw new TuttiError('internal', 'the agent is not awake yet');
    }
    return this.#discovery;
  }
}

import { TuttiError } from '../lib/error.ts';
import { newId } from '../lib/id.ts';
import { hasFence } from '../model/fence.ts';
import type { NodeViewChange, TaskAssignment } from '../model/assignment.ts';
import type { NodeDescription } from '../model/node.ts';
import type { PortProblem } from '../model/port-problem.ts';
import { isEndState } from '../model/task-state.ts';
import type { Explanation } from '../model/report.ts';
import type { AgentMessage, ManagerMessage } from '../wire/messages.ts';
import { AttachedContainers } from './attached-containers.ts';
import { AgentMemory } from './agent-memory.ts';
import type { AgentOptions } from './agent-options.ts';
import { Complaints } from './complaints.ts';
import { describeNode } from './describe-node.ts';
import { Discovery } from './discovery.ts';
import { FenceKeeper } from './fence-keeper.ts';
import { HeldRemovals } from './held-removals.ts';
import { LeaseKeeper } from './lease-keeper.ts';
import { type LinkSignals, ManagerLink } from './manager-link.ts';
import { ManagerRequests } from './manager-requests.ts';
import { NodeState } from './node-state.ts';
import { Reporter } from './reporter.ts';
import { StandIns } from './stand-ins.ts';
import { taskIdLabel } from './task-labels.ts';
import { TaskTable } from './task-table.ts';

const firstRetryMs = 50;
const longestRetryMs = 5_000;

type Hello = Extract<AgentMessage, { readonly kind: 'hello' }>;

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
  readonly #link: ManagerLink;
  /** Of the session that is open. */
  readonly #requests: ManagerRequests;
  readonly #complaints: Complaints;
  /** Containers that are no tasks. */
  readonly attached: AttachedContainers;
  #tasks: TaskTable | undefined;
  #discovery: Discovery | undefined;
  #nodeId = '';
  readonly #held = new HeldRemovals();
  readonly #fence: FenceKeeper;
  /** Of the cluster, as a manager said last. */
  #nodeCount = 1;

  constructor(options: AgentOptions) {
    this.#options = options;
    this.#memory = new AgentMemory(options);
    this.#reporter = new Reporter(options.clock);
    this.#complaints = new Complaints(options.logger);
    this.#requests = new ManagerRequests({
      ...options,
      say: (message) => this.#reporter.answer(message),
      containerOf: (taskId) => this.#requireTasks().containerOf(taskId),
    });
    this.#lease = new LeaseKeeper({
      clock: options.leaseClock ?? options.clock,
      say: (number) => this.#reporter.life(number),
      onChange: () => {
        this.#tasks?.leaseChanged();
        this.#askAnewWhereFenced();
        this.#fence.look();
      },
    });
    this.#fence = new FenceKeeper({
      guard: options.fenceGuard,
      clock: options.leaseClock ?? options.clock,
      leaseUntil: () => this.#lease.until,
      tasks: () => this.#unended(),
      hasOthers: () => this.#nodeCount > 1 || this.#link.answers.managerCount > 1,
      onHeld: () => this.#tasks?.leaseChanged(),
    });
    this.#link = new ManagerLink({
      clock: options.clock,
      random: options.random,
      logger: options.logger,
      transport: options.transport,
      reporter: this.#reporter,
      opened: () => this.#hello(),
      greeted: () => this.#lease.connected(),
      isMachineStopping: async () => (await options.isMachineStopping?.()) ?? false,
      receive: async (message, signals) => await this.#hear(message, signals),
      ended: () => {
        this.#requests.cancelAll();
        this.attached.sessionEnded();
        this.#standIns.look();
      },
    });
    this.attached = new AttachedContainers({
      ...options,
      state: this.#state,
      newId: () => newId((count) => options.random.bytes(count)),
      isMember: () => this.clusterId !== '',
      say: (message) => this.#reporter.answer(message),
      onChange: () => void this.#discovery?.apply(),
    });
    this.#standIns = new StandIns({
      clock: options.clock,
      logger: options.logger,
      state: this.#state,
      nodeId: () => this.#nodeId,
      newId: () => newId((count) => options.random.bytes(count)),
      aloneFrom: () => this.#link.aloneFrom,
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

  /** What the machine is, as it was found last. */
  get description(): NodeDescription | undefined {
    return this.#reporter.description;
  }

  /** A person has looked: tasks that no manager knows may go. Returns how many were kept. */
  acceptRemovals(): number {
    const count = this.#held.accept();
    if (count > 0) this.#link.end('what is kept although no manager knows it may go');
    return count;
  }

  explainName(name: string, fromTaskId: string | undefined): Explanation {
    return this.#options.network.explain(name, fromTaskId);
  }

  /** @throws TuttiError `invalid-argument` for what is no port. */
  explainPort(port: string): Explanation {
    return this.#options.network.explainPort(port);
  }

  /** Tells the manager which published ports are not served here. */
  reportPorts(problems: readonly PortProblem[]): void {
    this.#reporter.ports(problems);
  }

  /** The machine is not what it was: another address, for one. */
  async describeAnew(signal: AbortSignal): Promise<void> {
    this.#reporter.isNow(await this.#options.describe(signal));
  }

  /** Removes everything that is the cluster's, and forgets who this node was in it. */
  async leave(signal: AbortSignal): Promise<void> {
    this.#lease.leaving();
    await this.#leave(signal);
  }

  /** Runs until the signal. Containers go on without the agent. */
  async run(signal: AbortSignal): Promise<void> {
    const description = await describeNode(this.#options, signal);
    if (description === undefined) return;
    await this.#wakeUp(description);
    this.#reporter.isNow(description);
    this.attached.begin(signal);
    await Promise.all([
      this.#requireTasks().run(signal),
      this.#followEngine(signal),
      this.#link.run(signal),
      this.#memory.run(signal, () => this.#snapshot()),
      this.#lease.run(signal),
      this.#standIns.run(signal),
    ]);
  }

  async #wakeUp(description: NodeDescription): Promise<void> {
    const saved = await this.#memory.load();
    this.#nodeId =
      saved?.nodeId ?? this.#options.nodeId ?? newId((count) => this.#options.random.bytes(count));
    this.#memory.clusterId = saved?.clusterId;
    this.#memory.epoch = saved?.epoch;
    if (saved !== undefined) this.#state.apply(saved.view);
    this.#standIns.remember(saved?.standIns ?? [], saved?.guests);
    this.#link.begin();
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
      isGuarded: (taskId) => this.#fence.isHeld(taskId),
      show: async () => void (await this.#requireDiscovery().apply()),
      onObserved: (observed) => {
        this.#reporter.observed(observed);
        this.#standIns.observed(observed);
        this.#memory.touch();
        if (isEndState(observed.state)) this.#fence.look();
        void this.#requireDiscovery().apply();
      },
      onGone: (taskId) => {
        this.#reporter.gone(taskId);
        this.#standIns.gone(taskId);
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
      settled: async () => await table.untilObserved(),
      isReady: (taskId) => table.isReady(taskId),
      reasonOf: (taskId) => table.reasonOf(taskId),
      hostnameOf: (taskId) => table.hostnameOf(taskId),
      isContainerRunning: (containerId) => this.attached.isRunning(containerId),
      publications: () => table.publications(),
    });
  }

  #snapshot() {
    const { clusterId, epoch } = this.#memory;
    return {
      nodeId: this.#nodeId,
      view: this.#state.toChanges(),
      ended: this.#tasks?.ended() ?? [],
      standIns: this.#standIns.all(),
      guests: this.#standIns.guests(),
      ...(clusterId !== undefined && { clusterId }),
      ...(epoch !== undefined && { epoch }),
    };
  }

  async #followEngine(signal: AbortSignal): Promise<void> {
    for await (const event of this.#options.runtime.events(signal)) {
      const table = this.#requireTasks();
      if (event.kind === 'reset') {
        void this.attached.look();
        await table.lookAtAll(signal);
        this.#afterLook(this.#options.network.recheck());
      } else if (event.kind === 'container') {
        if (event.labels[taskIdLabel] === undefined) void this.attached.look();
        else table.lookAt(event);
      } else this.#afterLook(this.#options.network.recheckNetworks());
    }
  }

  /** The engine, or somebody by it, may have changed networks and rules: somebody looks at them. */
  #afterLook(look: Promise<void>): void {
    void this.#complaints
      .about('the networks could not be checked', look)
      .then(() => void this.#requireDiscovery().apply());
  }

  #hello(): Hello {
    const { clock } = this.#options;
    this.#lease.asking();
    const attachments = this.attached.greeting();
    return {
      kind: 'hello',
      nodeId: this.#nodeId,
      clusterId: this.clusterId,
      sentAt: clock.now(),
      description: this.#reporter.describe(),
      tasks: this.#requireTasks().observed(),
      standIns: this.#standIns.tell(),
      ...(attachments !== undefined && { attachments }),
    };
  }

  /** Resolves with false when it was told to leave, and has. */
  async #hear(message: ManagerMessage, { session, link }: LinkSignals): Promise<boolean> {
    if (message.kind === 'leave') await this.#leave(link);
    else await this.#receive(message, session);
    return message.kind !== 'leave';
  }

  /** What was assigned before the lease ended may run elsewhere: a new session says what does. */
  #askAnewWhereFenced(): void {
    if (!this.#link.isOpen || !this.#lease.isDoubtful) return;
    const labels = [...this.#state.tasks.values()].map((task) => task.serviceLabels);
    if (labels.some(hasFence)) this.#link.end('fenced tasks may have been given away meanwhile');
  }

  /** Of a task that ended no stand-in is made any more, as soon as that is on disk. */
  #sayKnown(
    { sequence, full, changes }: Extract<ManagerMessage, { readonly kind: 'assign' }>,
    signal: AbortSignal,
  ): void {
    const hasEnds = changes.some(
      (change) =>
        ('put' in change && change.put === 'task' && change.value.ended) ||
        ('drop' in change && change.drop === 'task'),
    );
    void this.#memory.saved().then(() => {
      if (!signal.aborted) this.#reporter.known(sequence, { isAwaited: full || hasEnds });
    });
  }

  async #receive(
    message: Exclude<ManagerMessage, { readonly kind: 'leave' }>,
    signal: AbortSignal,
  ): Promise<void> {
    switch (message.kind) {
      case 'beat':
        if (message.answers !== undefined) this.#answered(message.answers, 'session');
        return;
      case 'assign': {
        this.#memory.obey(message.epoch);
        this.#memory.clusterId = message.clusterId;
        const touched = message.full
          ? this.#state.replace(this.#heldBack(message.changes))
          : this.#state.apply(message.changes);
        if (message.full) this.#standIns.settled();
        if (message.full) this.#lease.told();
        this.attached.viewChanged();
        const table = this.#requireTasks();
        table.assigned(touched);
        this.#sayKnown(message, signal);
        this.#askAnewWhereFenced();
        this.#fence.look();
        const shown = this.#requireDiscovery().apply();
        const { confirm } = message;
        if (confirm !== undefined) {
          void shown.then((isShown) => {
            // Who is told so stops tasks: callers would still be led to them.
            if (isShown && !signal.aborted) this.#reporter.shown(confirm);
          });
        }
        if (message.full) this.#removeStrangers({ shown, signal });
        return;
      }
      case 'attached':
      case 'noted':
        return await this.attached.hear(message);
      case 'lease':
        this.#beginLease(message);
        return;
      case 'logs':
      case 'examine':
      case 'cancel':
        this.#requests.take(message, signal);
        return;
      case 'nodes':
        this.#nodeCount = message.count;
        this.#fence.look();
        return;
      case 'managers':
        this.#link.answers.managerCount = message.managers.length;
        await this.#options.noteManagers?.(message.managers);
        return;
      case 'renew':
        this.#options.renewCertificate?.(message.delayMs);
        return;
    }
  }

  #unended(): readonly TaskAssignment[] {
    const hasEnded = (taskId: string): boolean => {
      const state = this.#tasks?.observedOf(taskId)?.state;
      return state !== undefined && isEndState(state);
    };
    return [...this.#state.tasks.values()].filter((task) => !task.ended && !hasEnded(task.taskId));
  }

  /** The changes of a whole view, with what is not removed before a person has looked. */
  #heldBack(changes: readonly NodeViewChange[]): readonly NodeViewChange[] {
    const before = this.#held.count;
    const table = this.#requireTasks();
    const kept = this.#held.keep(changes, {
      view: this.#state,
      mayGo: new Set(this.#standIns.all().map(({ taskId }) => taskId)),
      // An agent that has just started has not looked at all of them yet.
      isRunning: (taskId) => (table.observedOf(taskId)?.state ?? 'running') === 'running',
    });
    const { count } = this.#held;
    if (count > 0) this.#options.logger.warn('tasks that no manager knows are kept', { count });
    if (count !== before) this.#reporter.held(count);
    return kept;
  }

  #answered(number: number, by: 'datagram' | 'session'): void {
    const isNews = this.#lease.answered(number, by);
    if (!isNews) return;
    this.#link.answers.answered(this.#options.clock.now());
    this.#fence.look();
  }

  #beginLease(message: Extract<ManagerMessage, { readonly kind: 'lease' }>): void {
    const { datagrams } = message;
    const onAnswer = (number: number): void => this.#answered(number, 'datagram');
    const sender =
      datagrams === undefined ? undefined : this.#options.life?.open(datagrams, onAnswer);
    this.#lease.begin(message, sender);
  }

  /** Tries until nothing is left: the container engine may be away for a while. */
  async #leave(signal: AbortSignal): Promise<void> {
    const { clock, logger } = this.#options;
    logger.info('leaving the cluster');
    for (let delayMs = firstRetryMs; ; delayMs = Math.min(delayMs * 2, longestRetryMs)) {
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
  #removeStrangers(what: { readonly shown: Promise<unknown>; readonly signal: AbortSignal }): void {
    const { network, logger } = this.#options;
    Promise.all([what.shown, this.#requireTasks().removeStrangers(what.signal)])
      .then(() => network.removeStrangers(what.signal))
      .catch((error: unknown) =>
        logger.warn('left-over networks could not be removed', {
          error: TuttiError.from(error).message,
        }),
      );
  }

  async #removeCluster(signal: AbortSignal): Promise<void> {
    const { random, network } = this.#options;
    const table = this.#requireTasks();
    this.#state.replace([]);
    this.#standIns.settled();
    await table.drain();
    // What a daemon before this one left, and no view has named yet.
    await table.removeStrangers(signal);
    this.#fence.release();
    await this.#discovery?.apply();
    await network.removeAll(signal);
    const nodeId = newId((count) => random.bytes(count));
    // Before the node is another: else it would look like one that never left.
    await this.#options.forgetMembership?.();
    // Until this is on disk the node is the old one, and is told again.
    await this.#memory.save({ nodeId, view: [], ended: [] });
    this.#memory.clusterId = undefined;
    this.#memory.epoch = undefined;
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

import type { Authority } from '../host/authority.ts';
import type { Clock } from '../host/clock.ts';
import type { ClusterCalls, ClusterPort } from '../host/cluster-port.ts';
import type { HearLife, LifeReceiver } from '../host/life.ts';
import type { Logger } from '../host/logger.ts';
import type { Managers } from '../host/managers.ts';
import type { Random } from '../host/random.ts';
import type { SeatHost } from '../host/seat-host.ts';
import type { StoreEngine, StoreSnapshot } from '../host/store-engine.ts';
import type { ManagerTransportHandler } from '../host/transport.ts';
import { TuttiError } from '../lib/error.ts';
import { newId } from '../lib/id.ts';
import { sameJson } from '../lib/json.ts';
import type { Leases } from '../liveness/leases.ts';
import type { NodeDescription } from '../model/node.ts';
import { Store, type StoreOptions } from '../store/store.ts';
import type { Commit } from '../store/view.ts';
import { AttachmentDesk } from './attachment-desk.ts';
import { wipe } from './cluster.ts';
import { ClusterKeys } from './cluster-keys.ts';
import { ClusterDoor } from './cluster-door.ts';
import { theCluster } from './cluster-row.ts';
import type { ControlPlane } from './control-plane.ts';
import { Dispatcher } from './dispatcher.ts';
import { Listeners } from './listeners.ts';
import { NetworkExaminations } from './examinations.ts';
import { LogBroker } from './logs.ts';
import { ManagerControlPlane } from './manager-control-plane.ts';
import { changedRole, changesManagers, changesNodes } from './changes-to-tell.ts';
import { NodeMonitor } from './node-monitor.ts';
import { onlyManager } from './only-manager.ts';
import { noteLeft, registerNode, soleManager } from './nodes.ts';
import { ObservedState } from './observed-state.ts';
import { Planner } from './planner.ts';
import { CoreRounds, type Rounds } from './round.ts';
import { type Hello, Sessions } from './sessions.ts';
import { Seats } from './seats.ts';
import { adoptFromNode } from './stand-ins.ts';
import { StoreKeeper } from './store-keeper.ts';
import type { Write } from './writer.ts';

/**
 * How long nodes may take to clean up when the cluster is left; then it is gone without their word.
 */
const leavePatienceMs = 60_000;

export interface ManagerOptions {
  readonly engine: StoreEngine;
  readonly clock: Clock;
  readonly random: Random;
  readonly authority: Authority;
  /** Where other machines reach this manager; absent: nobody joins. */
  readonly port?: (uses: PortUses) => ClusterPort;
  /** Absent: this is the only one. */
  readonly managers?: Managers;
  /** Absent: nobody becomes a manager beside this one. */
  readonly seatHost?: SeatHost;
  readonly logger: Logger;
  readonly store?: StoreOptions;
  /** Steps that one transaction of the planner takes: small ones show what lies between them. */
  readonly stepLimit?: number;
  /**
   * Makes what receives proofs of life by datagrams; absent: sessions alone prove it. `heard` is to
   * be called for each that is genuine.
   */
  readonly life?: (heard: HearLife) => LifeReceiver;
  /** Leases of nodes with other terms, or a fault planted in them. */
  readonly leases?: Leases;
  /** Stands between the planner and its rounds where a test plants a fault. */
  readonly wrapRounds?: (rounds: Rounds) => Rounds;
}

/** What a port hands over to the manager. */
export interface PortUses {
  readonly calls: ClusterCalls;
  readonly handler: ManagerTransportHandler;
}

export interface Manager {
  readonly controlPlane: ControlPlane;
  /** What the transport hands sessions and log streams to. */
  readonly handler: ManagerTransportHandler;
  /** What is durable now: to be backed up while commits go on. */
  snapshot(): StoreSnapshot;
  /** Resolves when nothing is left to plan until somebody says something or time passes. */
  idle(): Promise<void>;
  /** Ends sessions and plans, waits for the commit in flight, closes the store engine. */
  stop(): Promise<void>;
}

/** A manager for as long as it leads one of several, under one epoch. */
export interface Term extends Manager {
  /** Durable when it resolves. */
  write<T>(run: Write<T>): Promise<T>;
  /** A node left by its own word. */
  left(nodeId: string): void;
  /** The root that signed the certificate that a node's session began with. */
  rootOf(nodeId: string): string | undefined;
  /** Another root signs. */
  rotated(): void;
  /** It may act again, after a pause. */
  resume(): void;
}

export interface TermOptions
  extends Omit<ManagerOptions, 'engine' | 'port' | 'store' | 'seatHost'> {
  /** It leads; it is not closed with the term. */
  readonly store: Store;
  readonly managers: Managers;
  /** Both outlive the term; without a door nobody joins. */
  readonly door?: ClusterDoor;
  readonly seats?: Seats;
  /** To be asked before each act: another may lead already. */
  readonly mayAct: () => boolean;
  /** Another manager led until now. */
  readonly isTakeover: boolean;
  /** An update of the store failed. */
  readonly onStoreFailure: () => void;
}

/** Starts everything that a manager does, on a store that leads. */
export function startTerm(options: TermOptions): Term {
  const manager = new RunningManager(options);
  return {
    controlPlane: manager.controlPlane,
    handler: manager.handler,
    snapshot: () => options.store.snapshot(),
    idle: async () => await manager.idle(),
    stop: async () => await manager.stop(),
    write: async (run) => await manager.write(run),
    left: (nodeId) => manager.left(nodeId),
    rootOf: (nodeId) => manager.rootOf(nodeId),
    rotated: () => manager.rotated(),
    resume: () => manager.resume(),
  };
}

/** Opens the store and starts everything that a manager does. */
export async function startManager(options: ManagerOptions): Promise<Manager> {
  const { engine, logger, clock } = options;
  const turn = async (): Promise<void> => await clock.turn();
  const store = await Store.open(engine, { logger, turn, ...options.store });
  const manager = new RunningManager({ ...options, store });
  logger.info('the manager holds the store', { revision: store.revision, epoch: store.epoch });
  return {
    controlPlane: manager.controlPlane,
    handler: manager.handler,
    snapshot: () => store.snapshot(),
    idle: async () => await manager.idle(),
    stop: async () => {
      await manager.stop();
      await store.close();
    },
  };
}

type RunningOptions = Omit<ManagerOptions, 'engine' | 'store'> &
  Pick<TermOptions, 'store'> &
  Partial<TermOptions>;

/** Ties the parts of a manager together; each part has its own file. */
class RunningManager {
  readonly controlPlane: ControlPlane;
  readonly handler: ManagerTransportHandler;
  readonly #store: Store;
  readonly #logger: Logger;
  readonly #clock: Clock;
  readonly #keys: ClusterKeys;
  readonly #observed = new ObservedState();
  readonly #commits = new Listeners<Commit>();
  readonly #observations = new Listeners<string>();
  readonly #planner: Planner;
  readonly #dispatcher: Dispatcher;
  readonly #monitor: NodeMonitor;
  readonly #sessions: Sessions;
  readonly #logs: LogBroker;
  readonly #examinations: NetworkExaminations;
  readonly #keeper: StoreKeeper;
  readonly #door: ClusterDoor | undefined;
  readonly #seats: Seats | undefined;
  /** It came from outside, and goes on when this manager stops. */
  readonly #isDoorShared: boolean;
  readonly #stopListening: () => void;
  #leaving: Promise<void> | undefined;

  constructor(options: RunningOptions) {
    const { store, clock, random, logger } = options;
    const { view } = store;
    const observed = this.#observed;
    const ids = (): string => newId((count) => random.bytes(count));
    this.#store = store;
    this.#logger = logger;
    this.#clock = clock;
    this.#keys = new ClusterKeys({ ...options, store });
    const rounds = new CoreRounds(view);
    this.#planner = new Planner({
      store,
      observed,
      clock,
      logger,
      newId: ids,
      rounds: options.wrapRounds?.(rounds) ?? rounds,
      onStoreFailure: options.onStoreFailure ?? (() => this.#keeper.look()),
      stepLimit: options.stepLimit,
    });
    const onEndsSeen = (taskIds: readonly string[]): void => this.#planner.endsSeen(taskIds);
    this.#dispatcher = new Dispatcher({ view, observed, onEndsSeen });
    this.#monitor = this.#monitorOf(options);
    this.#sessions = this.#sessionsOf(options);
    const asking = { view, dispatcher: this.#dispatcher, clock, newId: ids };
    this.#logs = new LogBroker(asking);
    this.#examinations = new NetworkExaminations({ ...asking, observed, writer: this });
    const onReloaded = (): void => this.#planner.reloaded();
    this.#keeper = new StoreKeeper({ store, clock, logger, onReloaded });
    this.handler = {
      onSession: async (session, peer) => await this.#sessions.serve(session, peer),
      onLogs: async (requestId, stream, peer) =>
        await this.#logs.upload(requestId, { stream, nodeId: peer?.nodeId }),
    };
    const managers = options.managers ?? onlyManager(() => soleManager(view));
    const { seatHost: host, authority } = options;
    const own = host && (() => new Seats({ clock, logger, view, managers, authority, host }));
    this.#seats = options.seats ?? own?.();
    this.#isDoorShared = options.door !== undefined;
    this.#door = options.door ?? this.#doorOf(options);
    this.controlPlane = new ManagerControlPlane({
      view,
      observed,
      clock,
      authority: options.authority,
      managers,
      seats: this.#seats,
      door: this.#door,
      planner: this.#planner,
      sessions: this.#sessions,
      logs: this.#logs,
      examinations: this.#examinations,
      randomBytes: (count) => random.bytes(count),
      onCommit: (listener) => this.#commits.add(listener),
      onObserved: (listener) => this.#observations.add(listener),
      leave: () => this.#leaveOnce(),
    });
    this.#stopListening = store.onCommit((commit) => this.#committed(commit));
    this.#planner.everything();
    this.#seats?.lead({
      write: async (run) => await this.write(run),
      onCommit: (listener) => store.onCommit(listener),
    });
    void this.#monitor.run();
    if (!this.#isDoorShared) void this.#door?.run();
    void this.#keys.keep();
  }

  #sessionsOf(options: RunningOptions): Sessions {
    const store = this.#store;
    const { managers, mayAct = () => true, logger } = options;
    const desk = new AttachmentDesk({ writer: this, logger });
    return new Sessions({
      clock: options.clock,
      logger: options.logger,
      view: this.#store.view,
      observed: this.#observed,
      dispatcher: this.#dispatcher,
      monitor: this.#monitor,
      fraction: () => options.random.fraction(),
      tenure: {
        get epoch() {
          return store.epoch;
        },
        get mayAct() {
          return mayAct();
        },
        nodeId: managers?.nodeId,
      },
      life: options.life?.((nodeId, word) => {
        if (word === 'alive') this.#monitor.heard(nodeId, 'datagram');
        else this.#monitor.deaf(nodeId);
      }),
      events: {
        described: async (nodeId, description, how) =>
          await this.#described(nodeId, { description, known: how.known }),
        standIns: async (nodeId, hello) => await this.#adopt(nodeId, hello),
        attach: async (nodeId, message) => await desk.attach(nodeId, message),
        attachments: async (nodeId, report) => await desk.note(nodeId, report),
        observed: (taskIds) => this.#taskObserved(taskIds),
        gone: (nodeId, taskIds) => this.#gone(nodeId, taskIds),
        nodeChanged: (nodeId) => this.#nodeChanged(nodeId),
        sessionEnded: (nodeId) => {
          this.#logs.sessionEnded(nodeId);
          this.#examinations.sessionEnded(nodeId);
        },
        examined: (nodeId, message) => this.#examinations.examined(nodeId, message),
      },
    });
  }

  #doorOf({ port, clock, logger, random, authority }: RunningOptions): ClusterDoor | undefined {
    if (port === undefined) return undefined;
    const door: ClusterDoor = new ClusterDoor({
      port: port({
        handler: this.handler,
        calls: {
          authorise: (call, caller) => door.authorise(call, caller),
          root: () => door.root(),
          join: async (asked, from) => await door.join(asked, from),
          renew: async (asked, from) => await door.renew(asked, from),
          left: (nodeId) => door.left(nodeId),
          manager: async (call, body, from) => await door.manager(call, body, from),
        },
      }),
      clock,
      logger,
      authority,
      view: this.#store.view,
      observed: this.#observed,
      seats: this.#seats,
      managerCalls: this.#seats?.calls ?? {},
      write: async (run) => await this.#planner.write(run),
      fraction: () => random.fraction(),
      onLeft: (nodeId) => this.left(nodeId),
      rootOf: (nodeId) => this.rootOf(nodeId),
      onRotated: () => this.rotated(),
    });
    return door;
  }

  async write<T>(run: Write<T>): Promise<T> {
    return await this.#planner.write(run);
  }

  rootOf(nodeId: string): string | undefined {
    return this.#dispatcher.session(nodeId)?.peer?.rootId;
  }

  rotated(): void {
    this.#sessions.rotated();
  }

  resume(): void {
    this.#sessions.wake();
  }

  /** The node's own word: nothing is waited for. */
  left(nodeId: string): void {
    this.#dispatcher.session(nodeId)?.stop(new TuttiError('cancelled', 'the node left'));
    this.#monitor.left(nodeId);
    this.#planner
      .write((tx, context) => noteLeft(tx, { nodeId, context }))
      .catch((error: unknown) =>
        this.#logger.warn('that a node left is not on disk: the next manager looks for it', {
          nodeId,
          error: TuttiError.from(error).message,
        }),
      );
  }

  #monitorOf(options: RunningOptions): NodeMonitor {
    return new NodeMonitor({
      clock: options.clock,
      logger: options.logger,
      view: this.#store.view,
      observed: this.#observed,
      leases: options.leases,
      mayAct: options.mayAct,
      isTakeover: options.isTakeover,
      events: {
        nodeChanged: (nodeId) => this.#nodeChanged(nodeId),
        endSession: (nodeId, why) =>
          this.#dispatcher.session(nodeId)?.stop(new TuttiError('unavailable', why)),
      },
    });
  }

  async idle(): Promise<void> {
    await this.#planner.idle();
  }

  async stop(): Promise<void> {
    this.#seats?.follow();
    this.#planner.stop();
    this.#monitor.stop();
    this.#sessions.stop();
    this.#stopListening();
    if (!this.#isDoorShared) await this.#door?.stop();
    this.#keeper.stop();
  }

  #committed(commit: Commit): void {
    for (const change of commit.changes) {
      if (change.after !== undefined) continue;
      if (change.table === 'tasks') this.#observed.forgetTask(change.id);
      if (change.table !== 'nodes') continue;
      this.#observed.forgetNode(change.id);
      this.#sessions.forgetNode(change.id);
    }
    this.#planner.committed(commit);
    this.#dispatcher.committed(commit);
    if (!this.#isDoorShared) this.#door?.committed(commit);
    if (commit.changes.some(changesManagers)) this.#sessions.managersChanged();
    if (commit.changes.some(changesNodes)) this.#sessions.nodesChanged();
    for (const nodeId of commit.changes.flatMap(changedRole)) this.#sessions.roleChanged(nodeId);
    this.#commits.tell(commit, this.#logger);
  }

  #taskObserved(taskIds: readonly string[]): void {
    this.#planner.observed(taskIds);
    for (const taskId of taskIds) {
      this.#dispatcher.observed(taskId);
      this.#observations.tell(taskId, this.#logger);
    }
  }

  #nodeChanged(nodeId: string): void {
    this.#door?.look().catch((error: unknown) =>
      this.#logger.warn('the rotation of the certificate authority could not be finished', {
        error: TuttiError.from(error).message,
      }),
    );
    this.#planner.nodeChanged(nodeId);
    this.#dispatcher.nodeChanged(nodeId);
  }

  /** A node that leaves nothing of a task behind has ended it, whether or not it said so before. */
  #gone(nodeId: string, taskIds: readonly string[]): void {
    const now = this.#clock.now();
    const ended = taskIds.filter((taskId) => {
      const task = this.#store.view.tasks.get(taskId);
      if (task === undefined || task.nodeId !== nodeId || task.end !== undefined) return false;
      if (task.retirement === undefined) return false;
      const reason = { ...task.retirement, since: now };
      return this.#observed.report(
        { taskId, state: 'shutdown', since: now, reason, containers: [], hostPorts: [] },
        { sentAt: now, receivedAt: now },
      );
    });
    if (ended.length > 0) this.#taskObserved(ended);
  }

  async #described(
    nodeId: string,
    said: { readonly description: NodeDescription; readonly known: boolean },
  ): Promise<void> {
    const { description, known } = said;
    const row = this.#store.view.nodes.get(nodeId);
    const isExpected = row?.leftAt === undefined && row?.givenUp === undefined;
    if (isExpected && sameJson(row?.description, description)) return;
    try {
      await this.#planner.write((tx, context) => {
        if (theCluster(tx) !== undefined) registerNode(tx, { nodeId, description, known, context });
      });
    } catch (error) {
      // A full disk must not cut off a node that is known: what it said last holds until it says it
      // again.
      if (row === undefined) throw error;
      this.#logger.warn('the description of a node could not be written', { nodeId, error });
    }
  }

  async #adopt(nodeId: string, hello: Hello): Promise<void> {
    if (hello.standIns === undefined || hello.standIns.length === 0) return;
    const told = { nodeId, hello, observed: this.#observed };
    await this.#planner.write((tx, context) => adoptFromNode(tx, { ...told, context }));
    this.#logger.info('a node restarted tasks without a manager', {
      nodeId,
      tasks: hello.standIns.length,
    });
  }

  async #leaveOnce(): Promise<void> {
    this.#leaving ??= this.#leave().finally(() => {
      this.#leaving = undefined;
    });
    await this.#leaving;
  }

  async #leave(): Promise<void> {
    this.#planner.suspend();
    try {
      const silent = await this.#sessions.leave(leavePatienceMs);
      if (silent.length > 0) {
        this.#logger.warn('nodes did not confirm that they left the cluster', { nodes: silent });
      }
      await this.#store.update((tx) => wipe(tx));
      this.#observed.clear();
      this.#monitor.clear();
      await this.#door?.close();
      await this.#keys.forget();
    } finally {
      this.#sessions.finishLeaving();
      this.#planner.resume();
    }
  }
}

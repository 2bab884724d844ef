import type { Authority } from '../host/authority.ts';
import type { Clock } from '../host/clock.ts';
import type { ClusterCalls, ClusterPort } from '../host/cluster-port.ts';
import type { LifeReceiver } from '../host/life.ts';
import type { Logger } from '../host/logger.ts';
import type { Random } from '../host/random.ts';
import type { StoreEngine, StoreSnapshot } from '../host/store-engine.ts';
import type { ManagerTransportHandler } from '../host/transport.ts';
import { TuttiError } from '../lib/error.ts';
import { newId } from '../lib/id.ts';
import { sameJson } from '../lib/json.ts';
import type { Leases } from '../liveness/leases.ts';
import type { NodeDescription } from '../model/node.ts';
import { Store, type StoreOptions } from '../store/store.ts';
import type { Commit } from '../store/view.ts';
import { wipe } from './cluster.ts';
import { adoptRoot, lacksRoot, makeRoot } from './cluster-root.ts';
import { ClusterDoor } from './cluster-door.ts';
import { theCluster } from './cluster-row.ts';
import type { ControlPlane } from './control-plane.ts';
import { Dispatcher } from './dispatcher.ts';
import { Listeners } from './listeners.ts';
import { LogBroker } from './logs.ts';
import { ManagerControlPlane } from './manager-control-plane.ts';
import { NodeMonitor } from './node-monitor.ts';
import { noteLeft, registerNode } from './nodes.ts';
import { ObservedState } from './observed-state.ts';
import { Planner } from './planner.ts';
import { CoreRounds, type Rounds } from './round.ts';
import { type Hello, Sessions } from './sessions.ts';
import { adoptFromNode } from './stand-ins.ts';
import { StoreKeeper } from './store-keeper.ts';

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
  readonly logger: Logger;
  readonly store?: StoreOptions;
  /** Steps that one transaction of the planner takes: small ones show what lies between them. */
  readonly stepLimit?: number;
  /**
   * Makes what receives proofs of life by datagrams; absent: sessions alone prove it. `heard` is to
   * be called for each that is genuine.
   */
  readonly life?: (heard: (nodeId: string) => void) => LifeReceiver;
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
    stop: async () => await manager.stop(),
  };
}

/** Ties the parts of a manager together; each part has its own file. */
class RunningManager {
  readonly controlPlane: ControlPlane;
  readonly handler: ManagerTransportHandler;
  readonly #store: Store;
  readonly #logger: Logger;
  readonly #clock: Clock;
  readonly #authority: Authority;
  readonly #observed = new ObservedState();
  readonly #commits = new Listeners<Commit>();
  readonly #observations = new Listeners<string>();
  readonly #planner: Planner;
  readonly #dispatcher: Dispatcher;
  readonly #monitor: NodeMonitor;
  readonly #sessions: Sessions;
  readonly #logs: LogBroker;
  readonly #keeper: StoreKeeper;
  readonly #door: ClusterDoor | undefined;
  #leaving: Promise<void> | undefined;

  constructor(options: ManagerOptions & { readonly store: Store }) {
    const { store, clock, random, logger } = options;
    const { view } = store;
    const observed = this.#observed;
    const ids = (): string => newId((count) => random.bytes(count));
    this.#store = store;
    this.#logger = logger;
    this.#clock = clock;
    this.#authority = options.authority;
    const rounds = new CoreRounds(view);
    this.#planner = new Planner({
      store,
      observed,
      clock,
      logger,
      newId: ids,
      rounds: options.wrapRounds?.(rounds) ?? rounds,
      onStoreFailure: () => this.#keeper.look(),
      stepLimit: options.stepLimit,
    });
    this.#dispatcher = new Dispatcher({ view, observed });
    this.#monitor = this.#monitorOf(options);
    this.#sessions = this.#sessionsOf(options);
    this.#logs = new LogBroker({ view, dispatcher: this.#dispatcher, clock, newId: ids });
    this.#keeper = new StoreKeeper({
      store,
      clock,
      logger,
      onReloaded: () => this.#planner.reloaded(),
    });
    this.handler = {
      onSession: async (session, peer) => await this.#sessions.serve(session, peer),
      onLogs: async (requestId, stream, peer) =>
        await this.#logs.upload(requestId, { stream, nodeId: peer?.nodeId }),
    };
    this.#door = this.#doorOf(options);
    this.controlPlane = new ManagerControlPlane({
      view,
      observed,
      clock,
      authority: options.authority,
      door: this.#door,
      planner: this.#planner,
      sessions: this.#sessions,
      logs: this.#logs,
      randomBytes: (count) => random.bytes(count),
      onCommit: (listener) => this.#commits.add(listener),
      onObserved: (listener) => this.#observations.add(listener),
      leave: () => this.#leaveOnce(),
    });
    store.onCommit((commit) => this.#committed(commit));
    this.#planner.everything();
    void this.#monitor.run();
    void this.#door?.run();
    void this.#keepKeys();
    if (lacksRoot(view)) void this.#adoptRoot((count) => random.bytes(count));
  }

  #sessionsOf(options: ManagerOptions): Sessions {
    return new Sessions({
      clock: options.clock,
      logger: options.logger,
      view: this.#store.view,
      observed: this.#observed,
      dispatcher: this.#dispatcher,
      monitor: this.#monitor,
      fraction: () => options.random.fraction(),
      life: options.life?.((nodeId) => this.#monitor.heard(nodeId, 'datagram')),
      events: {
        described: async (nodeId, description, how) =>
          await this.#described(nodeId, { description, known: how.known }),
        standIns: async (nodeId, hello) => await this.#adopt(nodeId, hello),
        observed: (taskIds) => this.#taskObserved(taskIds),
        gone: (nodeId, taskIds) => this.#gone(nodeId, taskIds),
        nodeChanged: (nodeId) => this.#nodeChanged(nodeId),
        sessionEnded: (nodeId) => this.#logs.sessionEnded(nodeId),
      },
    });
  }

  #doorOf({ port, clock, logger, random, authority }: ManagerOptions): ClusterDoor | undefined {
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
        },
      }),
      clock,
      logger,
      authority,
      view: this.#store.view,
      observed: this.#observed,
      write: async (run) => await this.#planner.write(run),
      fraction: () => random.fraction(),
      onLeft: (nodeId) => this.#left(nodeId),
      rootOf: (nodeId) => this.#dispatcher.session(nodeId)?.peer?.rootId,
      onRotated: () => this.#sessions.rotated(),
    });
    return door;
  }

  /** The node's own word: nothing is waited for. */
  #left(nodeId: string): void {
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

  #monitorOf(options: ManagerOptions): NodeMonitor {
    return new NodeMonitor({
      clock: options.clock,
      logger: options.logger,
      view: this.#store.view,
      observed: this.#observed,
      leases: options.leases,
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
    this.#planner.stop();
    this.#monitor.stop();
    this.#sessions.stop();
    await this.#door?.stop();
    this.#keeper.stop();
    await this.#store.close();
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
    this.#door?.committed(commit);
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
    if (row?.leftAt === undefined && sameJson(row?.description, description)) return;
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

  /** A key that stays behind opens nothing any more; the next cluster would use it again. */
  async #forgetKeys(): Promise<void> {
    try {
      await this.#authority.forget();
    } catch (error) {
      this.#logger.warn('the sealing key of the cluster could not be deleted', { error });
    }
  }

  /** What a manager that was interrupted did not finish, and what a restore leaves to do. */
  async #keepKeys(): Promise<void> {
    const cluster = theCluster(this.#store.view);
    if (cluster === undefined) return;
    try {
      await this.#authority.keepUnder(cluster.unlockKey);
    } catch (error) {
      this.#logger.error('the sealing key could not be kept as the cluster says', { error });
    }
  }

  /** For a store from before clusters had a root; what fails is tried again at the next start. */
  async #adoptRoot(randomBytes: (count: number) => Uint8Array): Promise<void> {
    try {
      const root = await makeRoot(this.#authority, this.#clock.now());
      await this.#store.update((tx) => adoptRoot(tx, { root, randomBytes }));
      this.#logger.warn('the cluster has a certificate authority now; its join tokens are new');
    } catch (error) {
      this.#logger.error('no certificate authority could be made for the cluster', { error });
    }
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
      await this.#forgetKeys();
    } finally {
      this.#sessions.finishLeaving();
      this.#planner.resume();
    }
  }
}

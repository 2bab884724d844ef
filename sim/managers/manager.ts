import type { ClientHttp2Stream } from 'node:http2';
import type { Clock } from '../../src/host/clock.ts';
import type { FollowedEngine } from '../../src/host/followed-store.ts';
import type { Logger } from '../../src/host/logger.ts';
import type { Managers } from '../../src/host/managers.ts';
import type { ManagerTransportHandler, SessionPeer } from '../../src/host/transport.ts';
import type { LeadershipTerms } from '../../src/leadership/terms.ts';
import { TuttiError } from '../../src/lib/error.ts';
import type { Prng } from '../../src/lib/prng.ts';
import type { Leases } from '../../src/liveness/leases.ts';
import type { ControlPlane } from '../../src/manager/control-plane.ts';
import { knownManagers } from '../../src/manager/known-managers.ts';
import { startTerm, type Term } from '../../src/manager/manager.ts';
import { type HeldTerm, holderName } from '../../src/manager/office.ts';
import { SeatHolder, type TermSeat } from '../../src/manager/seat-holder.ts';
import type { Instant } from '../../src/model/instant.ts';
import { EtcdClient } from '../../src/os/etcd-client.ts';
import { EtcdEngine } from '../../src/os/etcd-engine.ts';
import { EtcdLeadership } from '../../src/os/etcd-leadership.ts';
import { EtcdRank } from '../../src/os/etcd-rank.ts';
import { EtcdUpkeep } from '../../src/os/etcd-upkeep.ts';
import type { EtcdLink } from '../../src/os/etcd-channel.ts';
import { LeaderRelay, type RelayedStream } from '../../src/os/leader-relay.ts';
import type { Store } from '../../src/store/store.ts';
import type { Commit } from '../../src/store/view.ts';
import { SimulatedAuthority } from '../authority.ts';
import { StallingClock } from '../cluster/odd-clock.ts';
import type { SimulatedEtcd } from '../etcd/simulated-etcd.ts';
import { SimulatedEtcdLink } from '../etcd/simulated-link.ts';
import type { Fabric } from '../fabric.ts';
import { Life } from '../life.ts';
import { SimulatedTransport } from '../transport.ts';
import { LifeEar } from './life-ear.ts';
import { joinSessions, RelayedSession } from './relayed-session.ts';

/** Who hears no answer of another manager for this long has no link to it. */
const linkSilenceMs = 1_500;

/** Where a fault can be planted. */
export interface ManagerSeams {
  readonly terms?: LeadershipTerms;
  readonly leases?: () => Leases;
  readonly engine?: (engine: FollowedEngine) => FollowedEngine;
  /** A request is answered by whoever was asked, from what it knows. */
  readonly answersAnything?: boolean;
}

/** What watches all managers. */
export interface ManagersWatcher {
  acknowledged(
    by: SimulatedManager,
    write: { readonly epoch: number; readonly revision: number; readonly texts: readonly string[] },
  ): void;
  followed(by: SimulatedManager, store: Store): void;
  saw(by: SimulatedManager, commit: Commit): void;
  began(by: SimulatedManager, term: Term): void;
  committed(commit: Commit, control: ControlPlane): void;
}

export interface SimulatedManagerOptions {
  /** Of its machine, and of the member of etcd beside it. */
  readonly index: number;
  readonly nodeId: string;
  readonly address: string;
  readonly clock: Clock;
  /** The machine's time of day, and the one that nobody sets. */
  readonly wallClock: Clock;
  readonly steadyNow: () => Instant;
  readonly dice: Prng;
  readonly etcd: SimulatedEtcd;
  readonly fabric: Fabric;
  readonly logger: Logger;
  readonly seams: ManagerSeams;
  readonly watcher: ManagersWatcher;
  readonly other: (nodeId: string) => SimulatedManager | undefined;
}

/** What lives as long as the process does. */
interface Process {
  readonly life: Life;
  readonly stop: AbortController;
  readonly holder: SeatHolder<HeldTerm & { readonly term: Term }>;
  readonly relay: LeaderRelay;
  readonly client: EtcdClient;
  readonly clock: Clock;
}

/**
 * One of several managers: the real store, seat, relay and term, between a simulated member of etcd
 * and a simulated network. It is killed, and stands still, as a process does.
 */
export class SimulatedManager {
  readonly index: number;
  readonly nodeId: string;
  readonly address: string;
  readonly ear: LifeEar;
  /** What its watch of etcd tells is late by up to this. */
  maxWatchLagMs = 0;
  readonly #options: SimulatedManagerOptions;
  readonly #clock: StallingClock;
  readonly #answeredAt = new Map<string, Instant>();
  readonly #relayed = new Map<RelayedSession, string>();
  /** Of sessions that other managers relay to this one. */
  readonly #incoming = new Set<SimulatedTransport>();
  #process: Process | undefined;
  #lives = 0;
  #frozenUntil: Instant = 0;

  constructor(options: SimulatedManagerOptions) {
    this.#options = options;
    this.index = options.index;
    this.nodeId = options.nodeId;
    this.address = options.address;
    this.#clock = new StallingClock(options.wallClock);
    this.ear = new LifeEar({ running: this.running, mayAnswer: () => this.mayAct });
  }

  get isUp(): boolean {
    return this.#process !== undefined;
  }

  get isFrozen(): boolean {
    return this.#options.clock.now() < this.#frozenUntil;
  }

  /** Resolves when the process runs; what waited in its timers comes before. */
  readonly running = async (): Promise<void> => {
    for (;;) {
      const leftMs = this.#frozenUntil - this.#options.clock.now();
      if (leftMs <= 0) return;
      await this.#options.clock.sleep(leftMs + 1);
    }
  };

  get mayAct(): boolean {
    return this.#process?.holder.mayAct === true;
  }

  get store(): Store | undefined {
    return this.#process?.holder.store;
  }

  /** While it leads, and may act. */
  get term(): Term | undefined {
    const seat = this.#process?.holder.office.seat;
    return seat?.kind === 'here' ? seat.term.term : undefined;
  }

  /** Whether that manager answered a moment ago. */
  isReachable(nodeId: string): boolean {
    if (nodeId === this.nodeId) return true;
    if (this.#options.other(nodeId)?.isUp !== true) return false;
    const at = this.#answeredAt.get(nodeId) ?? Number.NEGATIVE_INFINITY;
    return this.#options.clock.now() - at <= linkSilenceMs;
  }

  /** Looks which managers answer; links to those that do not are broken. */
  look(others: readonly SimulatedManager[]): void {
    if (this.#process === undefined || this.isFrozen) return;
    const { clock } = this.#options;
    for (const other of others) {
      if (other === this || !other.isUp || other.isFrozen || !this.#meets(other)) continue;
      const wasThere = this.isReachable(other.nodeId);
      this.#answeredAt.set(other.nodeId, clock.now());
      if (!wasThere) this.#process.holder.office.tell();
    }
    for (const [session, nodeId] of this.#relayed) {
      if (!this.isReachable(nodeId)) session.destroy();
    }
  }

  start(): void {
    if (this.#process !== undefined) return;
    this.#lives += 1;
    const life = new Life();
    const stop = new AbortController();
    const process = this.#make(life, stop);
    this.#process = process;
    void this.#run(process);
  }

  /** SIGKILL. */
  kill(): void {
    this.#process?.life.kill();
    this.#process?.stop.abort(new TuttiError('cancelled', 'the manager was killed'));
    this.#process = undefined;
    this.#frozenUntil = 0;
    this.#clock.stall(0);
    this.ear.tell(() => undefined);
    for (const transport of this.#incoming) transport.stop();
    this.#incoming.clear();
    for (const session of Array.from(this.#relayed.keys())) session.destroy();
    this.#answeredAt.clear();
  }

  /** SIGSTOP, and after that long SIGCONT. */
  freeze(forMs: number): void {
    this.#frozenUntil = this.#options.clock.now() + forMs;
    this.#clock.stall(forMs);
  }

  /** What its own machine's and other agents say: served here, or led to who leads. */
  readonly handler = (peer: SessionPeer): ManagerTransportHandler => ({
    onSession: async (session) => {
      await this.running();
      const process = this.#process;
      if (process === undefined) throw down();
      const over = new AbortController();
      const upstream = await process.life.hold(() =>
        process.relay.openStream({ kind: 'session' }, { peer, signal: over.signal }),
      );
      if (upstream === undefined) {
        const { term } = this;
        if (term === undefined) throw down();
        await term.handler.onSession(session, peer);
        return;
      }
      await joinSessions(session, upstream as unknown as RelayedSession);
    },
    onLogs: async () => await Promise.reject(down()),
  });

  /**
   * As a request of a client to this manager: where it is answered.
   *
   * @throws TuttiError `unavailable`.
   */
  async whoAnswers(
    kind: 'read' | 'write',
    signal: AbortSignal,
  ): Promise<Pick<ControlPlane, 'createConfig' | 'view'>> {
    const process = this.#process;
    if (process === undefined) throw down();
    await this.running();
    const { store } = this;
    if (kind === 'read' && this.#options.seams.answersAnything === true && store !== undefined) {
      const { view } = store;
      return { view, createConfig: async () => await Promise.reject(down()) };
    }
    const where = await process.life.hold(() => process.relay.whoServes(signal));
    if (where === 'here' && this.term !== undefined) return this.term.controlPlane;
    const leader = this.#options.other(process.holder.office.leaderId ?? '');
    if (leader === undefined || !this.#meets(leader)) throw down();
    await this.#options.clock.sleep(this.#options.fabric.delayMs(this.index, leader.index));
    await leader.running();
    if (leader.term === undefined) throw down();
    return leader.term.controlPlane;
  }

  #meets(other: SimulatedManager): boolean {
    const { fabric } = this.#options;
    return fabric.isOpen(this.index, other.index) && fabric.isOpen(other.index, this.index);
  }

  #make(life: Life, stop: AbortController): Process {
    const { dice, fabric, etcd, steadyNow, nodeId, logger, seams, watcher } = this.#options;
    const clock = life.clock(this.#clock);
    const member = etcd.members[this.index];
    if (member === undefined) throw new Error(`machine ${this.index} has no member of etcd`);
    const watchLagMs = (): number => dice.fraction() * this.maxWatchLagMs;
    const process = { clock, running: this.running, watchLagMs };
    const link = heldBy(life, new SimulatedEtcdLink({ etcd, member, process }));
    const client = new EtcdClient({
      endpoints: [{ kind: 'socket', path: 'etcd' }],
      connect: () => link,
      clock: { now: steadyNow, sleep: async (ms, signal) => await clock.sleep(ms, signal) },
    });
    const bytes = (count: number): Uint8Array => dice.bytes(count);
    const random = { bytes, fraction: () => dice.fraction() };
    const engine = this.#watched(new EtcdEngine({ client }), life);
    const authority = new SimulatedAuthority(bytes);
    const begin = (seat: TermSeat) => {
      const term = startTerm({
        ...seat,
        clock,
        random,
        authority,
        logger,
        managers,
        ...(seams.leases !== undefined && { leases: seams.leases() }),
        life: (heard) => this.ear.tell(heard),
      });
      const { controlPlane } = term;
      watcher.began(this, term);
      controlPlane.onCommit((commit) => {
        if (!life.isOver) watcher.committed(commit, controlPlane);
      });
      return { term, resume: () => term.resume(), stop: async () => await term.stop() };
    };
    const holder = new SeatHolder({
      nodeId,
      engine: seams.engine?.(engine) ?? engine,
      clock,
      steadyNow,
      random,
      logger,
      storeOptions: { freezeRows: true },
      ...(seams.terms !== undefined && { terms: seams.terms }),
      begin,
    });
    const managers = managersOf(holder, { nodeId, isReachable: (id) => this.isReachable(id) });
    const relay = new LeaderRelay({
      clock,
      serving: () => {
        const { seat } = holder.office;
        if (seat.kind === 'here') return 'here';
        return seat.kind === 'there' ? { nodeId: seat.nodeId } : undefined;
      },
      onChange: (listener) => holder.office.onChange(listener),
      isReachable: (id) => this.isReachable(id),
      open: async (id, path, signal) => await this.#open(id, { path, signal, fabric }),
      nobodyLeads: down,
      self: () => ({ nodeId, address: this.address, rootId: '' }),
    });
    return { life, stop, holder, relay, client, clock };
  }

  async #run({ life, stop, holder, client, clock }: Process): Promise<void> {
    const { nodeId, logger, watcher } = this.#options;
    const store = await life.hold(() => holder.follow(stop.signal));
    if (store === undefined) return;
    const rank = new EtcdRank({ client, clock });
    watcher.followed(this, store);
    store.onCommit((commit) => {
      if (!life.isOver) watcher.saw(this, commit);
    });
    const ids = (): readonly string[] => knownManagers(store.view).map((one) => one.nodeId);
    const isHolder = (): boolean => holder.office.seat.kind === 'here';
    const upkeep = new EtcdUpkeep({ client, clock, logger, isHolder });
    const name = holderName(nodeId, this.#lives, clock.now());
    const leadership = new EtcdLeadership({ client, name });
    const by = { leadership, rank: () => rank.rank(nodeId, ids()) };
    await Promise.all([
      holder.lead(by, stop.signal),
      rank.run(stop.signal),
      upkeep.run(stop.signal),
    ]);
  }

  /** What it acknowledges is noted at the moment in which it is told so. */
  #watched(engine: FollowedEngine, life: Life): FollowedEngine {
    return {
      load: async () => await engine.load(),
      takeEpoch: async () => await engine.takeEpoch(),
      close: async () => await engine.close(),
      follow: async (listener, signal) => await engine.follow(listener, signal),
      commit: async (changes, guard) => {
        const outcome = await life.hold(() => engine.commit(changes, guard));
        if (outcome.kind === 'committed') {
          const texts = changes.map((change) => JSON.stringify(change)).toSorted();
          const { epoch, revision } = guard;
          this.#options.watcher.acknowledged(this, { epoch, revision: revision + 1, texts });
        }
        return outcome;
      },
    };
  }

  /** A session for the leader, over the link to it. */
  async #open(
    nodeId: string,
    how: { readonly path: string; readonly signal: AbortSignal; readonly fabric: Fabric },
  ): Promise<ClientHttp2Stream | undefined> {
    const { clock, dice } = this.#options;
    const { path, signal, fabric } = how;
    const leader = this.#options.other(nodeId);
    if (leader === undefined || !this.isReachable(nodeId)) throw down();
    await clock.sleep(2 * fabric.delayMs(this.index, leader.index), signal).catch(() => undefined);
    if (!this.#meets(leader) || leader.isFrozen) {
      await clock.sleep(linkSilenceMs, signal).catch(() => undefined);
      throw down();
    }
    if (signal.aborted) throw down();
    if (leader.term === undefined) return undefined;
    const { peer } = readPath(path);
    const ways = {
      model: fabric.modelOf(this.index, leader.index),
      cut: fabric.cutOf(this.index, leader.index),
    };
    const transport = new SimulatedTransport({ clock, dice, ways });
    transport.listening = leader.running;
    leader.#incoming.add(transport);
    transport.serve({
      onSession: async (session) => {
        await leader.running();
        const { term } = leader;
        if (term === undefined) throw down();
        await term.handler.onSession(session, peer);
      },
      onLogs: async () => await Promise.reject(down()),
    });
    const stop = new AbortController();
    const stream = await transport.agent().openSession(stop.signal);
    const session = new RelayedSession(stream, () => {
      stop.abort(down());
      leader.#incoming.delete(transport);
      this.#relayed.delete(session);
    });
    this.#relayed.set(session, nodeId);
    return session as unknown as ClientHttp2Stream;
  }
}

function managersOf(
  holder: SeatHolder<HeldTerm & { readonly term: Term }>,
  of: { readonly nodeId: string; readonly isReachable: (nodeId: string) => boolean },
): Managers {
  return {
    nodeId: of.nodeId,
    get leaderId() {
      return holder.office.leaderId;
    },
    isReachable: of.isReachable,
    call: async () => await Promise.reject(down()),
  };
}

/** Nothing of it comes back to a process that is dead. */
function heldBy(life: Life, link: EtcdLink): EtcdLink {
  return {
    call: async (method, options) => await life.hold(() => link.call(method, options)),
    open: async (method, { onMessage, onEnd }) =>
      await life.hold(() =>
        link.open(method, {
          onMessage: (message) => {
            if (!life.isOver) onMessage(message);
          },
          onEnd: (why) => {
            if (!life.isOver) onEnd(why);
          },
        }),
      ),
    ping: async (limitMs) => await life.hold(() => link.ping(limitMs)),
    reset: () => link.reset(),
  };
}

function readPath(path: string): RelayedStream {
  const argument = path.slice(path.lastIndexOf('/') + 1);
  return JSON.parse(Buffer.from(argument, 'base64url').toString()) as RelayedStream;
}

function down(): TuttiError {
  return new TuttiError('unavailable', 'no manager leads');
}

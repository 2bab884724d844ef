import type { Authority } from './host/authority.ts';
import type { Clock } from './host/clock.ts';
import type { ClusterCalls } from './host/cluster-port.ts';
import type { Sighting } from './host/followed-store.ts';
import type { Logger } from './host/logger.ts';
import type { ManagerCall, ManagerCallHandler, Managers } from './host/managers.ts';
import type { NodeIdentity } from './host/node-identity.ts';
import type { Random } from './host/random.ts';
import type { SeatHost } from './host/seat-host.ts';
import type { ManagerTransportHandler, SessionPeer } from './host/transport.ts';
import { TuttiError } from './lib/error.ts';
import { ClusterDoor } from './manager/cluster-door.ts';
import { theCluster } from './manager/cluster-row.ts';
import { knownManagers } from './manager/known-managers.ts';
import { Seats } from './manager/seats.ts';
import { startTerm, type Term } from './manager/manager.ts';
import { nobodyLeads } from './manager/nobody-leads.ts';
import { ObservedState } from './manager/observed-state.ts';
import { type HeldTerm, holderName } from './manager/office.ts';
import type { OwnAuthority } from './manager/own-authority.ts';
import { SeatHolder, type TermSeat } from './manager/seat-holder.ts';
import type { Cluster } from './model/cluster.ts';
import type { KnownManager } from './model/known-manager.ts';
import { parseCertificate, readPeerCertificate } from './os/certificates-read.ts';
import { TcpClusterPort } from './os/cluster-port.ts';
import type { EtcdClient } from './os/etcd-client.ts';
import { EtcdLeadership } from './os/etcd-leadership.ts';
import { EtcdRank } from './os/etcd-rank.ts';
import { EtcdUpkeep } from './os/etcd-upkeep.ts';
import { LeaderRelay } from './os/leader-relay.ts';
import { UdpLifeReceiver, withDatagrams } from './os/life-datagrams.ts';
import { ManagerLinks } from './os/manager-links.ts';
import type { SeatFile } from './os/manager-seat.ts';
import type { SealedEngine } from './os/sealed-engine.ts';
import type { Store } from './store/store.ts';
import type { Commit, View } from './store/view.ts';
import { parseLeftCall } from './wire/manager-calls.ts';

type SeatedTerm<Served> = HeldTerm & { readonly term: Term; readonly served: Served };

export interface SeatedManagerOptions<Served extends { close(): void }> {
  readonly seat: SeatFile;
  /** Of this node, with a certificate of role manager. */
  readonly identity: () => NodeIdentity;
  /** Of etcd's member beside this process. */
  readonly client: EtcdClient;
  readonly engine: SealedEngine;
  readonly authority: Authority;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** Where this manager serves its API. */
  readonly apiSocket: string;
  /** Makes what answers requests while a term lasts. */
  readonly serve: (term: Term) => Served;
  readonly seatHost: SeatHost;
  /** What this manager renews itself by is kept with it. */
  readonly ownAuthority: Pick<OwnAuthority, 'keep'>;
}

/**
 * One of several managers: follows, leads when it is its turn, follows again; leads whoever comes
 * to the one that leads. See docs/design/managers.md.
 */
export class SeatedManager<Served extends { close(): void }> {
  /** What agents say to the manager that leads. */
  readonly handler: ManagerTransportHandler;
  readonly relay: LeaderRelay;
  readonly managers: Managers;
  readonly #options: SeatedManagerOptions<Served>;
  readonly #links: ManagerLinks;
  readonly #holder: SeatHolder<SeatedTerm<Served>>;
  #seats: Seats | undefined;
  #door: ClusterDoor | undefined;
  #isOpen = false;
  #datagrams: UdpLifeReceiver | undefined;

  constructor(options: SeatedManagerOptions<Served>) {
    this.#options = options;
    const { clock, logger, seat, identity } = options;
    const { nodeId } = seat;
    const { steadyNow } = this;
    this.#holder = new SeatHolder({
      ...options,
      nodeId,
      steadyNow,
      begin: (term) => this.#begin(term),
    });
    this.#links = new ManagerLinks({
      nodeId,
      identity,
      managers: () => this.knownManagers(),
      clock,
      logger,
      onChange: () => this.#holder.office.tell(),
    });
    this.relay = new LeaderRelay({
      clock,
      serving: () => this.#serving(),
      onChange: (listener) => this.#holder.office.onChange(listener),
      isReachable: (id) => this.#links.isReachable(id),
      open: async (id, path, signal) => await this.#links.open(id, path, signal),
      nobodyLeads: () => this.#nobodyLeads(),
      self: () => this.#self(),
    });
    this.managers = this.#managersOf();
    this.handler = {
      onSession: async (session, peer) =>
        await this.#here().handler.onSession(session, this.#asMember(peer ?? this.#self())),
      onLogs: async (requestId, stream, peer) =>
        await this.#here().handler.onLogs(requestId, stream, peer),
    };
  }

  /** Whether the store is there to be read. */
  get isLoaded(): boolean {
    return this.#holder.store !== undefined;
  }

  /** Itself, once the store is there to be read. */
  get known(): this | undefined {
    return this.#holder.store === undefined ? undefined : this;
  }

  /** Why nobody can be asked; undefined while somebody leads. */
  get trouble(): string | undefined {
    const { leaderId } = this.#holder.office;
    const isThere = leaderId !== undefined && this.#links.isReachable(leaderId);
    return isThere ? undefined : this.#nobodyLeads().message;
  }

  get nodeId(): string {
    return this.#options.seat.nodeId;
  }

  /** What is durable, as far as it is known here. */
  get view(): View {
    return this.#loaded().view;
  }

  cluster(): Cluster | undefined {
    return theCluster(this.view);
  }

  /** What answers requests, while this manager leads. */
  get served(): Served | undefined {
    const { seat } = this.#holder.office;
    return seat.kind === 'here' ? seat.term.served : undefined;
  }

  /** The managers that are known; before the store is there, those that the identity names. */
  knownManagers(): readonly KnownManager[] {
    const known = this.#holder.store === undefined ? [] : knownManagers(this.#holder.store.view);
    return known.length > 0 ? known : (this.#options.identity().membership?.managers ?? []);
  }

  /** Who leads, as one sees who cannot follow yet: the store is of an older schema. */
  noteLeader(seen: Sighting): void {
    this.#holder.office.seen(seen);
  }

  /** To be kept as a snapshot; undefined where nothing is known yet. */
  snapshot() {
    const store = this.#holder.store;
    const clusterId = store === undefined ? undefined : theCluster(store.view)?.id;
    if (store === undefined || clusterId === undefined) return undefined;
    return { clusterId, snapshot: store.snapshot() };
  }

  /** Runs until the signal. */
  async run(signal: AbortSignal): Promise<void> {
    const { client, clock, logger } = this.#options;
    this.#links.look();
    const store = await this.#holder.follow(signal);
    if (store === undefined) return;
    const rank = new EtcdRank({ client, clock });
    const { nodeId } = this;
    this.#datagrams = new UdpLifeReceiver(logger, () => this.#holder.mayAct);
    const door = this.#openDoor(store, this.#datagrams);
    this.#door = door;
    store.onCommit((commit) => this.#committed(commit));
    this.#links.look();
    this.#keepKeys();
    this.#options.ownAuthority.keep(store.view);
    const isHolder = (): boolean => this.#holder.office.seat.kind === 'here';
    const upkeep = new EtcdUpkeep({ client, clock, logger, isHolder });
    this.#openToOthers();
    const name = holderName(nodeId, process.pid, clock.now());
    const ids = (): readonly string[] => this.knownManagers().map((one) => one.nodeId);
    const by = {
      leadership: new EtcdLeadership({ client, name }),
      rank: () => rank.rank(nodeId, ids()),
    };
    // While it gives the lead back, it leads others to the next one.
    await Promise.all([this.#holder.lead(by, signal), rank.run(signal), upkeep.run(signal)]);
  }

  /** A clock that never jumps. */
  readonly steadyNow = (): number => performance.now();

  /** After `run`. */
  async stop(): Promise<void> {
    await this.#door?.stop();
    this.#links.close();
    await this.#holder.store?.close();
    this.#options.client.close();
  }

  #begin({ store, isTakeover, mayAct, onStoreFailure }: TermSeat): SeatedTerm<Served> {
    const term = startTerm({
      ...this.#options,
      store,
      managers: this.managers,
      door: this.#requireDoor(),
      ...(this.#seats !== undefined && { seats: this.#seats }),
      mayAct,
      isTakeover,
      onStoreFailure,
      life: (heard) => this.#requireDatagrams().tell(heard),
    });
    const served = this.#options.serve(term);
    return {
      term,
      served,
      resume: () => term.resume(),
      stop: async () => {
        served.close();
        await term.stop();
      },
    };
  }

  #openDoor(store: Store, datagrams: UdpLifeReceiver): ClusterDoor {
    const { clock, random, logger, authority, seat, seatHost, apiSocket } = this.#options;
    const calls: ClusterCalls = {
      authorise: (call, caller) => door.authorise(call, caller),
      root: () => door.root(),
      join: async (asked, from) => await door.join(asked, from),
      renew: async (asked, from) => await door.renew(asked, from),
      left: (nodeId) => door.left(nodeId),
      manager: async (call, body, from) => await door.manager(call, body, from),
    };
    const isLeading = (): boolean => this.#holder.office.seat.kind === 'here';
    const shared = { relay: this.relay, isLeading, apiSocket };
    const port = new TcpClusterPort({ calls, handler: this.handler, logger, shared });
    const { view } = store;
    const { managers } = this;
    const seats = new Seats({ clock, logger, view, managers, authority, host: seatHost });
    this.#seats = seats;
    const nothing = new ObservedState();
    const door: ClusterDoor = new ClusterDoor({
      port: withDatagrams(port, datagrams),
      clock,
      logger,
      authority,
      view,
      seats,
      isLeading,
      observed: { node: (id) => (this.#term?.controlPlane.observed ?? nothing).node(id) },
      write: async (run) => await this.#here().write(run),
      fraction: () => random.fraction(),
      onLeft: (nodeId) => this.#left(nodeId),
      rootOf: (nodeId) => this.#term?.rootOf(nodeId),
      onRotated: () => this.#term?.rotated(),
      own: seat,
      managerCalls: { ...seats.calls, ...this.#managerCalls() },
    });
    return door;
  }

  #managerCalls(): Readonly<Partial<Record<ManagerCall, ManagerCallHandler>>> {
    return {
      'manager.left': async (body) => {
        this.#here().left(parseLeftCall(body).nodeId);
        return await Promise.resolve({});
      },
    };
  }

  #left(nodeId: string): void {
    if (this.#term !== undefined) {
      this.#term.left(nodeId);
      return;
    }
    this.managers.call('leader', 'manager.left', { nodeId }).catch((error: unknown) =>
      this.#options.logger.warn('that a node left could not be told to the leader', {
        nodeId,
        error: TuttiError.from(error).message,
      }),
    );
  }

  #managersOf(): Managers {
    const office = this.#holder.office;
    const links = this.#links;
    const { nodeId } = this.#options.seat;
    return {
      nodeId,
      get leaderId() {
        return office.leaderId;
      },
      isReachable: (id) => links.isReachable(id),
      call: async (to, call, body) => {
        const asked = to === 'leader' ? office.leaderId : to.nodeId;
        if (asked === undefined) throw new TuttiError('unavailable', 'no manager leads');
        if (asked !== nodeId) return await links.call(asked, call, body);
        return await this.#requireDoor().manager(call, body, { nodeId });
      },
    };
  }

  /** A follower that let a node in may not have heard yet that it was removed. */
  #asMember(peer: SessionPeer): SessionPeer {
    if (this.view.nodes.get(peer.nodeId) !== undefined) return peer;
    const message = `node ${peer.nodeId} is not in this cluster: it was removed`;
    throw new TuttiError('permission-denied', message);
  }

  #nobodyLeads(): TuttiError {
    const known = this.knownManagers();
    const answering = known.filter(({ nodeId }) => this.#links.isReachable(nodeId)).length;
    return nobodyLeads({ answering, all: known.length });
  }

  #serving(): 'here' | { readonly nodeId: string } | undefined {
    const { seat } = this.#holder.office;
    if (seat.kind === 'here') return 'here';
    return seat.kind === 'there' ? { nodeId: seat.nodeId } : undefined;
  }

  get #term(): Term | undefined {
    const { seat } = this.#holder.office;
    return seat.kind === 'here' ? seat.term.term : undefined;
  }

  #here(): Term {
    const term = this.#term;
    if (term !== undefined) return term;
    const leaderId = this.#holder.office.leaderId;
    const leader = this.knownManagers().find(({ nodeId }) => nodeId === leaderId);
    throw new TuttiError('unavailable', 'this manager does not lead', {
      hint: leader === undefined ? 'Try again in a few seconds.' : `Ask ${leader.address}.`,
    });
  }

  #committed(commit: Commit): void {
    this.#requireDoor().committed(commit);
    const tables = new Set(commit.changes.map(({ table }) => table));
    if (tables.has('nodes')) this.#links.look();
    if (tables.has('clusters') || tables.has('roots')) this.#options.ownAuthority.keep(this.view);
    if (!tables.has('clusters')) return;
    this.#keepKeys();
    this.#openToOthers();
  }

  /** From the moment at which there is a cluster; it was followed from its first commit, maybe. */
  #openToOthers(): void {
    if (this.#isOpen || this.cluster() === undefined) return;
    this.#isOpen = true;
    void this.#requireDoor().run();
  }

  /** Each manager keeps the key on its own disk as the cluster says. */
  #keepKeys(): void {
    const { authority, logger } = this.#options;
    const cluster = this.cluster();
    if (cluster === undefined) return;
    authority
      .keepUnder(cluster.unlockKey)
      .catch((error: unknown) =>
        logger.error('the sealing key could not be kept as the cluster says', { error }),
      );
  }

  /** This machine's own agent, as the leader sees it. */
  #self(): SessionPeer {
    const { identity, seat } = this.#options;
    const { address = '', certificate = '' } = identity().membership ?? {};
    const roots = this.#holder.store === undefined ? [] : [...this.#holder.store.view.roots.all()];
    const { rootId = '', role } = readPeerCertificate(parseCertificate(certificate), roots);
    return { nodeId: seat.nodeId, address, rootId, ...(role !== undefined && { role }) };
  }

  #loaded(): Store {
    if (this.#holder.store !== undefined) return this.#holder.store;
    throw new TuttiError('unavailable', 'the store of this manager is not loaded yet');
  }

  #requireDoor(): ClusterDoor {
    if (this.#door !== undefined) return this.#door;
    throw new TuttiError('unavailable', 'this manager is starting');
  }

  #requireDatagrams(): UdpLifeReceiver {
    if (this.#datagrams !== undefined) return this.#datagrams;
    throw new TuttiError('unavailable', 'this manager is starting');
  }
}

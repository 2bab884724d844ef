import type { Clock } from '../host/clock.ts';
import type { JoinRequest, MembershipState, NodeMembership } from '../host/membership.ts';
import type { NodeIdentity } from '../host/node-identity.ts';
import type { AgentTransport } from '../host/transport.ts';
import { TuttiError } from '../lib/error.ts';
import { sameJson } from '../lib/json.ts';
import type { KnownManager } from '../model/known-manager.ts';
import type { WireRefusal } from '../wire/authority-calls.ts';
import { joinCluster } from './join-attempt.ts';
import {
  alreadyInCluster,
  joinsInBackground,
  managersToAsk,
  noManagerAnswers,
} from './lost-node.ts';
import type { ClosableTransport, MembershipOptions } from './membership-options.ts';
import { describeMachine } from './describe-machine.ts';
import { HeardSessions } from './heard-sessions.ts';
import { addressNow } from './own-address.ts';
import { Renewal } from './renewal.ts';
import { SeatMoving } from './seat-moving.ts';
import { type Member, SeatTaking } from './seat-taking.ts';
import { within } from './within.ts';

/** How long `docker swarm join` waits; the attempt goes on behind it, as in Swarm. */
const joinPatienceMs = 20_000;
/**
 * A manager besides waits for its seat. Where another one has just joined, that one starts its
 * process, learns all, gets its vote, and answers etcd for 5 s before the next change is allowed:
 * 12 s on an idle machine.
 */
const seatPatienceMs = 60_000;
/** A node that leaves tells a manager, if one answers. */
const farewellLimitMs = 3_000;
/** A node that has joined is looked for at its manager. */
const firstSessionLimitMs = 3_000;
/** A manager that leaves is demoted first. */
const demotionLimitMs = 30_000;
const renewAgainMs = 3_000;

/**
 * The manager process of this machine: its own, whose cluster nobody else manages; one of several;
 * or none, because others manage the node.
 */
export type ManagerKind = 'own' | 'shared' | 'none';

type Attempt = { readonly stop: AbortController; readonly done: Promise<void> };

/**
 * Whether this machine is a node of a cluster that other machines manage: joins, keeps the
 * certificate young, leaves, and leads the agent to the right managers.
 */
export class Membership implements NodeMembership {
  /** What the agent talks over, whoever the managers are. */
  readonly transport: AgentTransport;
  readonly #options: MembershipOptions;
  readonly #clock: Clock;
  readonly #renewal: Renewal;
  readonly #seatTaking: SeatTaking | undefined;
  readonly #seatMoving: SeatMoving;
  readonly #sessions: HeardSessions;
  /** The files of a manager of several are there. */
  #isSeated = false;
  /** It was a worker since: they are of a member that the managers have removed. */
  #isSeatOld = false;
  /** The leader does not name this node among the managers, though it has a seat. */
  #isMissed = false;
  #member: Member | undefined;
  #network: ClosableTransport | undefined;
  /** Aborted when sessions have to be opened elsewhere. */
  #elsewhere = new AbortController();
  #attempt: Attempt | undefined;
  #joining: JoinRequest | undefined;
  #isLeaving = false;
  #isCeasing = false;
  /** The manager process listens where this machine is no more. */
  #isManagerStale = false;
  #trouble = '';
  #changed = Promise.withResolvers<void>();
  /** Resolved by the first session with the managers of the cluster. */
  #connected = Promise.withResolvers<void>();

  constructor(options: MembershipOptions) {
    this.#options = options;
    this.#clock = options.clock;
    this.#renewal = new Renewal({
      ...options,
      identity: () => this.#member,
      onRenewed: (identity) => this.#become(identity),
    });
    const { seat } = options;
    this.#seatTaking =
      seat === undefined
        ? undefined
        : new SeatTaking({
            ...options,
            seat,
            candidate: () => (this.#isCandidate ? this.#member : undefined),
            onTaken: () => this.#seated(),
            onTrouble: (why) => {
              this.#trouble = why;
            },
          });
    this.#seatMoving = new SeatMoving({
      ...options,
      manager: () => this.#settledManager(),
      onMoved: async (managers) => await this.noteManagers(managers),
      onTrouble: (why) => {
        this.#trouble = why;
      },
    });
    this.#sessions = new HeardSessions({
      ...options,
      isLocalFirst: () => this.managerKind === 'shared' && !this.#isLeaving,
      openElsewhere: async (signal) =>
        await this.#current((transport) => transport.openSession(signal)),
    });
    this.transport = {
      openSession: async (signal) => await this.#sessions.open(this.#here(signal)),
      openLogs: async (requestId, signal) =>
        await this.#current((transport) => transport.openLogs(requestId, this.#here(signal))),
      managerAddress: () => this.#network?.managerAddress?.(),
    };
  }

  /** Takes up what is on disk. `nodeId`: what the agent calls itself, once it did. */
  async load(nodeId: string | undefined): Promise<void> {
    const { disk, logger, seat } = this.#options;
    const identity = await disk.load();
    if (identity?.membership === undefined) return;
    this.#isSeated = (await seat?.isTaken()) ?? false;
    // What the own manager prepared for a move of its store, which is still to be made.
    if (identity.membership.founder === true && !this.#isSeated) return;
    if (nodeId !== undefined && nodeId !== identity.nodeId) {
      logger.warn('the identity on disk is of a node that has left; it is forgotten', {
        nodeId: identity.nodeId,
      });
      await disk.forget();
      return;
    }
    // It may have ended between the two when it renewed its certificate.
    if (this.#isSeated && identity.membership.role === 'manager') await seat?.renewed(identity);
    this.#become(identity);
    await this.lookAtAddress();
  }

  /** The machine may have another address: its node is to be found at that one. */
  async lookAtAddress(): Promise<void> {
    const { disk, seat, logger } = this.#options;
    const member = this.#member;
    if (member === undefined) return;
    const found = await addressNow(member.membership, this.#options);
    const { address: from, device: _, ...rest } = member.membership;
    const { address } = found;
    const moved = { ...member, membership: { ...rest, ...found } };
    // It may have left, or have been renewed, meanwhile.
    if (this.#member !== member) return await this.lookAtAddress();
    if (sameJson(moved, member)) return;
    this.#member = moved;
    await disk.save(moved);
    if (address === from) return;
    logger.warn('the address of this node changed', { from, to: address });
    if (this.managerKind === 'shared' && seat !== undefined) {
      this.#isManagerStale = (await seat.readdress(from, address)).isListenerMoved;
    }
    this.#reopen();
  }

  /** The manager process ended: it may have become one of several. */
  async managerEnded(): Promise<void> {
    if (this.#member === undefined) await this.load(this.#options.nodeId());
  }

  /** The id that this node joined with. */
  get nodeId(): string | undefined {
    return this.#member?.nodeId;
  }

  get state(): MembershipState {
    const member = this.#member;
    if (member !== undefined) {
      const { clusterId, address, managers } = member.membership;
      const trouble = this.#trouble;
      const kind = this.managerKind === 'shared' ? 'manager' : 'worker';
      return { kind, nodeId: member.nodeId, clusterId, address, managers, trouble };
    }
    const joining = this.#joining;
    if (joining === undefined) return { kind: 'fresh' };
    return { kind: 'joining', addresses: joining.addresses, trouble: this.#trouble };
  }

  /** Keeps the certificate young until the signal. */
  async run(signal: AbortSignal): Promise<void> {
    signal.addEventListener('abort', () => this.#attempt?.stop.abort(), { once: true });
    const changed = (): Promise<void> => this.#changed.promise;
    await Promise.all([
      this.#renewal.run(signal, changed),
      this.#seatTaking?.run(signal, changed),
      this.#seatMoving.run(signal, changed),
    ]);
  }

  get managerKind(): ManagerKind {
    if (this.#member === undefined) return 'own';
    return this.#isSeated && !this.#isSeatOld && isManager(this.#member) ? 'shared' : 'none';
  }

  /** Resolves when another kind of manager process is to run than this one; at once where so. */
  async untilOther(kind: ManagerKind, signal: AbortSignal): Promise<void> {
    const over = aborted(signal);
    while (!signal.aborted && this.managerKind === kind && !this.#isManagerStale) {
      await Promise.race([this.#changed.promise, over]);
    }
    this.#isManagerStale = false;
  }

  /** Removes what a manager of several left behind, once its process has ended. */
  async clearSeat(): Promise<void> {
    if (!this.#isSeated || this.managerKind === 'shared') return;
    await this.#options.seat?.clear();
    this.#isSeated = false;
    this.#isSeatOld = false;
    this.#tellChange();
  }

  /** Who manages the cluster, as a manager says it. */
  async noteManagers(managers: readonly KnownManager[]): Promise<void> {
    const member = this.#member;
    if (member === undefined || managers.length === 0) return;
    const isHere = managers.some(({ nodeId }) => nodeId === member.nodeId);
    this.#isMissed = this.managerKind === 'shared' && !isHere;
    // It was demoted while it could not be told.
    if (this.#isMissed) this.#renewal.after(0);
    if (sameJson(managers, member.membership.managers)) return;
    this.#member = { ...member, membership: { ...member.membership, managers } };
    this.#network?.useManagers?.(managers);
    this.#tellChange();
    await this.#options.disk.save(this.#member);
  }

  get isLost(): boolean {
    return this.#member !== undefined && this.#sessions.isLost && !this.#isLeaving;
  }

  async findAgain(request: Pick<JoinRequest, 'token' | 'addresses'>): Promise<void> {
    const { keys, logger } = this.#options;
    const member = this.#member;
    if (member === undefined) throw alreadyInCluster();
    await this.noteManagers(managersToAsk(member, { ...request, keys }));
    logger.info('the managers are looked for elsewhere, too', { addresses: request.addresses });
    this.#reopen();
    if (await this.#sessions.heardWithin(joinPatienceMs)) return;
    const why = this.#trouble === '' ? '' : `: ${this.#trouble}`;
    throw new TuttiError('unavailable', `no manager of this node's cluster answers there${why}`, {
      hint: 'They are asked on and on, in the background.',
    });
  }

  async join(request: JoinRequest): Promise<void> {
    if (this.state.kind !== 'fresh') throw alreadyInCluster();
    this.#joining = request;
    this.#trouble = '';
    const stop = new AbortController();
    const done = this.#runJoin(request, stop.signal).finally(() => {
      this.#attempt = undefined;
      this.#joining = undefined;
    });
    this.#attempt = { stop, done };
    const late = new AbortController();
    try {
      const outcome = await Promise.race([done, this.#patience(late.signal)]);
      if (outcome === 'late') throw this.#inBackground(done);
    } finally {
      late.abort();
    }
  }

  async #patience(signal: AbortSignal): Promise<'late'> {
    await this.#clock.sleep(joinPatienceMs, signal).catch(() => undefined);
    // It is let in: what it waits for now are managers, which come one after the other.
    if (this.#isCandidate) await this.#clock.sleep(seatPatienceMs, signal).catch(() => undefined);
    return 'late';
  }

  async leave(): Promise<void> {
    const attempt = this.#attempt;
    if (attempt !== undefined) {
      attempt.stop.abort(new TuttiError('cancelled', 'the attempt to join was given up'));
      await attempt.done.catch(() => undefined);
    }
    const member = this.#member;
    if (member === undefined) {
      if (attempt !== undefined) return;
      throw new TuttiError('unavailable', 'This node is not part of a swarm');
    }
    if (this.#isLeaving || this.#isCeasing) {
      throw new TuttiError('unavailable', 'this node is leaving already');
    }
    if (isManager(member)) await this.#cease(member);
    this.#isLeaving = true;
    try {
      // First of all: nothing is assigned any more.
      this.#network?.close();
      await this.#options.leaveAgent(new AbortController().signal);
      // Who says it has stopped its tasks: they run elsewhere from then on.
      await this.#sayFarewell(this.#member ?? member);
    } finally {
      this.#isLeaving = false;
      // It could not be done: the node is what it was.
      if (this.#member !== undefined) this.#become(this.#member);
    }
  }

  /** The agent has removed what was the cluster's: this machine is in none. */
  async forget(): Promise<void> {
    if (this.#member === undefined) return;
    await this.#options.disk.forget();
    this.#member = undefined;
    // Its session may still have a last word to say: it ends by itself.
    this.#network = undefined;
    this.#trouble = '';
    this.#tellChange();
  }

  /** A manager says that the certificate is to be replaced. */
  renewAfter(delayMs: number): void {
    this.#renewal.after(delayMs);
  }

  async #runJoin(request: JoinRequest, signal: AbortSignal): Promise<void> {
    const description = await describeMachine(this.#options, signal);
    const identity = await joinCluster(this.#options, {
      request,
      description,
      signal,
      nodeId: this.#options.nodeId(),
      onTrouble: (text) => {
        this.#trouble = text;
      },
    });
    this.#become(identity);
    await this.lookAtAddress();
    const { nodeId, membership } = identity;
    this.#options.logger.info('joined a cluster', { nodeId, clusterId: membership?.clusterId });
    await this.#firstSession(signal);
    while (this.#isCandidate && !signal.aborted) {
      await Promise.race([this.#changed.promise, aborted(signal)]);
    }
  }

  /** It is to be a manager, and has no seat yet. */
  get #isCandidate(): boolean {
    return this.#member !== undefined && isManager(this.#member) && !this.#isSeated;
  }

  #seated(): void {
    this.#isSeated = true;
    this.#isMissed = false;
    this.#sessions.trustLocal();
    this.#tellChange();
  }

  /** Resolves when this node is a worker. @throws TuttiError why it cannot be one. */
  async #cease(member: Member): Promise<void> {
    const asked = { identity: member, call: 'manager.member', body: { step: 'leaving' } } as const;
    const giveUpAt = this.#clock.now() + demotionLimitMs;
    const over = new AbortController();
    this.#isCeasing = true;
    try {
      await this.#options.calls.manager(asked, over.signal);
      while (this.#member !== undefined && isManager(this.#member)) {
        if (this.#clock.now() > giveUpAt) {
          const message = 'this node was demoted, and has not heard so from the managers yet';
          throw new TuttiError('unavailable', message, { hint: 'Try again in a moment.' });
        }
        // It is told so over its session, which may be with a manager that is no more.
        const pause = this.#clock.sleep(renewAgainMs, over.signal).catch(() => undefined);
        await Promise.race([this.#changed.promise, pause]);
        this.#renewal.after(0);
      }
    } finally {
      over.abort();
      this.#isCeasing = false;
    }
  }

  /** Whoever joined and looks at the manager's list of nodes should find this one ready. */
  async #firstSession(signal: AbortSignal): Promise<void> {
    const over = new AbortController();
    const stop = AbortSignal.any([signal, over.signal]);
    const late = this.#clock.sleep(firstSessionLimitMs, stop).catch(() => undefined);
    await Promise.race([this.#connected.promise, late]);
    over.abort();
  }

  #inBackground(done: Promise<void>): TuttiError {
    const { logger } = this.#options;
    void done.catch((error: unknown) =>
      logger.warn('the attempt to join ended', { error: TuttiError.from(error).message }),
    );
    return joinsInBackground(this.#trouble);
  }

  #become(identity: NodeIdentity): void {
    const { membership } = identity;
    if (membership === undefined) return;
    this.#member = { ...identity, membership };
    if (this.#isSeated && !this.#hasSeat(this.#member)) this.#isSeatOld = true;
    this.#reopen();
  }

  /** Sessions begin anew: by another certificate, from another address, with other managers. */
  #reopen(): void {
    const identity = this.#member;
    if (identity === undefined) return;
    this.#trouble = '';
    this.#network?.close();
    this.#network = this.#options.openTransport(identity, (refusal) => this.#refused(refusal));
    this.#elsewhere.abort(new TuttiError('cancelled', 'this node has other managers now'));
    this.#elsewhere = new AbortController();
    this.#connected = Promise.withResolvers<void>();
    this.#tellChange();
  }

  /**
   * Demoted and promoted again before it heard, it has none: leader and who renewed must say so.
   */
  #hasSeat(member: Member): boolean {
    const { nodeId, membership } = member;
    const isNamed = membership.managers.some((one) => one.nodeId === nodeId);
    return isManager(member) && (isNamed || !this.#isMissed);
  }

  #refused({ reason, message, hint }: WireRefusal): void {
    const trouble = `${message}. ${hint}`;
    if (trouble !== this.#trouble) {
      this.#options.logger.warn('the managers refuse this node', {
        reason,
        sentence: message,
        hint,
      });
    }
    this.#trouble = trouble;
    if (reason === 'expired' || reason === 'retired-issuer') this.#renewal.after(0);
  }

  async #sayFarewell(member: Member): Promise<void> {
    const { calls, logger } = this.#options;
    const run = async (limit: AbortSignal): Promise<void> => await calls.leave(member, limit);
    try {
      await within(farewellLimitMs, { clock: this.#clock, run });
    } catch (error) {
      logger.warn('no manager heard that this node leaves; it will be missed', {
        error: TuttiError.from(error).message,
      });
    }
  }

  /** One of several whose certificate is for the address that it has. */
  #settledManager(): Member | undefined {
    const member = this.#member;
    if (member === undefined || this.managerKind !== 'shared') return undefined;
    const { certificate, address } = member.membership;
    return this.#options.keys.isFor(certificate, address) ? member : undefined;
  }

  async #current<T>(open: (transport: AgentTransport) => Promise<T>): Promise<T> {
    if (this.#isLeaving) throw new TuttiError('unavailable', 'this node is leaving its cluster');
    const network = this.#network;
    if (network === undefined) return await open(this.#options.localTransport);
    const opened = await open(network).catch((error: unknown) => {
      const of = { error, isLost: this.isLost };
      this.#trouble = noManagerAnswers(this.#member, of) ?? this.#trouble;
      throw error;
    });
    this.#trouble = '';
    this.#connected.resolve();
    return opened;
  }

  #here(signal: AbortSignal): AbortSignal {
    return AbortSignal.any([signal, this.#elsewhere.signal]);
  }

  #tellChange(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers<void>();
  }
}

function isManager({ membership }: Member): boolean {
  return membership.role === 'manager';
}

async function aborted(signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  signal.addEventListener('abort', () => resolve(), { once: true });
  if (signal.aborted) resolve();
  await promise;
}

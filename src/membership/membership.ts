import type { Clock } from '../host/clock.ts';
import type { JoinRequest, MembershipState, NodeMembership } from '../host/membership.ts';
import type { NodeIdentity, NodeMembershipRecord } from '../host/node-identity.ts';
import type { AgentTransport } from '../host/transport.ts';
import { TuttiError } from '../lib/error.ts';
import type { NodeDescription } from '../model/node.ts';
import type { WireRefusal } from '../wire/authority-calls.ts';
import { joinCluster, type JoinWorld } from './join-attempt.ts';
import { Renewal } from './renewal.ts';

/** How long `docker swarm join` waits; the attempt goes on behind it, as in Swarm. */
const joinPatienceMs = 20_000;
/** A node that leaves tells a manager, if one answers. */
const farewellLimitMs = 3_000;
/** A node that has joined is looked for at its manager. */
const firstSessionLimitMs = 3_000;
const describeLimitMs = 5_000;

/** A transport that can be given up. */
export interface ClosableTransport extends AgentTransport {
  /** Ends all streams. */
  close(): void;
}

export interface MembershipOptions extends JoinWorld {
  /** To the manager of this machine. */
  readonly localTransport: AgentTransport;
  /** To the managers of the cluster that the node joined. */
  openTransport(
    identity: NodeIdentity,
    onRefused: (refusal: WireRefusal) => void,
  ): ClosableTransport;
  /** The id that the agent goes by. */
  nodeId(): string;
  describe(signal: AbortSignal): Promise<NodeDescription>;
  /** Removes everything of the cluster from this machine; calls `forget` on its way. */
  leaveAgent(signal: AbortSignal): Promise<void>;
}

type Attempt = { readonly stop: AbortController; readonly done: Promise<void> };
type Member = NodeIdentity & { readonly membership: NodeMembershipRecord };

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
  #member: Member | undefined;
  #network: ClosableTransport | undefined;
  /** Aborted when sessions have to be opened elsewhere. */
  #elsewhere = new AbortController();
  #attempt: Attempt | undefined;
  #joining: JoinRequest | undefined;
  #isLeaving = false;
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
    this.transport = {
      openSession: async (signal) =>
        await this.#current((transport) => transport.openSession(this.#here(signal))),
      openLogs: async (requestId, signal) =>
        await this.#current((transport) => transport.openLogs(requestId, this.#here(signal))),
      managerAddress: () => this.#network?.managerAddress?.(),
    };
  }

  /** Takes up what is on disk. `nodeId`: what the agent calls itself, once it did. */
  async load(nodeId: string | undefined): Promise<void> {
    const { disk, logger } = this.#options;
    const identity = await disk.load();
    if (identity?.membership === undefined) return;
    if (nodeId !== undefined && nodeId !== identity.nodeId) {
      logger.warn('the identity on disk is of a node that has left; it is forgotten', {
        nodeId: identity.nodeId,
      });
      await disk.forget();
      return;
    }
    this.#become(identity);
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
      return { kind: 'worker', nodeId: member.nodeId, clusterId, address, managers, trouble };
    }
    const joining = this.#joining;
    if (joining === undefined) return { kind: 'fresh' };
    return { kind: 'joining', addresses: joining.addresses, trouble: this.#trouble };
  }

  /** Keeps the certificate young until the signal. */
  async run(signal: AbortSignal): Promise<void> {
    signal.addEventListener('abort', () => this.#attempt?.stop.abort(), { once: true });
    await this.#renewal.run(signal, () => this.#changed.promise);
  }

  /** Resolves when this machine begins, or ceases, to be a worker; at once where it is so. */
  async until(isWorker: boolean, signal: AbortSignal): Promise<void> {
    const aborted = new Promise<void>((resolve) => {
      signal.addEventListener('abort', () => resolve(), { once: true });
    });
    while (!signal.aborted && (this.#member !== undefined) !== isWorker) {
      await Promise.race([this.#changed.promise, aborted]);
    }
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
    const patience = this.#clock.sleep(joinPatienceMs, late.signal).then(
      () => 'late' as const,
      () => 'done' as const,
    );
    try {
      if ((await Promise.race([done, patience])) === 'late') throw this.#inBackground(done);
    } finally {
      late.abort();
    }
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
    if (this.#isLeaving) throw new TuttiError('unavailable', 'this node is leaving already');
    this.#isLeaving = true;
    try {
      // First of all: nothing is assigned any more.
      this.#network?.close();
      await this.#sayFarewell(member);
      await this.#options.leaveAgent(new AbortController().signal);
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
    const description = await this.#describe(signal);
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
    const { nodeId, membership } = identity;
    this.#options.logger.info('joined a cluster', { nodeId, clusterId: membership?.clusterId });
    await this.#firstSession(signal);
  }

  /** Whoever joined and looks at the manager's list of nodes should find this one ready. */
  async #firstSession(signal: AbortSignal): Promise<void> {
    const over = new AbortController();
    const stop = AbortSignal.any([signal, over.signal]);
    const late = this.#clock.sleep(firstSessionLimitMs, stop).catch(() => undefined);
    await Promise.race([this.#connected.promise, late]);
    over.abort();
  }

  /** Also says whether the container engine is there, and new enough. */
  async #describe(signal: AbortSignal): Promise<NodeDescription> {
    const limit = new AbortController();
    const late = this.#clock.sleep(describeLimitMs, limit.signal).then(
      () => limit.abort(),
      () => undefined,
    );
    try {
      return await this.#options.describe(AbortSignal.any([signal, limit.signal]));
    } catch (error) {
      signal.throwIfAborted();
      const { message } = TuttiError.from(error);
      throw new TuttiError(
        'failed-precondition',
        `this machine cannot join while its container engine does not answer as it should: ${message}`,
        { hint: 'Start it, or update it: Docker 20.10 is the oldest that works.', cause: error },
      );
    } finally {
      limit.abort();
      await late;
    }
  }

  #inBackground(done: Promise<void>): TuttiError {
    const { logger } = this.#options;
    void done.catch((error: unknown) =>
      logger.warn('the attempt to join ended', { error: TuttiError.from(error).message }),
    );
    const why = this.#trouble === '' ? '' : ` What keeps it so far: ${this.#trouble}.`;
    return new TuttiError(
      'unavailable',
      'Timeout was reached before node joined. The attempt to join the swarm will continue in ' +
        'the background. Use the "docker info" command to see the current swarm status of your ' +
        `node.${why}`,
    );
  }

  #become(identity: NodeIdentity): void {
    const { membership } = identity;
    if (membership === undefined) return;
    this.#member = { ...identity, membership };
    this.#trouble = '';
    this.#network?.close();
    this.#network = this.#options.openTransport(identity, (refusal) => this.#refused(refusal));
    this.#elsewhere.abort(new TuttiError('cancelled', 'this node has other managers now'));
    this.#elsewhere = new AbortController();
    this.#connected = Promise.withResolvers<void>();
    this.#tellChange();
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
    const limit = new AbortController();
    const late = this.#clock.sleep(farewellLimitMs, limit.signal).then(
      () => limit.abort(),
      () => undefined,
    );
    try {
      await calls.leave(member, limit.signal);
    } catch (error) {
      logger.warn('no manager heard that this node leaves; it will be missed', {
        error: TuttiError.from(error).message,
      });
    } finally {
      limit.abort();
      await late;
    }
  }

  async #current<T>(open: (transport: AgentTransport) => Promise<T>): Promise<T> {
    if (this.#isLeaving) throw new TuttiError('unavailable', 'this node is leaving its cluster');
    const network = this.#network;
    const opened = await open(network ?? this.#options.localTransport);
    if (network === undefined) return opened;
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

function alreadyInCluster(): TuttiError {
  return new TuttiError(
    'unavailable',
    'This node is already part of a swarm. ' +
      'Use "docker swarm leave" to leave this swarm and join another one.',
  );
}

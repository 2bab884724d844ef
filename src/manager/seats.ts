import { type Refusal, refused } from '../ca/refusal.ts';
import { crossChain, signingRoot } from '../ca/rotation.ts';
import { validityFrom } from '../ca/validity.ts';
import type { Authority } from '../host/authority.ts';
import type { Clock } from '../host/clock.ts';
import type { Logger } from '../host/logger.ts';
import type { ManagerCall, ManagerCallHandler, Managers } from '../host/managers.ts';
import type { SeatHost } from '../host/seat-host.ts';
import { judgeVoterChange, type VoterChange } from '../leadership/quorum.ts';
import { unreachable } from '../lib/assert.ts';
import { TuttiError } from '../lib/error.ts';
import { defaultListenAddress, formatHostPort, parseHostPort } from '../lib/host-port.ts';
import { sameJson } from '../lib/json.ts';
import type { Instant } from '../model/instant.ts';
import { mostManagers } from '../model/known-manager.ts';
import type { ManagerSeat } from '../model/node.ts';
import type { Commit, View } from '../store/view.ts';
import type { ManagerCandidate } from '../wire/authority-calls.ts';
import { parseMemberCall, type MemberAnswer, peerUrlOf } from '../wire/manager-calls.ts';
import { theCluster } from './cluster-row.ts';
import {
  type ManagerChange,
  type ManagerSituation,
  planManagerChange,
  votersOf,
} from './manager-changes.ts';
import { actingRole } from './nodes.ts';
import type { Write } from './writer.ts';

/** While something waits for others to answer, or for a learner to be in step. */
const lookEveryMs = 500;
/** A node that is ready asks again long before. */
const requestLifeMs = 10_000;
/** How long a join or a promotion waits for managers that do not answer. */
const patienceMs = 5_000;

export interface SeatsOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly view: View;
  readonly managers: Managers;
  readonly authority: Authority;
  readonly host: SeatHost;
}

/** What a manager that leads lends for as long as it does. */
export interface Lead {
  /** Durable when it resolves. */
  write<T>(run: Write<T>): Promise<T>;
  onCommit(listener: (commit: Commit) => void): () => void;
}

/**
 * Who becomes a manager, and who ceases to be one: carries out, while this manager leads, what
 * `planManagerChange` finds; answers other managers and nodes that are about to be some.
 */
export class Seats {
  /** For the door. */
  readonly calls: Readonly<Partial<Record<ManagerCall, ManagerCallHandler>>>;
  readonly #options: SeatsOptions;
  readonly #requests = new Map<string, { readonly seat: ManagerSeat; readonly at: Instant }>();
  #lead: (Lead & { readonly over: AbortController }) | undefined;
  #looking: Promise<void> | undefined;
  #isToLookAgain = false;
  /** However many ask for it: one look later is enough. */
  #isToLookLater = false;
  /** Why the last change was not made; tried again and again, said once. */
  #failure = '';
  #waits: ReadonlyMap<string, string> = new Map();

  constructor(options: SeatsOptions) {
    this.#options = options;
    this.calls = {
      'manager.member': async (body, from) => await this.#member(body, from),
      'manager.sealing-key': async (_, from) => await this.#sealingKey(from.nodeId),
    };
  }

  lead(lead: Lead): void {
    this.follow();
    const over = new AbortController();
    this.#lead = { ...lead, over };
    const stopListening = lead.onCommit(({ changes }) => {
      if (changes.some(({ table }) => table === 'nodes')) void this.#look();
    });
    over.signal.addEventListener('abort', stopListening, { once: true });
    void this.#look();
  }

  follow(): void {
    this.#lead?.over.abort();
    this.#lead = undefined;
  }

  /** Why this joiner, or any, cannot be a manager now. */
  async refuse(candidate: ManagerCandidate | undefined): Promise<Refusal | undefined> {
    if (candidate === undefined) {
      return refused('cannot-manage', {
        message: 'this version of Tutti cannot be one of several managers',
        hint: 'Join with the version that the managers have.',
      });
    }
    const { obstacle } = candidate;
    if (obstacle !== undefined) {
      return refused('cannot-manage', {
        message: `the machine that joins cannot be a manager: ${obstacle}`,
        hint: 'Join as a worker, or set that right and join again.',
      });
    }
    try {
      await this.#checkRoom();
      return undefined;
    } catch (error) {
      const { message, hint = 'Join as a worker.' } = TuttiError.from(error);
      return refused('cannot-manage', { message, hint });
    }
  }

  /** @throws TuttiError `failed-precondition` with the reason why it, or anybody, cannot now. */
  async checkPromotion(nodeId: string): Promise<void> {
    const { hostname, managerObstacle } = this.#options.view.nodes.get(nodeId)?.description ?? {};
    if (managerObstacle !== undefined) {
      const message = `node ${hostname} cannot be a manager: ${managerObstacle}`;
      throw new TuttiError('failed-precondition', message, {
        field: 'spec.role',
        hint: 'Set that right there and promote it a minute later, when the node has said so.',
      });
    }
    await this.#checkRoom();
  }

  /** @throws TuttiError `failed-precondition` with the reason why this one is needed. */
  async checkDemotion(nodeId: string): Promise<void> {
    const { host, managers, view } = this.#options;
    if (host.members === undefined) {
      if (nodeId !== managers.nodeId) return;
      const message = 'attempting to demote the last manager of the swarm';
      throw new TuttiError('failed-precondition', message);
    }
    if (view.nodes.get(nodeId)?.seat === undefined) return;
    await this.#judge({ kind: 'remove', nodeId });
  }

  async #checkRoom(): Promise<void> {
    const { host, view } = this.#options;
    const count = [...view.nodes.all()].filter((node) => actingRole(node) === 'manager').length;
    if (count >= mostManagers) {
      throw new TuttiError(
        'failed-precondition',
        `there are ${count} managers, and there can be ${mostManagers}`,
        { hint: 'Demote one first, or leave the node a worker.' },
      );
    }
    if (host.members !== undefined) return await this.#judgePatiently();
    const obstacle = await host.obstacle();
    if (obstacle === undefined) return;
    const message = `the machine of the manager cannot be one of several: ${obstacle}`;
    throw new TuttiError('failed-precondition', message);
  }

  /** A manager that has just got its vote answers a moment later. */
  async #judgePatiently(): Promise<void> {
    const { clock } = this.#options;
    const giveUpAt = clock.now() + patienceMs;
    for (;;) {
      try {
        return await this.#judge({ kind: 'add', nodeId: '' });
      } catch (error) {
        if (clock.now() > giveUpAt) throw error;
        await clock.sleep(patienceMs / 20);
      }
    }
  }

  async #judge(change: VoterChange): Promise<void> {
    const voters = votersOf(await this.#situation());
    // Managers become such one after the other: whoever comes meanwhile waits.
    const judged = change.kind === 'add' ? voters.filter(({ isLearner }) => !isLearner) : voters;
    const verdict = judgeVoterChange(judged, change);
    if (verdict.kind === 'allowed') return;
    const { message, hint } = verdict;
    throw new TuttiError('failed-precondition', message, { hint });
  }

  async #situation(): Promise<ManagerSituation> {
    const { view, host, managers, clock } = this.#options;
    const members = await host.members?.list();
    const since = clock.now() - requestLifeMs;
    for (const [nodeId, { at }] of this.#requests) if (at < since) this.#requests.delete(nodeId);
    return {
      selfId: managers.nodeId ?? '',
      nodes: [...view.nodes.all()],
      members,
      requests: [...this.#requests].map(([nodeId, { seat }]) => ({ nodeId, seat })),
      isReachable: (nodeId) => managers.isReachable(nodeId),
    };
  }

  /** One look at a time; whoever asks during one has another after it. */
  async #look(): Promise<void> {
    this.#isToLookAgain = true;
    this.#looking ??= this.#lookOn().finally(() => {
      this.#looking = undefined;
    });
    await this.#looking;
  }

  async #lookOn(): Promise<void> {
    const { logger } = this.#options;
    while (this.#isToLookAgain && this.#lead !== undefined) {
      this.#isToLookAgain = false;
      const lead = this.#lead;
      try {
        const { change, waits } = planManagerChange(await this.#situation());
        this.#tellWaits(waits);
        if (change === undefined) {
          if (waits.size > 0) this.#lookLater(lead.over.signal);
          continue;
        }
        if (lead !== this.#lead) continue;
        await this.#carryOut(change, lead);
        this.#failure = '';
        this.#isToLookAgain = true;
      } catch (error) {
        const { message } = TuttiError.from(error);
        const level = message === this.#failure ? 'debug' : 'info';
        this.#failure = message;
        logger[level]('a change of managers is tried again', { error: message });
        this.#lookLater(lead.over.signal);
      }
    }
  }

  #lookLater(signal: AbortSignal): void {
    if (this.#isToLookLater) return;
    this.#isToLookLater = true;
    const look = async (): Promise<void> => {
      this.#isToLookLater = false;
      await this.#look();
    };
    // Whoever leads anew meanwhile may have counted on it.
    void this.#options.clock.sleep(lookEveryMs, signal).then(look, look);
  }

  #tellWaits(waits: ReadonlyMap<string, string>): void {
    for (const [nodeId, why] of waits) {
      if (this.#waits.get(nodeId) === why) continue;
      this.#options.logger.info('a change of managers waits', { nodeId, why });
    }
    this.#waits = waits;
  }

  async #carryOut(change: ManagerChange, lead: Lead): Promise<void> {
    const { host, logger } = this.#options;
    const { members } = host;
    logger.info('a change of managers', change);
    if (change.kind === 'move-store') return await this.#moveStore(lead);
    if (change.kind === 'clear-seat') return await this.#write(lead, change.nodeId, undefined);
    if (change.kind === 'take-seat') return await this.#write(lead, change.nodeId, change.seat);
    if (members === undefined) return;
    switch (change.kind) {
      case 'add-learner':
        await members.add(change.seat.peerUrl);
        return await this.#write(lead, change.nodeId, change.seat);
      case 'give-vote':
        return await members.giveVote(change.memberId);
      case 'remove-member':
        return await members.remove(change.memberId);
      case 'move-member':
        return await members.move(change.memberId, change.peerUrl);
      default:
        return unreachable(change);
    }
  }

  async #write(lead: Lead, nodeId: string, seat: ManagerSeat | undefined): Promise<void> {
    await lead.write((tx, context) => {
      const row = tx.nodes.get(nodeId);
      if (row === undefined) return;
      const { seat: _, ...rest } = row;
      if (seat !== undefined && rest.spec.role !== 'manager') return;
      tx.nodes.put({ ...rest, updatedAt: context.now, ...(seat !== undefined && { seat }) });
      context.touched.node(nodeId);
    });
  }

  /** The last that this process does. */
  async #moveStore(lead: Lead): Promise<void> {
    const { view, host, managers, authority, clock } = this.#options;
    const obstacle = await host.obstacle();
    if (obstacle !== undefined) throw new TuttiError('failed-precondition', obstacle);
    const cluster = theCluster(view);
    const signer = signingRoot(view.roots.all());
    const { nodeId } = managers;
    const own = parseHostPort(cluster?.advertiseAddress ?? '');
    if (cluster === undefined || nodeId === undefined || own === undefined) return;
    if (signer?.sealedKey === undefined) return;
    const { certificate, sealedKey } = signer;
    const issued = await authority.issue({
      nodeId,
      role: 'manager',
      clusterId: cluster.id,
      addresses: [own.host],
      issuer: { certificate, sealedKey },
      ...validityFrom(clock.now(), cluster.spec.certificateExpiryMs),
    });
    const address = formatHostPort(own);
    const keyDigest = await host.keep({
      nodeId,
      key: issued.key,
      membership: {
        clusterId: cluster.id,
        certificate: [issued.certificate, ...crossChain(view.roots.all())].join(''),
        roots: [certificate],
        managers: [{ nodeId, address }],
        address: own.host,
        role: 'manager',
        founder: true,
      },
    });
    const seat = { address, peerUrl: peerUrlOf(own.host) };
    await lead.write((tx, context) => {
      const row = tx.nodes.get(nodeId);
      if (row !== undefined) tx.nodes.put({ ...row, keyDigest, seat, updatedAt: context.now });
    });
    const { listenAddress = defaultListenAddress } = cluster;
    await host.moveStore({ nodeId, clusterId: cluster.id, listenAddress, seat });
  }

  /** A node that is to be a manager, or is one and has another address, or leaves. */
  async #member(body: unknown, from: { readonly nodeId: string }): Promise<MemberAnswer> {
    const { managers, clock, host, view } = this.#options;
    const call = parseMemberCall(body);
    if (this.#lead === undefined) {
      if (managers.leaderId === managers.nodeId) throw betweenTerms();
      const passedOn = { ...call, nodeId: from.nodeId };
      return (await managers.call('leader', 'manager.member', passedOn)) as MemberAnswer;
    }
    // Managers speak for the nodes that ask them.
    const nodeId = call.nodeId ?? from.nodeId;
    if (call.step === 'leaving') return await this.#leaving(nodeId);
    const { address, peerUrl } = call;
    const seat = { address, peerUrl };
    this.#requests.set(nodeId, { seat, at: clock.now() });
    await this.#look();
    const cluster = theCluster(view);
    const members = await host.members?.list();
    const isSeated = sameJson(view.nodes.get(nodeId)?.seat, seat);
    if (!isSeated || cluster === undefined || members === undefined) {
      const why = this.#waits.get(nodeId) ?? 'the managers are about to take it in';
      return { kind: 'waiting', why };
    }
    const names = new Map([...view.nodes.all()].map((node) => [node.seat?.peerUrl, node.id]));
    return {
      kind: 'seated',
      clusterId: cluster.id,
      firstMembers: members.map((member) => ({
        name: names.get(member.peerUrl) ?? member.id,
        peerUrl: member.peerUrl,
      })),
    };
  }

  async #leaving(nodeId: string): Promise<MemberAnswer> {
    await this.checkDemotion(nodeId);
    await this.#lead?.write((tx, context) => {
      const row = tx.nodes.get(nodeId);
      if (row === undefined) return;
      const spec = { ...row.spec, role: 'worker' as const };
      tx.nodes.put({ ...row, spec, version: tx.revision, updatedAt: context.now });
      context.touched.node(nodeId);
    });
    return { kind: 'waiting', why: 'it ceases to be a manager' };
  }

  async #sealingKey(nodeId: string): Promise<object> {
    const { view, host, logger } = this.#options;
    const row = view.nodes.get(nodeId);
    if (row?.spec.role !== 'manager' || row.seat === undefined) {
      throw new TuttiError('unavailable', `node ${nodeId} is not among the managers yet`);
    }
    logger.info('the sealing key goes to a manager', { nodeId });
    return { sealingKey: await host.sealingKey() };
  }
}

function betweenTerms(): TuttiError {
  return new TuttiError('unavailable', 'this manager is about to lead: ask again');
}

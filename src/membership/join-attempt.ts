import {
  type JoinerAction,
  type JoinerEvent,
  type JoinerState,
  startJoiner,
  stepJoiner,
} from '../ca/joiner.ts';
import { rootIdOf } from '../ca/join-token.ts';
import { type Refusal, type RefusalReason, refused } from '../ca/refusal.ts';
import { backdateMs } from '../ca/validity.ts';
import type { Clock } from '../host/clock.ts';
import type { Logger } from '../host/logger.ts';
import type { JoinRequest } from '../host/membership.ts';
import type { IdentityDisk, ManagerCalls, NodeIdentity, NodeKeys } from '../host/node-identity.ts';
import type { Random } from '../host/random.ts';
import type { NodeSeat } from '../host/seat-host.ts';
import { TuttiError } from '../lib/error.ts';
import { type HostPort, parseHostPort } from '../lib/host-port.ts';
import type { Instant } from '../model/instant.ts';
import type { NodeDescription } from '../model/node.ts';
import type { CertificateAnswer, ManagerCandidate, WireRefusal } from '../wire/authority-calls.ts';

/** Clocks that differ by more are worth a word. */
const notableSkewMs = 5_000;

export interface JoinWorld {
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly disk: IdentityDisk;
  readonly keys: NodeKeys;
  readonly calls: ManagerCalls;
  /** Absent: this node is never a manager. */
  readonly seat?: NodeSeat;
}

export interface Joining {
  readonly request: JoinRequest;
  readonly nodeId: string;
  readonly description: NodeDescription;
  readonly signal: AbortSignal;
  /** Told what kept the last round from success. */
  onTrouble(text: string): void;
}

/**
 * Carries out what the joiner (src/ca/joiner.ts) decides, until the node is a member.
 *
 * @throws TuttiError what the cluster said; the signal's reason where it aborted.
 */
export async function joinCluster(world: JoinWorld, joining: Joining): Promise<NodeIdentity> {
  return await new JoinAttempt(world, joining).run();
}

/** The sentence of a refusal, under the code that says whose turn it is. */
export function refusalError({ reason, message, hint }: Refusal | WireRefusal): TuttiError {
  const isTyped = reason === 'malformed-token';
  return new TuttiError(isTyped ? 'invalid-argument' : 'permission-denied', message, { hint });
}

class JoinAttempt {
  readonly #world: JoinWorld;
  readonly #joining: Joining;
  #key = '';
  #answer: CertificateAnswer | undefined;
  #identity: NodeIdentity | undefined;
  #candidate: ManagerCandidate | undefined;

  constructor(world: JoinWorld, joining: Joining) {
    this.#world = world;
    this.#joining = joining;
  }

  async run(): Promise<NodeIdentity> {
    const { keys, random } = this.#world;
    const { request, nodeId, signal } = this.#joining;
    this.#key = await this.#ownKey();
    this.#candidate = await this.#asCandidate();
    const { token, addresses } = request;
    let step = startJoiner({ token, addresses, nodeId, keyDigest: keys.digestOf(this.#key) });
    while (step.action !== undefined) {
      const event = await this.#perform(step.action, step.state);
      signal.throwIfAborted();
      step = stepJoiner(step.state, event, random.fraction());
      if (step.state.kind === 'waiting') this.#tell(step.state);
    }
    if (step.state.kind === 'failed') throw refusalError(step.state.refusal);
    if (this.#identity !== undefined) return this.#identity;
    throw new TuttiError('internal', `the join ended as ${step.state.kind}`);
  }

  /** The one that an attempt before this one may have shown already. */
  async #ownKey(): Promise<string> {
    const { disk, keys } = this.#world;
    const saved = await disk.load();
    return saved?.nodeId === this.#joining.nodeId ? saved.key : keys.create();
  }

  async #asCandidate(): Promise<ManagerCandidate | undefined> {
    const { seat } = this.#world;
    if (seat === undefined) return undefined;
    const { advertiseAddress: address } = this.#joining.request;
    const obstacle = await seat.obstacle();
    return {
      ...(address !== undefined && { address }),
      ...(obstacle !== undefined && { obstacle }),
    };
  }

  async #perform(action: JoinerAction, state: JoinerState): Promise<JoinerEvent> {
    const { disk, clock } = this.#world;
    const { nodeId, signal } = this.#joining;
    switch (action.kind) {
      case 'save-key':
        await disk.save({ nodeId, key: this.#key });
        return { kind: 'key-saved' };
      case 'fetch-root':
        return await this.#fetchRoot(action.address);
      case 'ask':
        return await this.#ask(action, state);
      case 'wait':
        await clock.sleep(action.delayMs, signal);
        return { kind: 'waited' };
      case 'save-membership':
        await this.#keep();
        return { kind: 'membership-saved' };
    }
  }

  async #fetchRoot(text: string): Promise<JoinerEvent> {
    const { calls, keys, clock } = this.#world;
    try {
      const { certificate, now } = await calls.root(hostPortOf(text), this.#joining.signal);
      const skew = this.#judgeClocks(text, { own: clock.now(), theirs: now });
      if (skew !== undefined) return { kind: 'refused', refusal: skew };
      return { kind: 'root', certificate, rootId: rootIdOf(keys.digestOfText(certificate)) };
    } catch (error) {
      return { kind: 'silent', message: TuttiError.from(error).message };
    }
  }

  /** A clock that is behind by more than certificates are backdated can believe none of them. */
  #judgeClocks(
    address: string,
    { own, theirs }: { readonly own: Instant; readonly theirs: Instant },
  ): Refusal | undefined {
    const apartMs = Math.abs(theirs - own);
    if (apartMs > notableSkewMs) {
      this.#world.logger.warn('the clocks of this node and of the manager differ', {
        manager: address,
        here: isoTime(own),
        there: isoTime(theirs),
      });
    }
    if (theirs - own <= backdateMs) return undefined;
    return refused('not-yet-valid', {
      message:
        `the clocks are ${Math.round(apartMs / 60_000)} min apart: here it is ${isoTime(own)}, ` +
        `at the manager ${address} it is ${isoTime(theirs)}`,
      hint: 'Set the one that is wrong, best by NTP, and join again.',
    });
  }

  async #ask(
    action: Extract<JoinerAction, { kind: 'ask' }>,
    state: JoinerState,
  ): Promise<JoinerEvent> {
    const { calls, keys } = this.#world;
    const { request: asked, description, signal } = this.#joining;
    const { root, token, nodeId } = action;
    try {
      const answer = await calls.join(
        {
          address: hostPortOf(action.address),
          root,
          key: this.#key,
          request: await keys.request(this.#key),
          token,
          nodeId,
          availability: asked.availability,
          description,
          ...(this.#candidate !== undefined && { candidate: this.#candidate }),
        },
        signal,
      );
      if (answer.kind === 'refused') return { kind: 'refused', refusal: ours(answer) };
      this.#answer = answer;
      const said = keys.read(answer.certificate, [root]);
      const isOfRoot = said.rootId !== undefined && state.kind === 'asking';
      const rootId = isOfRoot ? state.attempt.rootId : undefined;
      return { kind: 'accepted', membership: answer, certificate: { ...said, rootId } };
    } catch (reason) {
      const error = TuttiError.from(reason);
      if (error.code !== 'invalid-argument') return { kind: 'silent', message: error.message };
      const hint = error.hint ?? 'The manager may run another version: its log says more.';
      return { kind: 'refused', refusal: refused('bad-answer', { message: error.message, hint }) };
    }
  }

  async #keep(): Promise<void> {
    const { disk, logger } = this.#world;
    const { nodeId, request } = this.#joining;
    const answer = this.#answer;
    if (answer === undefined) throw new TuttiError('internal', 'there is no membership to keep');
    const { clusterId, certificate, roots, managers, address, role, warnings } = answer;
    for (const warning of warnings) logger.warn('joined, but', { warning });
    this.#identity = {
      nodeId,
      key: this.#key,
      membership: {
        clusterId,
        certificate,
        roots,
        managers,
        address: request.advertiseAddress ?? address,
        ...(request.listenAddress !== undefined && { listenAddress: request.listenAddress }),
        role,
      },
    };
    await disk.save(this.#identity);
  }

  #tell({ troubles }: Extract<JoinerState, { kind: 'waiting' }>): void {
    const text = troubles.map(({ message }) => message).join('; ');
    this.#joining.onTrouble(text);
    this.#world.logger.info('not joined yet', { trouble: text });
  }
}

function ours(refusal: WireRefusal): Refusal {
  // Codes of a newer manager are passed on as they are.
  return { ...refusal, reason: refusal.reason as RefusalReason };
}

function hostPortOf(text: string): HostPort {
  const address = parseHostPort(text);
  if (address !== undefined && address.host !== '') return address;
  throw new TuttiError('invalid-argument', `${JSON.stringify(text)} is no address of a manager`);
}

/** `2026-11-21T03:58:38Z` */
function isoTime(at: Instant): string {
  return `${new Date(at).toISOString().slice(0, 19)}Z`;
}

import type { PeerCertificate } from '../model/identity.ts';
import type { NodeRole } from '../model/node.ts';
import { parseJoinToken } from './join-token.ts';
import { type Refusal, type RefusalReason, refused } from './refusal.ts';

/*
 * The joiner's side of a join as a state machine: see docs/design/joining.md. The shell does what
 * it is told and says what came of it.
 */

const firstWaitMs = 1_000;
const longestWaitMs = 10_000;
const waitJitter = 0.2;

/** What stays the same during an attempt. */
export interface Attempt {
  readonly token: string;
  /** The digest in the token. */
  readonly rootId: string;
  /** Where managers may be, in the order in which they are asked. */
  readonly addresses: readonly string[];
  readonly nodeId: string;
  readonly keyDigest: string;
}

/** Why an address gave nothing. */
interface Trouble {
  readonly address: string;
  readonly reason: RefusalReason | 'silent';
  readonly message: string;
}

interface Round {
  readonly attempt: Attempt;
  /** The address that is asked. */
  readonly at: number;
  /** Of the addresses before it in this round. */
  readonly troubles: readonly Trouble[];
  readonly rounds: number;
}

export interface Membership {
  readonly nodeId: string;
  readonly role: NodeRole;
  readonly clusterId: string;
  /** The certificate and what leads to older roots, in PEM. */
  readonly certificate: string;
  readonly roots: readonly string[];
}

export type JoinerState =
  | { readonly kind: 'saving'; readonly attempt: Attempt }
  | ({ readonly kind: 'looking' } & Round)
  | ({ readonly kind: 'asking'; readonly root: string } & Round)
  | ({ readonly kind: 'waiting' } & Round)
  | { readonly kind: 'keeping'; readonly attempt: Attempt; readonly membership: Membership }
  | { readonly kind: 'joined'; readonly membership: Membership }
  | { readonly kind: 'failed'; readonly refusal: Refusal };

export type JoinerEvent =
  | { readonly kind: 'key-saved' }
  /** The root that a server showed; `rootId` is computed from its text. */
  | { readonly kind: 'root'; readonly certificate: string; readonly rootId: string }
  | {
      readonly kind: 'accepted';
      readonly membership: Membership;
      /** What the certificate says, held against the root that was shown. */
      readonly certificate: PeerCertificate;
    }
  | { readonly kind: 'refused'; readonly refusal: Refusal }
  /** No connection, no answer, or an answer that says to try again. */
  | { readonly kind: 'silent'; readonly message: string }
  | { readonly kind: 'waited' }
  | { readonly kind: 'membership-saved' }
  | { readonly kind: 'time-over' };

/** What the shell is to do. The secret is in none but `ask`. */
export type JoinerAction =
  | { readonly kind: 'save-key' }
  | { readonly kind: 'fetch-root'; readonly address: string }
  | {
      readonly kind: 'ask';
      readonly address: string;
      /** The only root that is believed on this connection. PEM. */
      readonly root: string;
      readonly token: string;
      readonly nodeId: string;
    }
  | { readonly kind: 'wait'; readonly delayMs: number }
  | { readonly kind: 'save-membership'; readonly membership: Membership };

export interface JoinerStep {
  readonly state: JoinerState;
  readonly action?: JoinerAction;
}

/** The first step; a token that is none fails before anybody is asked. */
export function startJoiner(asked: Omit<Attempt, 'rootId'>): JoinerStep {
  const token = parseJoinToken(asked.token);
  if (token.kind === 'refused') return { state: { kind: 'failed', refusal: token } };
  const attempt = { ...asked, token: asked.token.trim(), rootId: token.rootId };
  return { state: { kind: 'saving', attempt }, action: { kind: 'save-key' } };
}

/**
 * The next state. `fraction` (0 … 1, drawn for each call) spreads the waits of nodes that lost
 * their manager together. An event that does not belong to the state changes nothing.
 */
export function stepJoiner(state: JoinerState, event: JoinerEvent, fraction: number): JoinerStep {
  if (event.kind === 'time-over') return outOfTime(state);
  switch (state.kind) {
    case 'saving':
      return event.kind === 'key-saved' ? firstRound(state.attempt) : { state };
    case 'looking':
      return stepLooking(state, event, fraction);
    case 'asking':
      return stepAsking(state, event, fraction);
    case 'waiting':
      return event.kind === 'waited' ? look({ ...state, at: 0, troubles: [] }) : { state };
    case 'keeping':
      if (event.kind !== 'membership-saved') return { state };
      return { state: { kind: 'joined', membership: state.membership } };
    case 'joined':
    case 'failed':
      return { state };
  }
}

type Looking = Extract<JoinerState, { kind: 'looking' }>;
type Asking = Extract<JoinerState, { kind: 'asking' }>;

function firstRound(attempt: Attempt): JoinerStep {
  if (attempt.addresses.length > 0) return look({ attempt, at: 0, troubles: [], rounds: 0 });
  const refusal = refused('no-manager', {
    message: 'no address of a manager was given',
    hint: 'Give one: docker swarm join --token TOKEN 192.0.2.1:2377.',
  });
  return { state: { kind: 'failed', refusal } };
}

function look({ attempt, at, troubles, rounds }: Round): JoinerStep {
  return {
    state: { kind: 'looking', attempt, at, troubles, rounds },
    action: { kind: 'fetch-root', address: addressOf(attempt, at) },
  };
}

function stepLooking(state: Looking, event: JoinerEvent, fraction: number): JoinerStep {
  const { attempt, at, troubles, rounds } = state;
  const address = addressOf(attempt, at);
  if (event.kind === 'silent') return next(state, { trouble: silent(address, event), fraction });
  // The shell found that no manager can be believed from here, whichever is asked.
  if (event.kind === 'refused') return { state: { kind: 'failed', refusal: event.refusal } };
  if (event.kind !== 'root') return { state };
  if (event.rootId !== attempt.rootId) {
    const message = 'its certificate authority is not the one that the token names';
    const trouble = { address, reason: 'foreign-root', message } as const;
    return next(state, { trouble, fraction });
  }
  const { token, nodeId } = attempt;
  const root = event.certificate;
  return {
    state: { kind: 'asking', attempt, at, troubles, rounds, root },
    action: { kind: 'ask', address, root, token, nodeId },
  };
}

function stepAsking(state: Asking, event: JoinerEvent, fraction: number): JoinerStep {
  const { attempt } = state;
  const address = addressOf(attempt, state.at);
  if (event.kind === 'silent') return next(state, { trouble: silent(address, event), fraction });
  if (event.kind === 'refused') return { state: { kind: 'failed', refusal: event.refusal } };
  if (event.kind !== 'accepted') return { state };
  const wrong = whatIsWrong(attempt, event);
  if (wrong !== undefined) return { state: { kind: 'failed', refusal: notOurs(address, wrong) } };
  const { membership } = event;
  return {
    state: { kind: 'keeping', attempt, membership },
    action: { kind: 'save-membership', membership },
  };
}

/** An answer is taken only as what was asked for. */
function whatIsWrong(
  attempt: Attempt,
  { membership, certificate }: Extract<JoinerEvent, { kind: 'accepted' }>,
): string | undefined {
  if (certificate.keyDigest !== attempt.keyDigest) return 'it is for another key';
  if (certificate.nodeId !== attempt.nodeId || membership.nodeId !== attempt.nodeId) {
    return `it is for node ${certificate.nodeId}`;
  }
  if (certificate.rootId !== attempt.rootId) return 'it was signed by another authority';
  if (certificate.clusterId !== membership.clusterId) return 'it is for another cluster';
  if (certificate.role !== membership.role) return 'it is for another role';
  return undefined;
}

function notOurs(address: string, what: string): Refusal {
  return refused('bad-answer', {
    message: `the certificate from ${address} is not what was asked for: ${what}`,
    hint: 'The manager may run another version; its log says what it signed.',
  });
}

/** The next address; after the last one a wait, or the end where waiting helps nothing. */
function next(
  { attempt, at, troubles: before, rounds }: Round,
  how: { readonly trouble: Trouble; readonly fraction: number },
): JoinerStep {
  const troubles = [...before, how.trouble];
  if (at + 1 < attempt.addresses.length) return look({ attempt, at: at + 1, troubles, rounds });
  if (troubles.every(({ reason }) => reason === 'foreign-root')) {
    const refusal = refused('foreign-root', {
      message: `no address leads to the cluster of the token: ${sentences(troubles)}`,
      hint: 'Check address and token; "docker swarm join-token worker" on a manager prints both.',
    });
    return { state: { kind: 'failed', refusal } };
  }
  const jitter = 1 + waitJitter * (2 * how.fraction - 1);
  const delayMs = Math.round(Math.min(firstWaitMs * 2 ** rounds, longestWaitMs) * jitter);
  return {
    state: { kind: 'waiting', attempt, at: 0, troubles, rounds: rounds + 1 },
    action: { kind: 'wait', delayMs },
  };
}

function outOfTime(state: JoinerState): JoinerStep {
  switch (state.kind) {
    case 'saving':
    case 'looking':
    case 'asking':
    case 'waiting': {
      const told = state.kind === 'saving' ? '' : sentences(state.troubles);
      const refusal = refused('no-manager', {
        message: `no manager let this node in in time${told === '' ? '' : `: ${told}`}`,
        hint: 'Check that TCP port 2377 of a manager is open from here.',
      });
      return { state: { kind: 'failed', refusal } };
    }
    case 'keeping':
    case 'joined':
    case 'failed':
      // What was accepted is kept, however late.
      return { state };
  }
}

function addressOf({ addresses }: Attempt, at: number): string {
  return addresses[at] ?? '';
}

function silent(address: string, { message }: { readonly message: string }): Trouble {
  return { address, reason: 'silent', message };
}

function sentences(troubles: readonly Trouble[]): string {
  return troubles.map(({ address, message }) => `${address}: ${message}`).join('; ');
}

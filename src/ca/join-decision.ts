import type { NodeRecord } from '../model/identity.ts';
import type { Instant } from '../model/instant.ts';
import type { NodeRole } from '../model/node.ts';
import { parseJoinToken } from './join-token.ts';
import { type Refusal, refused } from './refusal.ts';

/** A token of the cluster as it is now. */
export interface CurrentToken {
  readonly role: NodeRole;
  readonly token: string;
  readonly expiresAt?: Instant;
}

export interface JoinRequest {
  readonly token: string;
  /** The id that the node gave itself when its daemon first started. */
  readonly nodeId: string;
  /** Of the key that is to be certified; that the joiner has it was checked. */
  readonly keyDigest: string;
  /** Whether the joiner signed this very connection with that key; see identity.md, Threats. */
  readonly boundToConnection: boolean;
}

export interface JoinKnowledge {
  readonly tokens: readonly CurrentToken[];
  readonly node: (nodeId: string) => NodeRecord | undefined;
  readonly now: Instant;
  /** Compares secrets in a time that does not depend on what they are. */
  readonly sameSecret: (left: string, right: string) => boolean;
}

export interface JoinAccepted {
  readonly kind: 'accepted';
  readonly nodeId: string;
  readonly role: NodeRole;
  /** The node is in the cluster already and did not hear so: no row is to be made. */
  readonly again: boolean;
}

/** Whether a node may join, and as what. */
export function decideJoin(request: JoinRequest, knowledge: JoinKnowledge): JoinAccepted | Refusal {
  if (!request.boundToConnection) {
    return refused('replayed', {
      message: 'the join request was made for another connection',
      hint: 'If nobody recorded it, something between the node and the manager ends its TLS.',
    });
  }
  const current = judgeToken(request.token, knowledge);
  if (current.kind === 'refused') return current;
  const { nodeId } = request;
  const row = knowledge.node(nodeId);
  if (row === undefined) return { kind: 'accepted', nodeId, role: current.role, again: false };
  if (row.keyDigest !== request.keyDigest) {
    return refused('id-taken', {
      message: `node ${nodeId} is in this cluster already, with another key`,
      hint:
        'If the data directory was copied from that node, empty it. If it is the same node, ' +
        'remove the old one first: docker node rm --force.',
    });
  }
  // The role is the row's: a second join promotes nobody.
  return { kind: 'accepted', nodeId, role: row.role, again: true };
}

/**
 * What a token lets its bearer be. To be asked first: before it, a stranger must cost nothing but
 * this.
 */
export function judgeToken(
  text: string,
  { tokens, now, sameSecret }: Pick<JoinKnowledge, 'tokens' | 'now' | 'sameSecret'>,
): { readonly kind: 'found'; readonly role: NodeRole } | Refusal {
  const given = parseJoinToken(text);
  if (given.kind === 'refused') return given;
  let found: CurrentToken | undefined;
  let knowsRoot = false;
  // All are compared, so that the time says nothing of which one fits.
  for (const current of tokens) {
    const known = parseJoinToken(current.token);
    if (known.kind === 'refused' || known.rootId !== given.rootId) continue;
    knowsRoot = true;
    if (sameSecret(known.secret, given.secret)) found = current;
  }
  if (!knowsRoot) {
    return refused('other-authority', {
      message: 'the join token is of another cluster, or from before its authority was rotated',
      hint: 'Take the current one: docker swarm join-token worker, on a manager of this cluster.',
    });
  }
  if (found === undefined) {
    return refused('wrong-secret', {
      message: 'the join token is not the current one: it was rotated, or mistyped',
      hint: 'Take the current one: docker swarm join-token worker, on a manager of this cluster.',
    });
  }
  if (found.expiresAt !== undefined && now >= found.expiresAt) {
    return refused('token-expired', {
      message: 'the time of the join token is over',
      hint: 'Make a new one: docker swarm join-token --rotate worker, on a manager.',
    });
  }
  return { kind: 'found', role: found.role };
}

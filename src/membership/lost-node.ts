import { parseJoinToken, rootIdOf } from '../ca/join-token.ts';
import type { JoinRequest } from '../host/membership.ts';
import type { NodeKeys } from '../host/node-identity.ts';
import { TuttiError } from '../lib/error.ts';
import type { KnownManager } from '../model/known-manager.ts';
import { refusalError } from './join-attempt.ts';
import type { Member } from './seat-taking.ts';

/**
 * Whom a node asks that has lost its managers, once a person says where one is: those that it
 * knows, and these. Who answers there is believed by the cluster's root alone, as always.
 *
 * @throws TuttiError where the token is none, or of another cluster.
 */
export function managersToAsk(
  { membership }: Member,
  said: Pick<JoinRequest, 'token' | 'addresses'> & { readonly keys: NodeKeys },
): readonly KnownManager[] {
  const { token, addresses, keys } = said;
  const parsed = parseJoinToken(token);
  if (parsed.kind === 'refused') throw refusalError(parsed);
  const { roots, managers } = membership;
  const isOurs = roots.some((root) => rootIdOf(keys.digestOfText(root)) === parsed.rootId);
  if (!isOurs) throw alreadyInCluster();
  const known = new Set(managers.map(({ address }) => address));
  const found = addresses.filter((address) => !known.has(address));
  return [...managers, ...found.map((address) => ({ nodeId: '', address }))];
}

export function alreadyInCluster(): TuttiError {
  return new TuttiError(
    'unavailable',
    'This node is already part of a swarm. ' +
      'Use "docker swarm leave" to leave this swarm and join another one.',
  );
}

/** @param trouble What keeps the node from joining; empty: nothing that is known. */
export function joinsInBackground(trouble: string): TuttiError {
  const why = trouble === '' ? '' : ` What keeps it so far: ${trouble}.`;
  return new TuttiError(
    'unavailable',
    'Timeout was reached before node joined. The attempt to join the swarm will continue in ' +
      'the background. Use the "docker info" command to see the current swarm status of your ' +
      `node.${why}`,
  );
}

/**
 * What `docker info` says on a node that hears of no manager; undefined: it is something else.
 * `isLost`: for so long that it takes the advice.
 */
export function noManagerAnswers(
  member: Member | undefined,
  { error, isLost }: { readonly error: unknown; readonly isLost: boolean },
): string | undefined {
  const { code, message } = TuttiError.from(error);
  if (member === undefined || code !== 'unavailable') return undefined;
  const addresses = member.membership.managers.map(({ address }) => address).join(', ');
  const found = `no manager of this node's cluster answers at ${addresses}: ${message}. Tasks run on meanwhile.`;
  if (!isLost) return found;
  return (
    `${found} If the managers have other addresses now, after a restore for example, say where ` +
    'one is: docker swarm join --token TOKEN ADDRESS'
  );
}

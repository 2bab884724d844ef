import { newJoinToken, rootIdOf } from '../ca/join-token.ts';
import { signingRoot, startRotation } from '../ca/rotation.ts';
import { rootLifeMs, validityFrom } from '../ca/validity.ts';
import type { Authority } from '../host/authority.ts';
import { TuttiError } from '../lib/error.ts';
import type { Cluster } from '../model/cluster.ts';
import type { Instant } from '../model/instant.ts';
import type { Root } from '../model/root.ts';
import type { Transaction, View } from '../store/view.ts';
import { theCluster } from './cluster-row.ts';

/** The row of a new root; it signs from the moment it is in the store. */
export async function makeRoot(authority: Authority, now: Instant): Promise<Root> {
  const { digest, ...made } = await authority.createRoot(validityFrom(now, rootLifeMs));
  return { id: rootIdOf(digest), createdAt: now, stage: 'signing', ...made };
}

/**
 * The root that takes over from the one that signs, which vouches for it.
 *
 * @throws TuttiError `failed-precondition` while another rotation is under way.
 */
export async function makeNextRoot(
  authority: Authority,
  from: { readonly view: Pick<View, 'roots'>; readonly now: Instant },
): Promise<Root> {
  const { view, now } = from;
  const roots = [...view.roots.all()];
  const before = signingRoot(roots);
  if (before?.sealedKey === undefined) {
    throw new TuttiError('unavailable', 'the cluster has no certificate authority yet');
  }
  const next = await makeRoot(authority, now);
  // Asked before anything is signed for it.
  startRotation(roots, next);
  const { certificate, sealedKey } = before;
  const crossCertificate = await authority.signCross({
    root: next.certificate,
    issuer: { certificate, sealedKey },
    ...validityFrom(now, rootLifeMs),
  });
  return { ...next, crossCertificate };
}

/** Join tokens with new secrets, for each role one. */
export function tokensFor(
  root: Root,
  randomBytes: (count: number) => Uint8Array,
): Cluster['joinTokens'] {
  return {
    worker: newJoinToken(root.id, randomBytes),
    manager: newJoinToken(root.id, randomBytes),
  };
}

/** Whether the store has a cluster from before clusters had a root of their own. */
export function lacksRoot(view: Pick<View, 'clusters' | 'roots'>): boolean {
  return theCluster(view) !== undefined && signingRoot(view.roots.all()) === undefined;
}

/** Gives such a cluster its root, and tokens that pin it: the ones before pinned nothing. */
export function adoptRoot(
  tx: Transaction,
  options: { readonly root: Root; readonly randomBytes: (count: number) => Uint8Array },
): void {
  const cluster = theCluster(tx);
  if (cluster === undefined || !lacksRoot(tx)) return;
  const { root, randomBytes } = options;
  tx.roots.put(root);
  tx.clusters.put({ ...cluster, joinTokens: tokensFor(root, randomBytes) });
}

import { TuttiError } from '../lib/error.ts';
import type { Root } from '../model/root.ts';

/** Cross-signatures that are kept for nodes that slept through rotations. */
const keptRetiredRoots = 4;

/** The root that signs. Undefined: the cluster has none yet. */
export function signingRoot(roots: Iterable<Root>): Root | undefined {
  for (const root of roots) if (root.stage === 'signing') return root;
  return undefined;
}

/** Roots whose certificates count, the signing one first: what nodes are told to trust. */
export function trustedRoots(roots: Iterable<Root>): readonly Root[] {
  const all = [...roots];
  return [
    ...all.filter(({ stage }) => stage === 'signing'),
    ...all.filter(({ stage }) => stage === 'trusted'),
  ];
}

export function isRotating(roots: Iterable<Root>): boolean {
  for (const root of roots) if (root.stage === 'trusted') return true;
  return false;
}

/**
 * The rows after a rotation began: `next` signs, the one that signed is trusted.
 *
 * @throws TuttiError `failed-precondition` while another rotation is under way.
 */
export function startRotation(roots: readonly Root[], next: Root): readonly Root[] {
  if (isRotating(roots)) {
    throw new TuttiError(
      'failed-precondition',
      'a rotation of the certificate authority is under way already',
      { hint: 'Wait until it is finished: docker info says so.' },
    );
  }
  const rotated = roots.map(
    (root): Root => (root.stage === 'signing' ? { ...root, stage: 'trusted' } : root),
  );
  return [...rotated, { ...next, stage: 'signing' }];
}

/** A node, and the root that signed the certificate that it last showed. */
export interface RenewedNode {
  readonly nodeId: string;
  readonly ready: boolean;
  readonly rootId: string | undefined;
}

export interface RotationProgress {
  /** Ready nodes that do not show a certificate of the signing root yet. */
  readonly waitingFor: readonly string[];
  /** The same of nodes that are not there: they come back through the grace path. */
  readonly absent: readonly string[];
  readonly canFinish: boolean;
}

/** Who is still to renew. Only nodes that are there hold a rotation up. */
export function rotationProgress(
  roots: readonly Root[],
  nodes: Iterable<RenewedNode>,
): RotationProgress {
  const signing = signingRoot(roots)?.id;
  const waitingFor: string[] = [];
  const absent: string[] = [];
  for (const node of nodes) {
    if (node.rootId === signing) continue;
    (node.ready ? waitingFor : absent).push(node.nodeId);
  }
  return { waitingFor, absent, canFinish: isRotating(roots) && waitingFor.length === 0 };
}

/**
 * The rows after a rotation was finished: what was trusted is retired and loses its key; the oldest
 * retired ones are gone.
 */
export function finishRotation(roots: readonly Root[]): readonly Root[] {
  const finished = roots.map((root) => (root.stage === 'trusted' ? retire(root) : root));
  const retired = finished
    .filter(({ stage }) => stage === 'retired')
    .toSorted((left, right) => right.createdAt - left.createdAt);
  const forgotten = new Set(retired.slice(keptRetiredRoots));
  return finished.filter((root) => !forgotten.has(root));
}

function retire(root: Root): Root {
  const { sealedKey: _, ...rest } = root;
  return { ...rest, stage: 'retired' };
}

/**
 * The certificates that a manager sends along with its own, so that nodes that know only an older
 * root believe it: each root's key, certified by the root before it, newest first.
 */
export function crossChain(roots: Iterable<Root>): readonly string[] {
  return [...roots]
    .toSorted((left, right) => right.createdAt - left.createdAt)
    .flatMap(({ crossCertificate }) => crossCertificate ?? []);
}

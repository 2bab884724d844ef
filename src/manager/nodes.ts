import { TuttiError } from '../lib/error.ts';
import { sameJson } from '../lib/json.ts';
import type { Node, NodeDescription, NodeRole, NodeSpec } from '../model/node.ts';
import type { Observed } from '../model/observed.ts';
import type { Transaction, View } from '../store/view.ts';
import { checkLabels, checkOneOf, refuse } from './admission-check.ts';
import { checkObjectName } from './admission-names.ts';
import { forgetAttachments } from './attachments.ts';
import { withoutForeignKeys } from './foreign-keys.ts';
import { followSoleAddress } from './sole-address.ts';
import { checkVersion } from './version.ts';
import type { WriteContext } from './writer.ts';

/**
 * Writes what a node says of itself; the first node of a cluster is its manager. A node that has to
 * be `known` and has no row gets none: it was removed.
 */
export function registerNode(
  tx: Transaction,
  options: {
    readonly nodeId: string;
    readonly description: NodeDescription;
    readonly availability?: NodeSpec['availability'];
    readonly known?: boolean;
    readonly context: WriteContext;
  },
): void {
  const { nodeId, context } = options;
  const description = withoutForeignKeys(tx, options);
  const row = tx.nodes.get(nodeId);
  if (row === undefined) {
    if (options.known === true) return;
    const role = tx.nodes.size === 0 ? 'manager' : 'worker';
    putNode(tx, { ...options, role });
    return;
  }
  const isExpected = row.leftAt === undefined && row.givenUp === undefined;
  if (isExpected && sameJson(row.description, description)) return;
  followSoleAddress(tx, { row, after: description });
  // One that could not clean up is what it was.
  const { leftAt: _, givenUp: __, ...rest } = row;
  tx.nodes.put({ ...rest, description, updatedAt: context.now });
  context.touched.node(nodeId);
}

/** Keeps that a node left by its own word, also for the manager after this one. */
export function noteLeft(
  tx: Transaction,
  { nodeId, context }: { readonly nodeId: string; readonly context: WriteContext },
): void {
  const row = tx.nodes.get(nodeId);
  if (row === undefined) return;
  tx.nodes.put({ ...row, leftAt: context.now, updatedAt: context.now });
  // Its containers go on without the networks, and nobody takes its frames any more.
  forgetAttachments(tx, 'node', nodeId);
  context.touched.node(nodeId);
}

/** The row of a node that joined with a token: only the holder of its key speaks for it. */
export function admitNode(
  tx: Transaction,
  options: NewNode & { readonly keyDigest: string },
): void {
  putNode(tx, options);
}

interface NewNode {
  readonly nodeId: string;
  readonly role: NodeSpec['role'];
  readonly description: NodeDescription;
  readonly availability?: NodeSpec['availability'];
  readonly keyDigest?: string;
  readonly context: WriteContext;
}

function putNode(tx: Transaction, options: NewNode): void {
  const { nodeId, role, keyDigest, context } = options;
  const description = withoutForeignKeys(tx, options);
  tx.nodes.put({
    id: nodeId,
    version: tx.revision,
    createdAt: context.now,
    updatedAt: context.now,
    spec: { role, availability: options.availability ?? 'active', labels: {} },
    description,
    ...(keyDigest !== undefined && { keyDigest }),
  });
  context.touched.node(nodeId);
}

/** Two machines that are there with one name are a person's trap, though nothing breaks. */
export function sameNameWarnings(
  view: Pick<View, 'nodes'>,
  of: {
    readonly nodeId: string;
    readonly hostname: string;
    readonly observed: Pick<Observed, 'node'>;
  },
): readonly string[] {
  const { nodeId, hostname, observed } = of;
  return [...view.nodes.all()]
    .filter((node) => node.id !== nodeId && node.description.hostname === hostname)
    .filter((node) => observed.node(node.id)?.state === 'ready')
    .map(
      (node) =>
        `node ${node.id} is called ${hostname} as well as this node, ${nodeId}; ` +
        'give the daemon another name with --node-name',
    );
}

export function updateNode(
  tx: Transaction,
  options: {
    readonly nodeId: string;
    readonly spec: NodeSpec;
    readonly version: number;
    readonly context: WriteContext;
  },
): Node {
  const { nodeId, spec, context } = options;
  const row = nodeRow(tx, nodeId);
  checkVersion(row, options.version);
  checkLabels('spec.labels', spec.labels);
  checkOneOf('spec.availability', spec.availability, ['active', 'pause', 'drain']);
  checkOneOf('spec.role', spec.role, ['manager', 'worker']);
  if (spec.name !== undefined && spec.name !== '') checkObjectName('spec.name', spec.name);
  checkRole(tx, row, spec);
  const updated = { ...row, spec, version: tx.revision, updatedAt: context.now };
  tx.nodes.put(updated);
  context.touched.node(nodeId);
  return updated;
}

/**
 * What a node may act as: who was declared a manager, and who is one still, until its vote in the
 * store is gone.
 */
export function actingRole({ spec, seat }: Pick<Node, 'spec' | 'seat'>): NodeRole {
  return spec.role === 'manager' || seat !== undefined ? 'manager' : 'worker';
}

/** The manager of a store on SQLite; nodes that are to be managers beside it have a key. */
export function soleManager(view: Pick<View, 'nodes'>): string | undefined {
  const managers = [...view.nodes.all()].filter(({ spec }) => spec.role === 'manager');
  return managers.find(({ seat, keyDigest }) => seat !== undefined || keyDigest === undefined)?.id;
}

function checkRole(tx: Transaction, row: Node, spec: NodeSpec): void {
  if (row.spec.role === spec.role) return;
  if (spec.role === 'manager') {
    if (row.keyDigest !== undefined && row.seat === undefined) return;
    refuse('spec.role', `node ${row.id} is still ceasing to be a manager`, {
      code: 'unavailable',
      hint: 'Try again in a moment.',
    });
  }
  const others = [...tx.nodes.all()].some(
    (node) => node.id !== row.id && node.spec.role === 'manager',
  );
  if (others) return;
  refuse('spec.role', 'attempting to demote the last manager of the swarm', {
    code: 'failed-precondition',
  });
}

/**
 * Throws unless the node may be removed: it is down or forced; a manager must be both.
 */
export function checkNodeRemoval(
  tx: Transaction,
  options: { readonly nodeId: string; readonly force: boolean; readonly observed: Observed },
): Node {
  const row = nodeRow(tx, options.nodeId);
  const isReady = options.observed.node(row.id)?.state === 'ready';
  if (actingRole(row) === 'manager' && (isReady || !options.force)) {
    throw new TuttiError(
      'failed-precondition',
      `node ${row.id} is a cluster manager and is a member of the raft cluster. ` +
        'It must be demoted to worker before removal',
    );
  }
  if (isReady && !options.force) {
    throw new TuttiError('failed-precondition', `node ${row.id} is not down and can't be removed`, {
      hint: 'Stop its daemon first, or remove it with --force.',
    });
  }
  return row;
}

function nodeRow(tx: Transaction, nodeId: string): Node {
  const row = tx.nodes.get(nodeId);
  if (row !== undefined) return row;
  throw new TuttiError('not-found', `node ${nodeId} not found`);
}

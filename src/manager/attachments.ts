import { type AddressReuse, claimAddress, freeAddress } from '../allocator/addresses.ts';
import { declarerOf, holderOf } from '../allocator/static-address.ts';
import { TuttiError } from '../lib/error.ts';
import { sameJson } from '../lib/json.ts';
import { withoutPrefix } from '../lib/ipv4.ts';
import type { AttachedContainer, Attachment, AttachmentReport } from '../model/attachment.ts';
import type { Network } from '../model/network.ts';
import { addressKey, nameKey } from '../store/schema.ts';
import type { Transaction, View } from '../store/view.ts';
import type { WriteContext } from './writer.ts';

/** A place on a network, for a container that a node is about to make. */
export interface AttachmentRequest {
  /** Chosen by the node, which asks again with the same where it heard no answer. */
  readonly id: string;
  /** Name or id of the network, or the beginning of its id. */
  readonly network: string;
  /** Without prefix length; absent: the network's next free one. */
  readonly address?: string;
}

/**
 * Gives an address of an attachable network, in a row of its own.
 *
 * @throws TuttiError `not-found`; `permission-denied` in Swarm's words for a network that is not
 *   attachable; `already-exists` and `invalid-argument` for an address that is asked for, and
 *   `resource-exhausted`.
 */
export function attach(
  tx: Transaction,
  options: {
    readonly nodeId: string;
    readonly request: AttachmentRequest;
    readonly context: WriteContext;
  },
): Attachment {
  const { nodeId, request, context } = options;
  const known = tx.attachments.get(request.id);
  if (known?.nodeId === nodeId) return known;
  const network = referredTo(tx, request.network);
  if (network === undefined || known !== undefined || tx.nodes.get(nodeId) === undefined) {
    throw new TuttiError('not-found', `network ${request.network} not found`);
  }
  const { name } = network.spec;
  if (!network.spec.attachable) {
    throw new TuttiError('permission-denied', `network ${name} not manually attachable`);
  }
  const address =
    request.address === undefined
      ? freeAddress(tx, network, context)
      : claimed(tx, network, { address: request.address, reuse: context.addressReuse });
  if (address === undefined) {
    const message = `network ${name} (${subnetOf(network)}) has no address left`;
    const hint = 'Remove containers or tasks from it, or use a network with a larger subnet.';
    throw new TuttiError('resource-exhausted', message, { hint });
  }
  const { id } = request;
  const row = { id, nodeId, networkId: network.id, address, createdAt: context.now };
  tx.attachments.put(row);
  return row;
}

/**
 * Brings the rows of a node in line with what it has. Returns the containers whose address is
 * another's: they have to leave the network.
 */
export function noteAttachments(
  tx: Transaction,
  options: {
    readonly nodeId: string;
    readonly report: AttachmentReport;
    readonly context: WriteContext;
  },
): readonly AttachedContainer[] {
  const { nodeId, report, context } = options;
  if (tx.nodes.get(nodeId) === undefined) return [];
  const left = new Map(
    [...tx.attachments.by('node', nodeId)].map((row) => [placeOf(row), row] as const),
  );
  const refused: AttachedContainer[] = [];
  for (const container of inTurn(report.containers, left)) {
    const row = left.get(placeOf(container));
    left.delete(placeOf(container));
    if (row !== undefined) noteContainer(tx, row, container);
    else if (!adopt(tx, container, { nodeId, context })) refused.push(container);
  }
  const coming = new Set(report.coming);
  for (const row of left.values()) if (!coming.has(row.id)) tx.attachments.delete(row.id);
  return refused;
}

/** Those of a node that is no member any more, whose frames nobody takes, or of a network. */
export function forgetAttachments(tx: Transaction, index: 'node' | 'network', id: string): void {
  const ids = [...tx.attachments.by(index, id)].map((row) => row.id);
  for (const one of ids) tx.attachments.delete(one);
}

/** Of two that claim one address: whose it was, then who runs. */
function inTurn(
  containers: readonly AttachedContainer[],
  rows: ReadonlyMap<string, Attachment>,
): readonly AttachedContainer[] {
  const rank = (one: AttachedContainer): number => {
    const row = rows.get(placeOf(one));
    return (row?.container?.containerId === one.containerId ? 2 : 0) + (one.running ? 1 : 0);
  };
  return containers.toSorted((one, other) => rank(other) - rank(one));
}

function noteContainer(tx: Transaction, row: Attachment, seen: AttachedContainer): void {
  const { containerId, name, aliases, running } = seen;
  const container = { containerId, name, aliases, running };
  if (!sameJson(row.container, container)) tx.attachments.put({ ...row, container });
}

/** False: the address is another's. What nobody would be led to is left as it is. */
function adopt(
  tx: Transaction,
  seen: AttachedContainer,
  of: { readonly nodeId: string; readonly context: WriteContext },
): boolean {
  const network = tx.networks.get(seen.networkId);
  if (network === undefined) return true;
  const { address } = seen;
  const claim = claimAddress(tx, network, { address, reuse: of.context.addressReuse });
  if (claim.kind === 'taken') return false;
  // It is there already, so one that is only held is not refused for what may never be.
  if (claim.kind === 'outside') return true;
  if (!network.spec.attachable || network.removing === true) return true;
  const { networkId, containerId, name, aliases, running } = seen;
  tx.attachments.put({
    id: of.context.newId(),
    nodeId: of.nodeId,
    networkId,
    address: claim.address,
    createdAt: of.context.now,
    container: { containerId, name, aliases, running },
  });
  return true;
}

function claimed(
  view: View,
  network: Network,
  asked: { readonly address: string; readonly reuse: AddressReuse },
): string {
  const claim = claimAddress(view, network, asked);
  if (claim.kind === 'free') return claim.address;
  const { address } = asked;
  const { name } = network.spec;
  if (claim.kind === 'held') {
    const message = `the address ${address} of network ${name} was that of a task that ended`;
    const hint = 'It is given again when the node of that task knows, or is removed.';
    throw new TuttiError('already-exists', message, { hint });
  }
  if (claim.kind === 'taken') {
    const key = addressKey(network.id, address);
    const holder = holderOf(view, key) ?? declarerOf(view, key);
    const whose = holder === undefined ? 'taken' : `taken by ${holder}`;
    throw new TuttiError(
      'already-exists',
      `the address ${address} of network ${name} is ${whose}`,
      {
        hint: 'Ask for another one, or for none: the network has one for it.',
      },
    );
  }
  const message = `${address} is no address of network ${name} (${subnetOf(network)}) to be given`;
  const hint = 'The gateway and the last addresses of the subnet are not.';
  throw new TuttiError('invalid-argument', message, { hint });
}

function referredTo(view: View, reference: string): Network | undefined {
  const isMeant = ({ removing, predefined }: Network): boolean =>
    removing !== true && predefined !== true;
  const byId = view.networks.get(reference);
  if (byId !== undefined) return isMeant(byId) ? byId : undefined;
  const [byName] = [...view.networks.by('name', nameKey(reference))].filter(isMeant);
  if (byName !== undefined) return byName;
  const all = [...view.networks.all()];
  const [found, ...others] = all.filter((one) => isMeant(one) && one.id.startsWith(reference));
  return others.length === 0 ? found : undefined;
}

function placeOf({ networkId, address }: Pick<Attachment, 'networkId' | 'address'>): string {
  return addressKey(networkId, withoutPrefix(address));
}

function subnetOf(network: Network): string {
  return network.subnets[0]?.subnet ?? 'no subnet';
}

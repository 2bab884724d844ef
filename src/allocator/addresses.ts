import { formatAddress, parseAddress, parseSubnet, withoutPrefix } from '../lib/ipv4.ts';
import type { Network } from '../model/network.ts';
import type { Node } from '../model/node.ts';
import type { Task, TaskAddress } from '../model/task.ts';
import { addressKey } from '../store/schema.ts';
import type { View } from '../store/view.ts';
import type { AssignableRange } from './subnet.ts';
import { assignableRange, reservedRange } from './subnet.ts';

/**
 * Which addresses may be given again, and in which order. Not durable: what is lost is waited for
 * once more.
 */
export class AddressReuse {
  readonly #next = new Map<string, number>();
  readonly #seenEnds = new Set<string>();
  /**
   * By `addressKey`, the last task that had it and whose row is gone, while its node may not know.
   */
  readonly #removed = new Map<string, { readonly taskId: string; readonly nodeId: string }>();
  readonly #keysOfRemoved = new Map<string, readonly string[]>();

  /**
   * Where a network's search for a free address goes on, so that an address which was just freed is
   * the last to be given again: who still has it in a cache must not reach a stranger.
   */
  next(networkId: string): number | undefined {
    return this.#next.get(networkId);
  }

  setNext(networkId: string, next: number): void {
    this.#next.set(networkId, next);
  }

  forgetNetwork(networkId: string): void {
    this.#next.delete(networkId);
    for (const [key, { taskId }] of this.#removed) {
      if (isOnNetwork(key, networkId)) this.releaseRemoved(taskId);
    }
  }

  /**
   * Whether the node of a task that ended knows that its end is recorded. Until then it may make
   * another one with the same addresses, once no manager is in reach; see docs/design/autonomy.md.
   */
  isEndSeen(taskId: string): boolean {
    return this.#seenEnds.has(taskId);
  }

  endSeen(taskId: string): void {
    this.#seenEnds.add(taskId);
  }

  /** The row of a task is gone. */
  removed({ id, nodeId, addresses }: Task): void {
    if (this.#seenEnds.delete(id) || nodeId === undefined) return;
    const keys = addresses.map(({ networkId, address }) => addressKey(networkId, address));
    if (keys.length > 0) this.#keysOfRemoved.set(id, keys);
    for (const key of keys) this.#removed.set(key, { taskId: id, nodeId });
  }

  /** The node knows that it has no such task. */
  releaseRemoved(taskId: string): void {
    for (const key of this.#keysOfRemoved.get(taskId) ?? []) {
      if (this.#removed.get(key)?.taskId === taskId) this.#removed.delete(key);
    }
    this.#keysOfRemoved.delete(taskId);
  }

  /** The node that may not know that a task which had the address is gone. */
  holderOfRemoved(key: string): string | undefined {
    return this.#removed.get(key)?.nodeId;
  }
}

function isOnNetwork(key: string, networkId: string): boolean {
  return key.startsWith(addressKey(networkId, ''));
}

/** What says which addresses may be chosen. */
export interface AddressChoice {
  readonly addressReuse: AddressReuse;
  /** By `addressKey`, static addresses whose declarations are being written: not to be chosen. */
  readonly reserved?: ReadonlySet<string>;
}

/**
 * A free address of the network, with its prefix length (`10.0.1.3/24`); `undefined` when there is
 * none. What is in use is what rows of the view hold, so write the row before you ask again.
 */
export function freeAddress(view: View, network: Network, of: AddressChoice): string | undefined {
  const { addressReuse: reuse, reserved } = of;
  const range = assignableRange(network);
  if (range === undefined || isFull(view, network, range)) return undefined;
  const start = clamp(reuse.next(network.id) ?? range.first, range);
  for (let step = 0; step <= range.last - range.first; step += 1) {
    const address = wrap(start + step, range);
    const text = formatAddress(address);
    const key = addressKey(network.id, text);
    if (address === range.gateway || reserved?.has(key) === true) continue;
    if (isTaken(view, key) || isHeld(view, key, { reuse })) continue;
    reuse.setNext(network.id, address + 1);
    return `${text}/${range.prefixLength}`;
  }
  return undefined;
}

/** Whether somebody may have this very address; with its prefix length. */
export type AddressClaim =
  | { readonly kind: 'free' | 'taken'; readonly address: string }
  /** Nobody has it by now, but the node of its last task may not know so yet. */
  | { readonly kind: 'held'; readonly address: string }
  | { readonly kind: 'outside' };

/** The address is without prefix length. */
export function claimAddress(
  view: View,
  network: Network,
  of: { readonly address: string; readonly reuse: AddressReuse },
): AddressClaim {
  const range = assignableRange(network);
  const subnet = parseSubnet(network.subnets[0]?.subnet ?? '');
  const asked = parseAddress(of.address);
  if (range === undefined || subnet === undefined || asked === undefined) return outside;
  // A declared range limits what is chosen, not what is asked for.
  const isInside = asked > subnet.first && asked < reservedRange(subnet).first;
  if (!isInside || asked === range.gateway) return outside;
  const text = formatAddress(asked);
  const key = addressKey(network.id, text);
  const held = isHeld(view, key, { reuse: of.reuse }) ? 'held' : 'free';
  return { kind: isTaken(view, key) ? 'taken' : held, address: `${text}/${range.prefixLength}` };
}

const outside = { kind: 'outside' } as const;

/** Seen without looking at each address. Services' addresses are not counted. */
function isFull(view: View, network: Network, range: AssignableRange): boolean {
  const { tasks, attachments } = view;
  const { id } = network;
  const free = range.size - tasks.count('network', id);
  if (attachments.count('network', id) < free) return false;
  // What was asked for by its address may lie outside of a declared range.
  const isInside = (address: string): boolean => {
    const number = parseAddress(withoutPrefix(address)) ?? 0;
    return number >= range.first && number <= range.last;
  };
  const attached = [...attachments.by('network', id)].filter((row) => isInside(row.address)).length;
  if (attached < free) return false;
  if (network.spec.subnets[0]?.ipRange === undefined) return true;
  const isHere = ({ networkId, address }: TaskAddress): boolean =>
    networkId === id && isInside(address);
  const ofTasks = [...tasks.by('network', id)].filter((task) => task.addresses.some(isHere)).length;
  return attached + ofTasks >= range.size;
}

function isTaken(view: View, key: string): boolean {
  const { tasks, services, attachments, templates } = view;
  return [tasks, services, attachments, templates].some((table) => table.count('address', key) > 0);
}

/** The node that may yet make a task with the address, besides one that is to have it anyway. */
export function nodeThatHolds(
  view: View,
  key: string,
  of: { readonly reuse: AddressReuse; readonly exceptNodeId?: string | undefined },
): Node | undefined {
  const { reuse, exceptNodeId } = of;
  const ended = [...view.tasks.by('endedAddress', key)].filter(({ id }) => !reuse.isEndSeen(id));
  return [reuse.holderOfRemoved(key), ...ended.map(({ nodeId }) => nodeId)]
    .map((nodeId = '') => view.nodes.get(nodeId))
    .find((node) => node !== undefined && node.leftAt === undefined && node.id !== exceptNodeId);
}

function isHeld(view: View, key: string, of: { readonly reuse: AddressReuse }): boolean {
  return nodeThatHolds(view, key, of) !== undefined;
}

function clamp(address: number, range: AssignableRange): number {
  return address < range.first || address > range.last ? range.first : address;
}

function wrap(address: number, range: AssignableRange): number {
  return address > range.last ? range.first + (address - range.last - 1) : address;
}

import { formatAddress } from '../lib/ipv4.ts';
import type { Network } from '../model/network.ts';
import { addressKey } from '../store/schema.ts';
import type { View } from '../store/view.ts';
import type { AssignableRange } from './subnet.ts';
import { assignableRange } from './subnet.ts';

/**
 * Where each network's search for a free address goes on, so that an address which was just freed
 * is the last to be given again: who still has it in a cache must not reach a stranger. Not
 * durable, and no harm when lost.
 */
export class AddressCursors {
  readonly #next = new Map<string, number>();

  get(networkId: string): number | undefined {
    return this.#next.get(networkId);
  }

  set(networkId: string, next: number): void {
    this.#next.set(networkId, next);
  }

  forget(networkId: string): void {
    this.#next.delete(networkId);
  }
}

/**
 * A free address of the network, with its prefix length (`10.0.1.3/24`); `undefined` when there is
 * none. What is in use is what rows of the view hold, so write the row before you ask again.
 */
export function freeAddress(
  view: View,
  network: Network,
  cursors: AddressCursors,
): string | undefined {
  const range = assignableRange(network);
  if (range === undefined || view.tasks.count('network', network.id) >= range.size)
    return undefined;
  const start = clamp(cursors.get(network.id) ?? range.first, range);
  for (let step = 0; step <= range.last - range.first; step += 1) {
    const address = wrap(start + step, range);
    const text = formatAddress(address);
    if (address === range.gateway || isTaken(view, addressKey(network.id, text))) continue;
    cursors.set(network.id, address + 1);
    return `${text}/${range.prefixLength}`;
  }
  return undefined;
}

function isTaken(view: View, key: string): boolean {
  return view.tasks.count('address', key) > 0 || view.services.count('address', key) > 0;
}

function clamp(address: number, range: AssignableRange): number {
  return address < range.first || address > range.last ? range.first : address;
}

function wrap(address: number, range: AssignableRange): number {
  return address > range.last ? range.first + (address - range.last - 1) : address;
}

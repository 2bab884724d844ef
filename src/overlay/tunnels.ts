import type { CatalogNode } from '../model/assignment.ts';
import type { TunnelEnd } from '../model/encryption.ts';
import type { Span } from './spans.ts';

/** Another node, by one of its keys. */
export interface TunnelPeer {
  /** `address:port`. */
  readonly endpoint: string;
  /** Of the node; undefined: the key is known, and not used yet. */
  readonly address: string | undefined;
}

/** This node's end of what is encrypted between nodes: one device for all networks and nodes. */
export interface Tunnel {
  readonly device: string;
  readonly mtu: number;
  readonly port: number;
  readonly publicKey: string;
  /** By public key. */
  readonly peers: ReadonlyMap<string, TunnelPeer>;
}

/**
 * The tunnel that the encrypted ones of these spans take; undefined: none is encrypted.
 *
 * @param of.isInUse Whether a key that is to come was seen in use: the node has changed to it, and
 *   no manager has said so yet.
 */
export function tunnelOf(of: {
  readonly spans: readonly Span[];
  readonly nodes: Iterable<CatalogNode>;
  readonly own: { readonly publicKey: string; readonly port: number };
  readonly mtu: number;
  readonly isInUse: (publicKey: string) => boolean;
}): Tunnel | undefined {
  const sealed = of.spans.filter(({ tunnel }) => tunnel !== undefined);
  const [device] = sealed.map(({ tunnel }) => tunnel);
  if (device === undefined) return undefined;
  const addresses = new Set(sealed.flatMap(({ remotes }) => [...remotes.values()]));
  const peers = new Map<string, TunnelPeer>();
  const nodes = [...of.nodes];
  const shared = sharedKeys(nodes);
  for (const { address, tunnel: end } of nodes) {
    if (end === undefined || !addresses.has(address)) continue;
    if (keysOf(end).some((key) => shared.has(key))) continue;
    const endpoint = `${address}:${end.port}`;
    const next = end.nextPublicKey;
    const hasChanged = next !== undefined && of.isInUse(next);
    peers.set(end.publicKey, { endpoint, address: hasChanged ? undefined : address });
    if (next !== undefined)
      peers.set(next, { endpoint, address: hasChanged ? address : undefined });
  }
  return { device, mtu: of.mtu, ...of.own, peers };
}

function keysOf({ publicKey, nextPublicKey }: TunnelEnd): readonly string[] {
  return nextPublicKey === undefined ? [publicKey] : [publicKey, nextPublicKey];
}

/** Who tells another's key would get what is the other's, or keep it from it. */
function sharedKeys(nodes: readonly CatalogNode[]): ReadonlySet<string> {
  const all = nodes.flatMap(({ tunnel }) => (tunnel === undefined ? [] : keysOf(tunnel)));
  return new Set(all.filter((key, index) => all.indexOf(key) !== index));
}

import type { Instant } from './instant.ts';

/** Where a node's tunnel takes what is encrypted for it. */
export interface TunnelEnd {
  /** WireGuard's: X25519, base64. */
  readonly publicKey: string;
  /** The key that comes after it: others know it before the node uses it. */
  readonly nextPublicKey?: string;
  /** UDP, at the node's address. */
  readonly port: number;
}

/** How a node takes part in encrypted networks; `unable`: it does not, and why. */
export type NodeEncryption =
  | ({ readonly kind: 'able' } & TunnelEnd)
  | { readonly kind: 'unable'; readonly message: string };

/**
 * UDP. Swarm's gossip has it, so what lets Swarm's nodes talk lets ours, and nothing else of ours
 * listens there.
 */
export const tunnelPort = 7_946;

/** 32 bytes in the one way to write them: `wg` takes no other, nor what it is told besides. */
const keyPattern = /^[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=$/;

export function isPublicKey(text: unknown): text is string {
  return typeof text === 'string' && keyPattern.test(text);
}

/** What other nodes are told of it; undefined: nothing encrypted leads there. */
export function tunnelEndOf(encryption: NodeEncryption | undefined): TunnelEnd | undefined {
  if (encryption?.kind !== 'able') return undefined;
  const { publicKey, nextPublicKey, port } = encryption;
  return { publicKey, port, ...(nextPublicKey !== undefined && { nextPublicKey }) };
}

export interface TunnelKeyPair {
  /** WireGuard's: X25519, base64. */
  readonly privateKey: string;
  readonly publicKey: string;
}

/** The keys of a node. */
export interface TunnelKeys {
  readonly current: TunnelKeyPair;
  readonly since: Instant;
  readonly next?: TunnelKeyPair;
  /** When managers were first seen to know the next one. */
  readonly nextKnownAt?: Instant;
}

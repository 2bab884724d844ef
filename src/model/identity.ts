import type { Instant } from './instant.ts';
import type { NodeRole } from './node.ts';

/** What a node certificate says, once its signature was checked. */
export interface PeerCertificate {
  readonly nodeId: string;
  /** Undefined: the certificate names no role that we know. */
  readonly role: NodeRole | undefined;
  readonly clusterId: string;
  /** SHA-256 of the public key (SPKI, DER), base64url. */
  readonly keyDigest: string;
  readonly notBefore: Instant;
  readonly notAfter: Instant;
  /** The root that signed it, of those that were given; undefined: none of them. */
  readonly rootId: string | undefined;
}

/** What a node's certificate is held against: the node's row. */
export interface NodeRecord {
  readonly nodeId: string;
  readonly role: NodeRole;
  readonly keyDigest: string;
}

import type { PeerCertificate } from '../model/identity.ts';
import type {
  CertificateAnswer,
  ManagerCandidate,
  RootAnswer,
  WireRefusal,
} from '../wire/authority-calls.ts';
import type { HostPort } from '../lib/host-port.ts';
import type { KnownManager } from '../model/known-manager.ts';
import type { ManagerCall } from './managers.ts';
import type { NodeAvailability, NodeDescription, NodeRole } from '../model/node.ts';

/** What a node is by: its key, and what the cluster said of it. */
export interface NodeIdentity {
  readonly nodeId: string;
  /** PKCS #8 in PEM; made on this node, and it never leaves it. */
  readonly key: string;
  /** What the cluster gave; absent while the node asks to join. */
  readonly membership?: NodeMembershipRecord;
}

export interface NodeMembershipRecord {
  readonly clusterId: string;
  /** The node's certificate and, behind it, what leads from older roots to its own. PEM. */
  readonly certificate: string;
  /** The roots that the node believes. PEM. */
  readonly roots: readonly string[];
  readonly managers: readonly KnownManager[];
  /** Of this node. */
  readonly address: string;
  /** The network device that had it; absent: none had, as behind a router. */
  readonly device?: string;
  /** Where a manager on this machine listens, if a person said so: `host:port`. */
  readonly listenAddress?: string;
  /** What the certificate says; absent in files of older versions, whose nodes are workers. */
  readonly role?: NodeRole;
  /**
   * Where this machine's own manager made the cluster: what is here counts only from the moment at
   * which that manager's store is on etcd.
   */
  readonly founder?: true;
}

/** Where the identity is kept, replaced whole. */
export interface IdentityDisk {
  /** @throws TuttiError `failed-precondition` where it is damaged. */
  load(): Promise<NodeIdentity | undefined>;
  save(identity: NodeIdentity): Promise<void>;
  forget(): Promise<void>;
}

/** What needs the node's key, and what reads certificates. */
export interface NodeKeys {
  /** PKCS #8 in PEM. */
  create(): string;
  /** SHA-256 of the public key (SPKI, DER), base64url. */
  digestOf(key: string): string;
  /** SHA-256 of a text. */
  digestOfText(text: string): Uint8Array;
  /** A request for a certificate of the key: PKCS #10 in PEM. */
  request(key: string): Promise<string>;
  /**
   * What a certificate says, held against one of the roots (PEM).
   *
   * @throws TuttiError `invalid-argument` where it is none.
   */
  read(certificate: string, roots: readonly string[]): PeerCertificate;
  /** Whether it is for a machine with that address. */
  isFor(certificate: string, address: string): boolean;
}

/** The calls of a node to managers, see docs/design/joining.md. */
export interface ManagerCalls {
  /**
   * The root that somebody at the address shows; nothing is verified.
   *
   * @throws TuttiError `unavailable`
   */
  root(address: HostPort, signal: AbortSignal): Promise<RootAnswer>;
  /**
   * Asks to be let in, of a manager that is verified by the root.
   *
   * @throws TuttiError `unavailable` where the same may be asked again; `unauthenticated` where it
   *   is no manager of that root.
   */
  join(
    asked: {
      readonly address: HostPort;
      /** PEM. */
      readonly root: string;
      readonly key: string;
      readonly request: string;
      readonly token: string;
      readonly nodeId: string;
      readonly availability: NodeAvailability;
      readonly description: NodeDescription;
      readonly candidate?: ManagerCandidate;
    },
    signal: AbortSignal,
  ): Promise<CertificateAnswer | WireRefusal>;
  /** A new certificate for the key of the identity, and for the address where it is a manager's. */
  renew(
    asked: { readonly identity: NodeIdentity; readonly request: string },
    signal: AbortSignal,
  ): Promise<CertificateAnswer | WireRefusal>;
  /**
   * What a node with the certificate of a manager asks of the others.
   *
   * @throws TuttiError what they said, or `unavailable`.
   */
  manager(
    asked: { readonly identity: NodeIdentity; readonly call: ManagerCall; readonly body: object },
    signal: AbortSignal,
  ): Promise<unknown>;
  /** The node leaves. */
  leave(identity: NodeIdentity, signal: AbortSignal): Promise<void>;
}

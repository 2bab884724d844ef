import type { HostPort } from '../lib/host-port.ts';
import type { ManagerCall } from './managers.ts';
import type { PeerCertificate } from '../model/identity.ts';
import type { NodeRole } from '../model/node.ts';
import type {
  CertificateAnswer,
  JoinCall,
  RenewCall,
  RootAnswer,
  WireRefusal,
} from '../wire/authority-calls.ts';

/** What a peer shows of itself. */
export interface Caller {
  /** Undefined: none. */
  readonly certificate: PeerCertificate | undefined;
  /** As its connection shows it. */
  readonly address: string;
}

/** A caller whose connection can be asked whether a request was made for it. */
export interface BoundCaller extends Caller {
  /** `publicKey`: SPKI, DER in base64. */
  isBound(publicKey: string): boolean;
}

export type Verdict =
  | { readonly kind: 'anyone' }
  | { readonly kind: 'node'; readonly nodeId: string; readonly role: NodeRole }
  | WireRefusal;

/** What other machines may ask of a manager. */
export interface ClusterCalls {
  /** Decides, and writes refusals to the audit log. */
  authorise(call: string, caller: Caller): Verdict;
  root(): RootAnswer;
  /** @throws TuttiError `unavailable` where the same may be asked again. */
  join(asked: JoinCall, from: BoundCaller): Promise<CertificateAnswer | WireRefusal>;
  renew(asked: RenewCall, from: BoundCaller): Promise<CertificateAnswer | WireRefusal>;
  /** The node leaves the cluster. */
  left(nodeId: string): void;
  /** Of another manager. @throws TuttiError that is said to the caller. */
  manager(call: ManagerCall, body: unknown, from: { readonly nodeId: string }): Promise<object>;
}

/** What a manager shows of itself on its port, and what it holds others against. */
export interface PortIdentity {
  readonly clusterId: string;
  /** PKCS #8 in PEM. */
  readonly key: string;
  /** The certificate and what leads from older roots to its own. PEM. */
  readonly certificate: string;
  readonly roots: readonly {
    readonly id: string;
    /** PEM. */
    readonly certificate: string;
    /** Named in handshakes. */
    readonly trusted: boolean;
  }[];
}

/** The port on which other machines reach a manager. */
export interface ClusterPort {
  /**
   * Takes the address. Who connects waits until `open`.
   *
   * @throws TuttiError `failed-precondition` where it cannot be had, naming it.
   */
  reserve(address: HostPort): Promise<void>;
  /** Begins to answer; again, with another identity, for connections from then on. */
  open(identity: PortIdentity): void;
  /** Rows, roots or time changed: sessions whose node may not have one any more end. */
  rejudge(): void;
  /** Ends everything and gives the address back. */
  close(): Promise<void>;
}

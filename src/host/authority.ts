import type { Instant } from '../model/instant.ts';
import type { NodeRole } from '../model/node.ts';
import type { Root } from '../model/root.ts';
import type { CertificateAnswer } from '../wire/authority-calls.ts';

/** A root as it was made. Its key never leaves the authority in the clear. */
export interface MadeRoot {
  /** SHA-256 of the certificate's PEM text. */
  readonly digest: Uint8Array;
  /** PEM. */
  readonly certificate: string;
  /** DER in base64. */
  readonly subject: string;
  readonly publicKey: string;
  readonly sealedKey: string;
}

/** A root as it is kept: its key can only be opened where the sealing key is. */
export interface SealedSigner {
  readonly certificate: string;
  readonly sealedKey: string;
}

export interface SigningTimes {
  readonly notBefore: Instant;
  readonly notAfter: Instant;
}

/** What a certificate says of a node. */
export interface CertifiedNode {
  readonly nodeId: string;
  readonly role: NodeRole;
  readonly clusterId: string;
  /** IP addresses by which other managers verify it; none for workers. */
  readonly addresses?: readonly string[];
}

/** Makes what needs a cluster's keys. The real one signs; the simulated one makes up texts. */
export interface Authority {
  /**
   * Makes a root with a key of its own, sealed under this manager's key.
   *
   * @throws TuttiError `unavailable` where it cannot be made, `resource-exhausted` on a full disk.
   */
  createRoot(validity: SigningTimes): Promise<MadeRoot>;
  /**
   * The key of a request, after its own signature was checked: SPKI, DER in base64, and its digest.
   *
   * @throws TuttiError `invalid-argument` where the request is none or its key is of another kind.
   */
  readRequest(request: string): Promise<{ readonly publicKey: string; readonly keyDigest: string }>;
  /** The certificate (PEM) of the key of a request. */
  signNode(
    asked: CertifiedNode &
      SigningTimes & { readonly request: string; readonly issuer: SealedSigner },
  ): Promise<string>;
  /** The key of a new root, certified by the one before it. PEM. */
  signCross(
    asked: SigningTimes & { readonly root: string; readonly issuer: SealedSigner },
  ): Promise<string>;
  /** A key that is made here and kept nowhere (PKCS #8 in PEM), with its certificate. */
  issue(
    asked: CertifiedNode & SigningTimes & { readonly issuer: SealedSigner },
  ): Promise<{ readonly key: string; readonly certificate: string }>;
  /** Compares in a time that does not depend on what is compared. */
  sameSecret(left: string, right: string): boolean;
  /**
   * Keeps the sealing key on disk under an unlock key, or, without one, in the clear. Does nothing
   * where it is so already.
   *
   * @throws TuttiError `unavailable` where it cannot be written.
   */
  keepUnder(unlockKey: string | undefined): Promise<void>;
  /** The cluster is gone: so is the key under which its secrets were sealed. */
  forget(): Promise<void>;
}

/**
 * What a manager keeps beside its own certificate, to replace that while no store answers: managers
 * whose certificates have all ended do not let each other's stores in.
 */
export interface KeptAuthority {
  readonly clusterId: string;
  readonly certificateExpiryMs: number;
  /** Keys among them are sealed, as in the store. */
  readonly roots: readonly Root[];
}

export interface AuthorityDisk {
  /** Undefined: nothing was kept yet. */
  load(): Promise<KeptAuthority | undefined>;
  /** Durable when it resolves. */
  save(kept: KeptAuthority): Promise<void>;
}

/** Where the manager of a machine is asked for it, on its own socket. */
export const ownCertificatePath = '/tutti/v1/own-certificate';

/** A manager's own way to another certificate. */
export interface OwnCertificate {
  /**
   * For the key of this manager's node alone.
   *
   * @param request PKCS #10 in PEM.
   */
  renew(request: string): Promise<CertificateAnswer>;
}

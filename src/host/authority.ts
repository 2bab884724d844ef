import type { Instant } from '../model/instant.ts';

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

/** Makes what needs a cluster's keys. The real one signs; the simulated one makes up texts. */
export interface Authority {
  /**
   * Makes a root with a key of its own, sealed under this manager's key.
   *
   * @throws TuttiError `unavailable` where it cannot be made, `resource-exhausted` on a full disk.
   */
  createRoot(validity: {
    readonly notBefore: Instant;
    readonly notAfter: Instant;
  }): Promise<MadeRoot>;
  /** The cluster is gone: so is the key under which its secrets were sealed. */
  forget(): Promise<void>;
}

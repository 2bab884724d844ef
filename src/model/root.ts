import type { Instant } from './instant.ts';

/**
 * - `signing`: signs new certificates; exactly one root does.
 * - `trusted`: signed until a rotation began; its certificates count until that is finished.
 * - `retired`: its certificates are good for nothing but a renewal.
 */
export type RootStage = 'signing' | 'trusted' | 'retired';

/** A root of the cluster's certificate authority. All but the stage is fixed when it is made. */
export interface Root {
  /** SHA-256 of the certificate's PEM text in base 36, which is what join tokens say. */
  readonly id: string;
  readonly createdAt: Instant;
  readonly stage: RootStage;
  /** PEM. */
  readonly certificate: string;
  /** DER in base64, as Docker shows them. */
  readonly subject: string;
  readonly publicKey: string;
  /** Only managers of the cluster can open it; absent once the root is retired. */
  readonly sealedKey?: string;
  /** This root's key certified by the root before it, as PEM: for nodes that know only that one. */
  readonly crossCertificate?: string;
}

import type { SigningTimes } from '../host/authority.ts';
import type { NodeRole } from '../model/node.ts';

/*
 * What a manager asks of the process that makes certificates. One line of JSON each way, answers in
 * the order of the questions. Keys are PKCS #8 in PEM, certificates and requests PEM.
 */

export interface Signer {
  readonly certificate: string;
  readonly key: string;
}

export interface NodeCertificateRequest extends SigningTimes {
  readonly request: string;
  readonly nodeId: string;
  readonly role: NodeRole;
  readonly clusterId: string;
  /** IP addresses. */
  readonly addresses?: readonly string[];
  readonly issuer: Signer;
}

export interface CrossCertificateRequest extends SigningTimes {
  /** The root whose key is certified. */
  readonly root: string;
  readonly issuer: Signer;
}

export interface MadeCertificate {
  readonly certificate: string;
}

export interface CertificateRequest {
  readonly request: string;
}

export interface RequestKey {
  /** SPKI, DER in base64. */
  readonly publicKey: string;
}

export interface MadeRootCertificate {
  readonly certificate: string;
  readonly key: string;
  /** DER in base64. */
  readonly subject: string;
  readonly publicKey: string;
}

/** Each question with its answer. */
export interface CertificateCalls {
  readonly root: { readonly asks: SigningTimes; readonly answer: MadeRootCertificate };
  readonly request: {
    readonly asks: { readonly key: string };
    readonly answer: CertificateRequest;
  };
  readonly key: { readonly asks: { readonly request: string }; readonly answer: RequestKey };
  readonly node: { readonly asks: NodeCertificateRequest; readonly answer: MadeCertificate };
  readonly cross: { readonly asks: CrossCertificateRequest; readonly answer: MadeCertificate };
}

export type CertificateCall = {
  readonly [Kind in keyof CertificateCalls]: {
    readonly kind: Kind;
    readonly asks: CertificateCalls[Kind]['asks'];
  };
}[keyof CertificateCalls];

export type CertificateAnswer =
  | { readonly kind: 'made'; readonly made: CertificateCalls[keyof CertificateCalls]['answer'] }
  | { readonly kind: 'failed'; readonly code: string; readonly message: string };

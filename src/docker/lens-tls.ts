import type { Root } from '../model/root.ts';

/**
 * The cluster's authority as Docker shows it for the cluster and for each of its nodes (moby
 * api/types/swarm/common.go): the root as PEM; its subject and key as DER in base64.
 */
export function showTls(roots: readonly Root[]): object {
  const signing = roots.find(({ stage }) => stage === 'signing');
  if (signing === undefined) return {};
  return {
    TrustRoot: signing.certificate,
    CertIssuerSubject: signing.subject,
    CertIssuerPublicKey: signing.publicKey,
  };
}

/** Whether certificates of an older root count beside those of the one that signs. */
export function isRootRotating(roots: readonly Root[]): boolean {
  return roots.some(({ stage }) => stage === 'trusted');
}

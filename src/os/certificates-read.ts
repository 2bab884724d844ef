import { createHash, X509Certificate } from 'node:crypto';
import { TuttiError } from '../lib/error.ts';
import type { PeerCertificate } from '../model/identity.ts';
import type { NodeRole } from '../model/node.ts';

/*
 * Reading and verifying certificates is Node's own: no library, no child. What is decided from what
 * they say is in src/ca.
 */

const roleOfUnit: Readonly<Record<string, NodeRole>> = {
  'swarm-manager': 'manager',
  'swarm-worker': 'worker',
};

/** A root to hold certificates against. */
export interface KnownRoot {
  readonly id: string;
  /** PEM. */
  readonly certificate: string;
}

/**
 * What a node certificate says. Only the signature is judged here, against the given roots
 * themselves: the handshake's own verdict may be as old as a session ticket. Time, role and row are
 * for `authorise`.
 */
export function readPeerCertificate(
  certificate: X509Certificate,
  roots: readonly KnownRoot[],
): PeerCertificate {
  const subject = readSubject(certificate);
  return {
    nodeId: subject.get('CN') ?? '',
    role: ownRole(subject.get('OU') ?? ''),
    clusterId: subject.get('O') ?? '',
    keyDigest: keyDigestOf(certificate),
    notBefore: certificate.validFromDate.getTime(),
    notAfter: certificate.validToDate.getTime(),
    rootId: certificate.ca ? undefined : findIssuer(certificate, roots)?.id,
  };
}

/** SHA-256 of the public key as SPKI in DER, base64url. */
export function keyDigestOf({ publicKey }: Pick<X509Certificate, 'publicKey'>): string {
  const der = publicKey.export({ format: 'der', type: 'spki' });
  return createHash('sha256').update(der).digest('base64url');
}

/**
 * A certificate from its PEM text.
 *
 * @throws TuttiError `invalid-argument`
 */
export function parseCertificate(pem: string): X509Certificate {
  try {
    return new X509Certificate(pem);
  } catch (cause) {
    throw new TuttiError('invalid-argument', 'the text is no X.509 certificate in PEM', { cause });
  }
}

function findIssuer(
  certificate: X509Certificate,
  roots: readonly KnownRoot[],
): KnownRoot | undefined {
  return roots.find((root) => {
    const issuer = parseCertificate(root.certificate);
    return issuer.ca && certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey);
  });
}

function ownRole(unit: string): NodeRole | undefined {
  return Object.hasOwn(roleOfUnit, unit) ? roleOfUnit[unit] : undefined;
}

/** Names that are there twice count as absent: which one would be meant? */
function readSubject(certificate: X509Certificate): ReadonlyMap<string, string> {
  const names = new Map<string, string>();
  const twice = new Set<string>();
  for (const line of certificate.subject.split('\n')) {
    const at = line.indexOf('=');
    const name = line.slice(0, at);
    if (names.has(name)) twice.add(name);
    names.set(name, line.slice(at + 1));
  }
  for (const name of twice) names.delete(name);
  return names;
}

// The library below asks for this one first.
// oxlint-disable-next-line import/no-unassigned-import
import 'reflect-metadata';
import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  randomBytes,
  webcrypto,
} from 'node:crypto';
import * as x509 from '@peculiar/x509';
import { TuttiError } from '../lib/error.ts';
import type {
  CertificateRequest,
  MadeCertificate,
  MadeRootCertificate,
  NodeCertificateRequest,
  RequestKey,
  Signer,
} from './certificates-protocol.ts';
import type { SigningTimes } from '../host/authority.ts';

/*
 * Makes certificates; Node can read them but not make them. Only the child process loads this file
 * (certificates-child.ts): the library costs 13 MB.
 */

const curve = { name: 'ECDSA', namedCurve: 'P-256' } as const;
const signature = { name: 'ECDSA', hash: 'SHA-256' } as const;
/** Swarm's name for its roots (swarmkit ca/certificates.go). */
const rootName = 'swarm-ca';
const serialBytes = 20;
const pemColumns = 64;

/** A root with a key of its own. */
export async function makeRoot(times: SigningTimes): Promise<MadeRootCertificate> {
  const key = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
  const keyPem = key.export({ format: 'pem', type: 'pkcs8' });
  const signer = await keysOf(keyPem);
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    ...common(times),
    name: [{ CN: [rootName] }],
    keys: signer,
    extensions: [...(await authorityExtensions(signer.publicKey))],
  });
  return {
    certificate: pem(certificate.rawData),
    key: keyPem,
    subject: base64(certificate.subjectName.toArrayBuffer()),
    publicKey: base64(certificate.publicKey.rawData),
  };
}

/** A request for a certificate of the key, signed with it (PKCS #10). */
export async function makeRequest(key: string): Promise<CertificateRequest> {
  const request = await x509.Pkcs10CertificateRequestGenerator.create({
    name: [{ CN: ['node'] }],
    keys: await keysOf(key),
    signingAlgorithm: signature,
  });
  return { request: request.toString('pem') };
}

/**
 * The key that a request is for.
 *
 * @throws TuttiError `invalid-argument` as `signNode`.
 */
export async function keyOfRequest(request: string): Promise<RequestKey> {
  const { publicKey } = await readRequest(request);
  return { publicKey: base64(publicKey.rawData) };
}

/**
 * The certificate of a node. Of the request only the key is taken: names and role are what the
 * cluster says.
 *
 * @throws TuttiError `invalid-argument` where the request is none, is not signed by its own key, or
 *   has a key of another kind.
 */
export async function signNode(asked: NodeCertificateRequest): Promise<MadeCertificate> {
  const request = await readRequest(asked.request);
  const unit = `swarm-${asked.role}`;
  const uses =
    asked.role === 'manager'
      ? [x509.ExtendedKeyUsage.clientAuth, x509.ExtendedKeyUsage.serverAuth]
      : [x509.ExtendedKeyUsage.clientAuth];
  const issuer = await openSigner(asked.issuer);
  const certificate = await x509.X509CertificateGenerator.create({
    ...common(asked),
    subject: [{ O: [asked.clusterId] }, { OU: [unit] }, { CN: [asked.nodeId] }],
    issuer: issuer.certificate.subjectName,
    publicKey: request.publicKey,
    signingKey: issuer.privateKey,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension(uses),
      await x509.SubjectKeyIdentifierExtension.create(request.publicKey),
      await x509.AuthorityKeyIdentifierExtension.create(issuer.certificate.publicKey),
      new x509.SubjectAlternativeNameExtension([
        { type: 'dns', value: unit },
        { type: 'dns', value: asked.nodeId },
        ...(asked.addresses ?? []).map((value) => ({ type: 'ip' as const, value })),
      ]),
    ],
  });
  return { certificate: pem(certificate.rawData) };
}

/** The key of one root, certified by another: who knows the other one believes it. */
export async function signCross(
  asked: SigningTimes & { readonly root: string; readonly issuer: Signer },
): Promise<MadeCertificate> {
  const root = new x509.X509Certificate(asked.root);
  const issuer = await openSigner(asked.issuer);
  const certificate = await x509.X509CertificateGenerator.create({
    ...common(asked),
    subject: root.subjectName,
    issuer: issuer.certificate.subjectName,
    publicKey: root.publicKey,
    signingKey: issuer.privateKey,
    extensions: [
      ...(await authorityExtensions(root.publicKey)),
      await x509.AuthorityKeyIdentifierExtension.create(issuer.certificate.publicKey),
    ],
  });
  return { certificate: pem(certificate.rawData) };
}

async function readRequest(text: string): Promise<x509.Pkcs10CertificateRequest> {
  let request: x509.Pkcs10CertificateRequest;
  try {
    request = new x509.Pkcs10CertificateRequest(text);
  } catch (cause) {
    throw badRequest('it is no PKCS #10 request in PEM', cause);
  }
  if (!isOnCurve(request.publicKey.rawData)) throw badRequest('its key is not of the curve P-256');
  if (!(await request.verify())) throw badRequest('it is not signed with its own key');
  return request;
}

function isOnCurve(der: ArrayBuffer): boolean {
  try {
    const key = createPublicKey({ key: Buffer.from(der), format: 'der', type: 'spki' });
    return key.asymmetricKeyDetails?.namedCurve === 'prime256v1';
  } catch {
    // Of a kind that Node does not know, or not on its curve.
    return false;
  }
}

function badRequest(what: string, cause?: unknown): TuttiError {
  return new TuttiError('invalid-argument', `the request for a certificate is refused: ${what}`, {
    cause,
  });
}

async function authorityExtensions(key: x509.PublicKeyType): Promise<readonly x509.Extension[]> {
  return [
    new x509.BasicConstraintsExtension(true, undefined, true),
    new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
    await x509.SubjectKeyIdentifierExtension.create(key),
  ];
}

async function openSigner(signer: Signer) {
  const { privateKey } = await keysOf(signer.key);
  return { privateKey, certificate: new x509.X509Certificate(signer.certificate) };
}

async function keysOf(keyPem: string): Promise<webcrypto.CryptoKeyPair> {
  const key = createPrivateKey(keyPem);
  const jwk = key.export({ format: 'jwk' });
  const { d: _, ...publicPart } = jwk;
  return {
    privateKey: await webcrypto.subtle.importKey('jwk', jwk, curve, false, ['sign']),
    publicKey: await webcrypto.subtle.importKey('jwk', publicPart, curve, true, ['verify']),
  };
}

function common({ notBefore, notAfter }: SigningTimes) {
  return {
    serialNumber: newSerial(),
    notBefore: new Date(notBefore),
    notAfter: new Date(notAfter),
    signingAlgorithm: signature,
  };
}

/** Positive and of 20 bytes, as RFC 5280 (4.1.2.2) allows at most. */
function newSerial(): string {
  const serial = randomBytes(serialBytes);
  serial[0] = ((serial[0] ?? 0) & 0x7f) | 0x40;
  return serial.toString('hex');
}

function pem(der: ArrayBuffer): string {
  const lines = base64(der).match(new RegExp(`.{1,${pemColumns}}`, 'g')) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`;
}

function base64(bytes: ArrayBuffer): string {
  return Buffer.from(bytes).toString('base64');
}

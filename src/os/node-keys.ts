import { createHash, createPublicKey, generateKeyPairSync } from 'node:crypto';
import type { NodeKeys } from '../host/node-identity.ts';
import type { PeerCertificate } from '../model/identity.ts';
import { CertificatesProcess } from './certificates-process.ts';
import { keyDigestOf, parseCertificate, readPeerCertificate } from './certificates-read.ts';

/** A key as nodes have them: ECDSA P-256, PKCS #8 in PEM. */
export function newNodeKey(): string {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return privateKey.export({ format: 'pem', type: 'pkcs8' });
}

/** The keys of this machine; requests are made by a child that is there while it is needed. */
export class MachineKeys implements NodeKeys {
  readonly #process: CertificatesProcess;

  constructor(options: {
    /** Program and arguments of the process that makes requests. */
    readonly command: readonly [string, ...string[]];
  }) {
    this.#process = new CertificatesProcess(options);
  }

  create(): string {
    return newNodeKey();
  }

  digestOf(key: string): string {
    return keyDigestOf({ publicKey: createPublicKey(key) });
  }

  digestOfText(text: string): Uint8Array {
    return createHash('sha256').update(text).digest();
  }

  async request(key: string): Promise<string> {
    return (await this.#process.ask('request', { key })).request;
  }

  read(certificate: string, roots: readonly string[]): PeerCertificate {
    const known = roots.map((pem) => ({ id: pem, certificate: pem }));
    return readPeerCertificate(parseCertificate(certificate), known);
  }

  isFor(certificate: string, address: string): boolean {
    return parseCertificate(certificate).checkIP(address) !== undefined;
  }

  close(): void {
    this.#process.close();
  }
}

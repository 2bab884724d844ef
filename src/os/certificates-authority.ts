import { createHash, timingSafeEqual } from 'node:crypto';
import type {
  Authority,
  CertifiedNode,
  MadeRoot,
  SealedSigner,
  SigningTimes,
} from '../host/authority.ts';
import { newNodeKey } from './node-keys.ts';
import type { CrossCertificateRequest, NodeCertificateRequest } from './certificates-protocol.ts';
import { CertificatesProcess } from './certificates-process.ts';
import type { SealingKey } from './certificates-seal.ts';

/** The authority of a cluster: keys are opened here for as long as a signature takes. */
export class CertificateAuthority implements Authority {
  readonly #process: CertificatesProcess;
  readonly #sealing: SealingKey;

  constructor(options: {
    /** Program and arguments of the process that makes certificates. */
    readonly command: readonly [string, ...string[]];
    readonly sealing: SealingKey;
  }) {
    this.#process = new CertificatesProcess(options);
    this.#sealing = options.sealing;
  }

  async createRoot(times: SigningTimes): Promise<MadeRoot> {
    const { key, ...made } = await this.#process.ask('root', times);
    const digest = createHash('sha256').update(made.certificate).digest();
    const sealedKey = await this.#sealing.seal(key, purposeOf(made.certificate));
    return { ...made, digest, sealedKey };
  }

  async readRequest(
    request: string,
  ): Promise<{ readonly publicKey: string; readonly keyDigest: string }> {
    const { publicKey } = await this.#process.ask('key', { request });
    const digest = createHash('sha256').update(Buffer.from(publicKey, 'base64'));
    return { publicKey, keyDigest: digest.digest('base64url') };
  }

  async issue(
    asked: CertifiedNode & SigningTimes & { readonly issuer: SealedSigner },
  ): Promise<{ readonly key: string; readonly certificate: string }> {
    const key = newNodeKey();
    const { request } = await this.#process.ask('request', { key });
    return { key, certificate: await this.signNode({ ...asked, request }) };
  }

  sameSecret(left: string, right: string): boolean {
    const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
    return timingSafeEqual(digest(left), digest(right));
  }

  /** The certificate of a node, signed by the root. */
  async signNode(
    asked: Omit<NodeCertificateRequest, 'issuer'> & { readonly issuer: SealedSigner },
  ): Promise<string> {
    const issuer = await this.#open(asked.issuer);
    return (await this.#process.ask('node', { ...asked, issuer })).certificate;
  }

  /** The key of a new root, certified by the one before it. */
  async signCross(
    asked: Omit<CrossCertificateRequest, 'issuer'> & { readonly issuer: SealedSigner },
  ): Promise<string> {
    const issuer = await this.#open(asked.issuer);
    return (await this.#process.ask('cross', { ...asked, issuer })).certificate;
  }

  async keepUnder(unlockKey: string | undefined): Promise<void> {
    await this.#sealing.keepUnder(unlockKey);
  }

  async forget(): Promise<void> {
    await this.#sealing.forget();
  }

  close(): void {
    this.#process.close();
  }

  async #open({ certificate, sealedKey }: SealedSigner) {
    return { certificate, key: await this.#sealing.unseal(sealedKey, purposeOf(certificate)) };
  }
}

/** A sealed key opens only together with the certificate that it belongs to. */
function purposeOf(certificate: string): string {
  const digest = createHash('sha256').update(certificate).digest('hex');
  return `key of the root certificate ${digest}`;
}

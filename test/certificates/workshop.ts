import { generateKeyPairSync } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CertificateAuthority } from '../../src/os/certificates-authority.ts';
import { SealingKey } from '../../src/os/certificates-seal.ts';
import { CertificatesProcess } from '../../src/os/certificates-process.ts';
import type { MadeRoot } from '../../src/host/authority.ts';
import type { NodeRole } from '../../src/model/node.ts';
import { repositoryRoot } from '../../tools/root.ts';
import { runApart, type Finished } from '../fixture/run-apart.ts';

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;
const yearMs = 365 * dayMs;

/** The child that makes certificates, as the tests start it. */
export const certificatesCommand = [
  process.execPath,
  '--disable-warning=ExperimentalWarning',
  join(repositoryRoot, 'src/main.ts'),
  'make-certificates',
] as const;

export interface NodeKey {
  /** PKCS #8 in PEM. */
  readonly key: string;
  readonly certificate: string;
}

export interface IssueOptions {
  readonly root: MadeRoot;
  readonly nodeId?: string;
  readonly role?: NodeRole;
  readonly clusterId?: string;
  readonly key?: string;
  readonly notBefore?: number;
  readonly notAfter?: number;
}

/** Authority, requests and files for tests of certificates; all of it goes at the end. */
export class Workshop implements AsyncDisposable {
  readonly authority: CertificateAuthority;
  readonly requests: CertificatesProcess;
  readonly directory: string;
  readonly now = Date.now();
  #files = 0;

  private constructor(directory: string) {
    this.directory = directory;
    const command = certificatesCommand;
    const sealing = new SealingKey(join(directory, 'sealing.key'));
    this.authority = new CertificateAuthority({ command, sealing });
    this.requests = new CertificatesProcess({ command });
  }

  static async open(): Promise<Workshop> {
    return new Workshop(await mkdtemp(join(tmpdir(), 'tutti-certificates-')));
  }

  async createRoot(): Promise<MadeRoot> {
    const { now } = this;
    return await this.authority.createRoot({
      notBefore: now - hourMs,
      notAfter: now + 20 * yearMs,
    });
  }

  /** A node's key and the certificate that the root gave it. */
  async issue(options: IssueOptions): Promise<NodeKey> {
    const key = options.key ?? newKey();
    const { request } = await this.requests.ask('request', { key });
    return { key, certificate: await this.sign(request, options) };
  }

  async sign(request: string, options: IssueOptions): Promise<string> {
    const { now } = this;
    return await this.authority.signNode({
      request,
      nodeId: options.nodeId ?? 'w1',
      role: options.role ?? 'worker',
      clusterId: options.clusterId ?? 'c1',
      notBefore: options.notBefore ?? now - hourMs,
      notAfter: options.notAfter ?? now + 90 * dayMs,
      issuer: options.root,
    });
  }

  /** The path of a new file with the texts in it. */
  async file(...texts: readonly string[]): Promise<string> {
    this.#files += 1;
    const path = join(this.directory, `${this.#files}.pem`);
    await writeFile(path, texts.join(''));
    return path;
  }

  async openssl(...parameters: readonly string[]): Promise<Finished> {
    return await runApart('openssl', parameters);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.authority.close();
    this.requests.close();
    await rm(this.directory, { recursive: true, force: true });
  }
}

/** A key as a node makes it: PKCS #8 in PEM. */
export function newKey(): string {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return privateKey.export({ format: 'pem', type: 'pkcs8' });
}

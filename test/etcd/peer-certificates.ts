import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { execFile } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { EtcdPeerFiles } from '../../src/os/etcd-flags.ts';

const run = promisify(execFile);
const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'] as const;

/** A root, and certificates of it for this machine, made by `openssl`. */
export class PeerCertificates {
  readonly #directory: string;

  private constructor(directory: string) {
    this.#directory = directory;
  }

  static async make(): Promise<PeerCertificates> {
    const made = new PeerCertificates(mkdtempSync(join(tmpdir(), 'tutti-peers-')));
    const subject = ['-subj', '/CN=swarm-ca', '-keyout', 'root.key', '-out', 'root.pem'];
    await made.#openssl(['req', '-x509', ...newKey, ...subject]);
    return made;
  }

  /** As the cluster's authority issues them, with the machine's address. */
  async issue(role: 'swarm-manager' | 'swarm-worker'): Promise<EtcdPeerFiles> {
    const [key, request, certificate] = [`${role}.key`, `${role}.csr`, `${role}.pem`];
    const extensions = `${role}.ext`;
    writeFileSync(
      join(this.#directory, extensions),
      `subjectAltName=DNS:${role},IP:127.0.0.1\nextendedKeyUsage=serverAuth,clientAuth\n`,
    );
    const subject = ['-subj', `/OU=${role}/CN=node`, '-keyout', key, '-out', request];
    await this.#openssl(['req', ...newKey, ...subject]);
    const root = ['-CA', 'root.pem', '-CAkey', 'root.key', '-CAcreateserial'];
    const result = ['-extfile', extensions, '-out', certificate];
    await this.#openssl(['x509', '-req', '-in', request, ...root, ...result]);
    return {
      keyPath: join(this.#directory, key),
      certificatePath: join(this.#directory, certificate),
      rootsPath: join(this.#directory, 'root.pem'),
    };
  }

  dispose(): void {
    rmSync(this.#directory, { recursive: true });
  }

  async #openssl(parameters: readonly string[]): Promise<void> {
    await run('openssl', parameters, { cwd: this.#directory });
  }
}

/** What `node:tls` takes of the files. */
export function readPeerFiles({ keyPath, certificatePath, rootsPath }: EtcdPeerFiles) {
  return {
    key: readFileSync(keyPath),
    cert: readFileSync(certificatePath),
    ca: readFileSync(rootsPath),
  };
}

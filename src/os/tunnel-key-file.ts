import { generateKeyPairSync } from 'node:crypto';
import { mkdir, readFile, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { TunnelKeyStore } from '../host/tunnel-key-store.ts';
import type { TunnelKeyPair, TunnelKeys } from '../model/encryption.ts';
import { replaceFile } from './replace-file.ts';

/** The keys of a node's tunnel as one JSON file, readable by its owner alone. */
export class TunnelKeyFile implements TunnelKeyStore {
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
  }

  newPair(): TunnelKeyPair {
    const { publicKey, privateKey } = generateKeyPairSync('x25519');
    const { d = '' } = privateKey.export({ format: 'jwk' });
    const { x = '' } = publicKey.export({ format: 'jwk' });
    return { privateKey: toBase64(d), publicKey: toBase64(x) };
  }

  /** Damaged ones are as good as none: a node that lost its keys gets others. */
  async load(): Promise<TunnelKeys | undefined> {
    const text = await readFile(this.#path, 'utf8').catch((error: unknown) => {
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return '';
      throw error;
    });
    try {
      return JSON.parse(text) as TunnelKeys;
    } catch {
      return undefined;
    }
  }

  async save(keys: TunnelKeys): Promise<void> {
    await mkdir(dirname(this.#path), { recursive: true, mode: 0o700 });
    await replaceFile(this.#path, `${JSON.stringify(keys)}\n`);
  }

  async forget(): Promise<void> {
    await rm(this.#path, { force: true });
  }
}

/** From base64url, as JWK has it. */
function toBase64(text: string): string {
  return Buffer.from(text, 'base64url').toString('base64');
}

import { createCipheriv, createDecipheriv, createHash, randomBytes } from 'node:crypto';
import { readFile, rm } from 'node:fs/promises';
import { TuttiError } from '../lib/error.ts';
import { replaceFile } from './replace-file.ts';

const cipherName = 'aes-256-gcm';
const keyBytes = 32;
const nonceBytes = 12;
const tagBytes = 16;
const keyIdBytes = 6;
const sealedVersion = 'sealed-1';

/**
 * The key under which a cluster's secrets are sealed, in a file of its own (mode 0600): the store,
 * its backups and its snapshots alone open nothing. `kept` says how; a locked one comes later.
 */
interface KeyFile {
  readonly kept: 'plain';
  readonly key: string;
}

/** Seals texts for the store. AES-256-GCM; what a text is for is part of what is sealed. */
export class SealingKey {
  readonly #path: string;
  #key: Buffer | undefined;

  constructor(path: string) {
    this.#path = path;
  }

  /** Seals with the key in the file, which is made where there is none. */
  async seal(text: string, purpose: string): Promise<string> {
    const key = (await this.#load()) ?? (await this.#make());
    const nonce = randomBytes(nonceBytes);
    const cipher = createCipheriv(cipherName, key, nonce).setAAD(Buffer.from(purpose));
    const sealed = Buffer.concat([
      cipher.update(text, 'utf8'),
      cipher.final(),
      cipher.getAuthTag(),
    ]);
    return [
      sealedVersion,
      keyId(key),
      ...[nonce, sealed].map((part) => part.toString('base64url')),
    ].join('.');
  }

  /**
   * @throws TuttiError `failed-precondition` where the key is missing or another one, or the text
   *   was damaged or sealed for something else.
   */
  async unseal(sealedText: string, purpose: string): Promise<string> {
    const key = await this.#load();
    if (key === undefined) throw this.#cannot(purpose, 'the key is not there');
    const [version, id, nonce = '', sealed = ''] = sealedText.split('.');
    if (version !== sealedVersion) throw this.#cannot(purpose, 'it is no sealed text');
    if (id !== keyId(key)) throw this.#cannot(purpose, `it was sealed under another key, ${id}`);
    const bytes = Buffer.from(sealed, 'base64url');
    try {
      const decipher = createDecipheriv(cipherName, key, Buffer.from(nonce, 'base64url'))
        .setAAD(Buffer.from(purpose))
        .setAuthTag(bytes.subarray(-tagBytes));
      const text = decipher.update(bytes.subarray(0, -tagBytes));
      return Buffer.concat([text, decipher.final()]).toString('utf8');
    } catch (cause) {
      throw this.#cannot(purpose, 'it is damaged, or sealed for something else', cause);
    }
  }

  async forget(): Promise<void> {
    this.#key?.fill(0);
    this.#key = undefined;
    await rm(this.#path, { force: true });
  }

  async #load(): Promise<Buffer | undefined> {
    if (this.#key !== undefined) return this.#key;
    let text: string;
    try {
      text = await readFile(this.#path, 'utf8');
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
      throw error;
    }
    this.#key = readKey(text, this.#path);
    return this.#key;
  }

  async #make(): Promise<Buffer> {
    const key = randomBytes(keyBytes);
    const file: KeyFile = { kept: 'plain', key: key.toString('base64') };
    await replaceFile(this.#path, `${JSON.stringify(file)}\n`);
    this.#key = key;
    return key;
  }

  #cannot(purpose: string, why: string, cause?: unknown): TuttiError {
    return new TuttiError('failed-precondition', `the ${purpose} cannot be opened: ${why}`, {
      hint: `Bring back ${this.#path} as it was when the cluster was made.`,
      cause,
    });
  }
}

function readKey(text: string, path: string): Buffer {
  const broken = (why: string): TuttiError =>
    new TuttiError('failed-precondition', `${path} is no sealing key: ${why}`, {
      hint: 'Bring the file back from a backup; without it the secrets of the cluster are lost.',
    });
  let file: unknown;
  try {
    file = JSON.parse(text);
  } catch {
    throw broken('it is no JSON');
  }
  if (typeof file !== 'object' || file === null || !('kept' in file) || !('key' in file)) {
    throw broken('it has no "kept" and "key"');
  }
  if (file.kept !== 'plain') throw broken(`"kept" is ${JSON.stringify(file.kept)}, not "plain"`);
  const key = Buffer.from(String(file.key), 'base64');
  if (key.length !== keyBytes) throw broken(`the key has ${key.length} bytes, not ${keyBytes}`);
  return key;
}

/** Tells keys apart without saying anything of them. */
function keyId(key: Buffer): string {
  return createHash('sha256')
    .update('sealing key')
    .update(key)
    .digest('hex')
    .slice(0, 2 * keyIdBytes);
}

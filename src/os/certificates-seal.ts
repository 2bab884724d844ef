import { randomBytes } from 'node:crypto';
import { readFile, rm } from 'node:fs/promises';
import { TuttiError } from '../lib/error.ts';
import { replaceFile } from './replace-file.ts';
import { openSealed, sealedPrefix, sealText } from './sealed-text.ts';
import { parseUnlockKey } from '../lib/unlock-key.ts';
import type { UnlockHandover } from './unlock-handover.ts';

const keyBytes = 32;
const lockedPurpose = 'sealing key';

/**
 * The key under which a cluster's secrets are sealed, in a file of its own (mode 0600): the store,
 * its backups and its snapshots alone open nothing. `kept` says how.
 */
type KeyFile =
  | { readonly kept: 'plain'; readonly key: string }
  /** Sealed under the unlock key. */
  | { readonly kept: 'locked'; readonly key: string };

/** A key that was read. It ends with the cluster. */
export interface OpenKey {
  seal(text: string, purpose: string): string;
  /** @throws TuttiError as `SealingKey.unseal` does. */
  unseal(sealedText: string, purpose: string): string;
}

/** Seals texts for the store. AES-256-GCM; what a text is for is part of what is sealed. */
export class SealingKey {
  readonly #path: string;
  #key: Buffer | undefined;
  /** The unlock key under which the file is; undefined: it is in the clear. */
  #unlockKey: string | undefined;
  #keeping: Promise<void> = Promise.resolve();

  constructor(path: string) {
    this.#path = path;
  }

  /** Seals with the key in the file, which is made where there is none. */
  async seal(text: string, purpose: string): Promise<string> {
    return (await this.openOrMake()).seal(text, purpose);
  }

  /**
   * @throws TuttiError `failed-precondition` where the key is missing or another one, or the text
   *   was damaged or sealed for something else.
   */
  async unseal(sealedText: string, purpose: string): Promise<string> {
    return (await this.open()).unseal(sealedText, purpose);
  }

  /** Seals and opens without waiting. Where there is no key yet, it is made. */
  async openOrMake(): Promise<OpenKey> {
    if ((await this.#load()) === undefined) await this.#make();
    return await this.open();
  }

  /** The same; where there is no key, it says so to whoever opens something. */
  async open(): Promise<OpenKey> {
    await this.#load();
    return {
      seal: (text, purpose) => sealText(this.#here(purpose), text, purpose),
      unseal: (sealedText, purpose) => {
        const opened = openSealed(this.#here(purpose), sealedText, purpose);
        if ('text' in opened) return opened.text;
        throw this.#cannot(purpose, opened.why, opened.cause);
      },
    };
  }

  /** Whether nothing is opened before `unlock`. */
  async isLocked(): Promise<boolean> {
    if (this.#key !== undefined) return false;
    const text = await this.#read();
    return text !== undefined && parseKeyFile(text, this.#path).kept === 'locked';
  }

  /** @throws TuttiError `unauthenticated` where it is another key, or none. */
  async unlock(unlockKey: string): Promise<void> {
    const text = await this.#read();
    const file = text === undefined ? undefined : parseKeyFile(text, this.#path);
    if (file?.kept !== 'locked') return;
    const bytes = parseUnlockKey(unlockKey);
    const opened = bytes && openSealed(Buffer.from(bytes), file.key, lockedPurpose);
    if (opened === undefined || !('text' in opened)) {
      throw new TuttiError('unauthenticated', 'swarm could not be unlocked: invalid key provided');
    }
    this.#key = Buffer.from(opened.text, 'base64');
    this.#unlockKey = unlockKey.trim();
  }

  /** Gives the unlock key, where there is one, to the process that follows this one. */
  async handOver(to: UnlockHandover): Promise<void> {
    if (this.#unlockKey !== undefined) await to.give(this.#unlockKey);
  }

  /** Unlocks with what the process before this one gave. */
  async takeOver(from: UnlockHandover): Promise<void> {
    const unlockKey = await from.take();
    if (unlockKey !== undefined) await this.unlock(unlockKey);
  }

  /** Keeps the file under an unlock key, or in the clear; writes nothing where it is so. */
  async keepUnder(unlockKey: string | undefined): Promise<void> {
    // Who answers for a change and who hears of it come at the same time: one after the other.
    const kept = this.#keeping.then(async () => {
      if ((await this.#load()) === undefined || unlockKey === this.#unlockKey) return;
      await this.#keep(this.#here('sealing key'), unlockKey);
    });
    this.#keeping = kept.catch(() => undefined);
    await kept;
  }

  /** The key itself, for backups alone; made where there is none. */
  async material(): Promise<Buffer> {
    if ((await this.#load()) === undefined) await this.#make();
    return Buffer.from(this.#here('sealing key'));
  }

  /**
   * Takes the key of a backup.
   *
   * @throws TuttiError `failed-precondition` where there is another already.
   */
  async adopt(key: Buffer): Promise<void> {
    const own = await this.#load();
    if (own === undefined) await this.#keep(key, undefined);
    else if (!own.equals(key)) {
      throw new TuttiError('failed-precondition', `${this.#path} is of another cluster`, {
        hint: 'Move it away; it opens the snapshots of that cluster.',
      });
    }
  }

  async forget(): Promise<void> {
    this.#key?.fill(0);
    this.#key = undefined;
    await rm(this.#path, { force: true });
  }

  async #load(): Promise<Buffer | undefined> {
    if (this.#key !== undefined) return this.#key;
    const text = await this.#read();
    if (text === undefined) return undefined;
    const file = parseKeyFile(text, this.#path);
    if (file.kept === 'locked') {
      throw new TuttiError('failed-precondition', `${this.#path} is locked`, {
        hint: 'Unlock it with the unlock key of its cluster.',
      });
    }
    this.#key = Buffer.from(file.key, 'base64');
    return this.#key;
  }

  async #read(): Promise<string | undefined> {
    try {
      return await readFile(this.#path, 'utf8');
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
      throw error;
    }
  }

  async #make(): Promise<void> {
    await this.#keep(randomBytes(keyBytes), undefined);
  }

  async #keep(key: Buffer, unlockKey: string | undefined): Promise<void> {
    const text = key.toString('base64');
    const bytes = unlockKey === undefined ? undefined : parseUnlockKey(unlockKey);
    const file: KeyFile =
      bytes === undefined
        ? { kept: 'plain', key: text }
        : { kept: 'locked', key: sealText(Buffer.from(bytes), text, lockedPurpose) };
    await replaceFile(this.#path, `${JSON.stringify(file)}\n`);
    this.#key = key;
    this.#unlockKey = unlockKey;
  }

  #here(purpose: string): Buffer {
    if (this.#key === undefined) throw this.#cannot(purpose, 'the key is not there');
    return this.#key;
  }

  #cannot(purpose: string, why: string, cause?: unknown): TuttiError {
    return new TuttiError('failed-precondition', `the ${purpose} cannot be opened: ${why}`, {
      hint: `Bring back ${this.#path} as it was when the cluster was made.`,
      cause,
    });
  }
}

function parseKeyFile(text: string, path: string): KeyFile {
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
  const key = String(file.key);
  if (file.kept === 'locked') {
    if (key.startsWith(sealedPrefix)) return { kept: 'locked', key };
    throw broken('its key is not sealed');
  }
  if (file.kept !== 'plain') {
    throw broken(`"kept" is ${JSON.stringify(file.kept)}, not "plain" or "locked"`);
  }
  const { length } = Buffer.from(key, 'base64');
  if (length !== keyBytes) throw broken(`the key has ${length} bytes, not ${keyBytes}`);
  return { kept: 'plain', key };
}

import { mkdir, readFile, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { IdentityDisk, NodeIdentity } from '../host/node-identity.ts';
import { TuttiError } from '../lib/error.ts';
import { replaceFile } from './replace-file.ts';

/**
 * A node's identity as one file that only its owner reads, replaced as a whole: key, certificate
 * and roots can never be of different ages.
 */
export class NodeIdentityFile implements IdentityDisk {
  readonly #path: string;
  /** One change at a time, in the order in which they were asked for: the last one counts. */
  #changing: Promise<void> = Promise.resolve();

  constructor(path: string) {
    this.#path = path;
  }

  /** @throws TuttiError `failed-precondition` where the file is damaged. */
  async load(): Promise<NodeIdentity | undefined> {
    let text: string;
    try {
      text = await readFile(this.#path, 'utf8');
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
      throw error;
    }
    const identity = parse(text);
    if (identity !== undefined) return identity;
    throw new TuttiError('failed-precondition', `${this.#path} is no identity of a node`, {
      hint: 'Bring it back from a backup, or remove the file and join the cluster anew.',
    });
  }

  async save(identity: NodeIdentity): Promise<void> {
    await this.#change(async () => {
      await mkdir(dirname(this.#path), { recursive: true, mode: 0o700 });
      await replaceFile(this.#path, `${JSON.stringify(identity)}\n`);
    });
  }

  async forget(): Promise<void> {
    await this.#change(async () => await rm(this.#path, { force: true }));
  }

  async #change(make: () => Promise<void>): Promise<void> {
    const changed = this.#changing.then(make);
    this.#changing = changed.catch(() => undefined);
    await changed;
  }
}

function parse(text: string): NodeIdentity | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof value !== 'object' || value === null) return undefined;
  if (!('nodeId' in value && 'key' in value)) return undefined;
  const isWhole = typeof value.nodeId === 'string' && typeof value.key === 'string';
  if (!isWhole || ('membership' in value && !isMembership(value.membership))) return undefined;
  return value as NodeIdentity;
}

function isMembership(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return 'certificate' in value && 'roots' in value && 'managers' in value && 'address' in value;
}

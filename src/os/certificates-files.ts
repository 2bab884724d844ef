import { mkdir, readFile, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { TuttiError } from '../lib/error.ts';
import { replaceFile } from './replace-file.ts';

/** What a node is by: its key, and what the cluster said of it. */
export interface NodeIdentity {
  readonly nodeId: string;
  /** PKCS #8 in PEM; made on this node, and it never leaves it. */
  readonly key: string;
  /** What the cluster gave; absent while the node asks to join. */
  readonly membership?: {
    readonly clusterId: string;
    /** The node's certificate and, behind it, what leads from older roots to its own. PEM. */
    readonly certificate: string;
    /** The roots that the node believes. PEM. */
    readonly roots: readonly string[];
  };
}

/**
 * A node's identity as one file that only its owner reads, replaced as a whole: key, certificate
 * and roots can never be of different ages.
 */
export class NodeIdentityFile {
  readonly #path: string;

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
    await mkdir(dirname(this.#path), { recursive: true, mode: 0o700 });
    await replaceFile(this.#path, `${JSON.stringify(identity)}\n`);
  }

  async forget(): Promise<void> {
    await rm(this.#path, { force: true });
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
  return isWhole ? (value as NodeIdentity) : undefined;
}

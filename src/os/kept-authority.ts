import { readFile } from 'node:fs/promises';
import type { AuthorityDisk, KeptAuthority } from '../host/authority.ts';
import { TuttiError } from '../lib/error.ts';
import { replaceFile } from './replace-file.ts';

/** Roots of a cluster in a file beside its store, replaced as a whole. */
export class KeptAuthorityFile implements AuthorityDisk {
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
  }

  /** @throws TuttiError `failed-precondition` where the file is damaged. */
  async load(): Promise<KeptAuthority | undefined> {
    try {
      const kept = JSON.parse(await readFile(this.#path, 'utf8')) as Partial<KeptAuthority>;
      const { clusterId, certificateExpiryMs, roots } = kept;
      if (clusterId === undefined || certificateExpiryMs === undefined || !Array.isArray(roots)) {
        throw new Error('it is not whole');
      }
      return { clusterId, certificateExpiryMs, roots };
    } catch (cause) {
      if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return undefined;
      const { message } = TuttiError.from(cause);
      throw new TuttiError('failed-precondition', `${this.#path} cannot be read: ${message}`, {
        hint: 'Remove it; the manager writes it again once its store answers.',
        cause,
      });
    }
  }

  async save(kept: KeptAuthority): Promise<void> {
    await replaceFile(this.#path, `${JSON.stringify(kept)}\n`);
  }
}

import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { closeInMemory, openInMemory } from './memory-directory.ts';

/**
 * Gives the unlock key from a manager that ends for its next process to that one, so that nobody is
 * asked for it in the middle of what a person began. It is in memory, for the seconds between.
 */
export class UnlockHandover {
  readonly #directory: string;

  constructor(directory: string) {
    this.#directory = directory;
  }

  async give(unlockKey: string): Promise<void> {
    await openInMemory(this.#directory);
    await writeFile(this.#path, unlockKey, { mode: 0o600 });
  }

  /** Leaves nothing; undefined where nobody gave one. */
  async take(): Promise<string | undefined> {
    try {
      return await readFile(this.#path, 'utf8');
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
      throw error;
    } finally {
      await rm(this.#path, { force: true });
      await closeInMemory(this.#directory);
    }
  }

  get #path(): string {
    return join(this.#directory, 'unlock-key');
  }
}

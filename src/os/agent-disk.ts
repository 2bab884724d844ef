import { readFile } from 'node:fs/promises';
import type { AgentDisk, AgentState } from '../host/agent-disk.ts';
import { TuttiError } from '../lib/error.ts';
import { replaceFile } from './replace-file.ts';

/**
 * The agent's state as one JSON file, replaced as a whole (write, fsync, rename, fsync of the
 * directory).
 */
export class FileAgentDisk implements AgentDisk {
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
  }

  async load(): Promise<AgentState | undefined> {
    let text: string;
    try {
      text = await readFile(this.#path, 'utf8');
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
      throw error;
    }
    try {
      return JSON.parse(text) as AgentState;
    } catch (error) {
      throw new TuttiError('failed-precondition', `${this.#path} is not readable as JSON`, {
        hint: 'Move the file away: the node then joins as a new one.',
        cause: error,
      });
    }
  }

  async save(state: AgentState): Promise<void> {
    await replaceFile(this.#path, JSON.stringify(state));
  }
}

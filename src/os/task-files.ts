import { chown, mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TaskFile, TaskFiles } from '../host/task-files.ts';
import { closeInMemory, openInMemory } from './memory-directory.ts';

/** Files of tasks in memory: a directory for each task, below one that is closed to others. */
export class DirectoryTaskFiles implements TaskFiles {
  readonly #directory: string;
  #opened: Promise<void> | undefined;

  constructor(directory: string) {
    this.#directory = directory;
  }

  async write(taskId: string, files: readonly TaskFile[]): Promise<ReadonlyMap<string, string>> {
    this.#opened ??= openInMemory(this.#directory);
    await this.#opened.catch((error: unknown) => {
      this.#opened = undefined;
      throw error;
    });
    const directory = join(this.#directory, taskId);
    await rm(directory, { recursive: true, force: true });
    await mkdir(directory, { mode: 0o700 });
    const paths = new Map<string, string>();
    for (const file of files) {
      const path = join(directory, file.name);
      await writeFile(path, file.content, { mode: file.mode, flag: 'wx' });
      await chown(path, file.uid, file.gid);
      paths.set(file.name, path);
    }
    return paths;
  }

  async remove(taskId: string): Promise<void> {
    await rm(join(this.#directory, taskId), { recursive: true, force: true });
  }

  /** Leaves nothing behind where no task has files; otherwise all stays as it is. */
  async close(): Promise<void> {
    if ((await this.list()).length > 0) return;
    await closeInMemory(this.#directory);
  }

  async list(): Promise<readonly string[]> {
    try {
      return await readdir(this.#directory);
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
      throw error;
    }
  }
}

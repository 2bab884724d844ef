import { chown, mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TaskFile, TaskFiles } from '../host/task-files.ts';

/**
 * Files of tasks below one directory of a tmpfs, a directory for each task, closed to everybody
 * else.
 */
export class DirectoryTaskFiles implements TaskFiles {
  readonly #directory: string;

  constructor(directory: string) {
    this.#directory = directory;
  }

  async write(taskId: string, files: readonly TaskFile[]): Promise<ReadonlyMap<string, string>> {
    await mkdir(this.#directory, { recursive: true, mode: 0o700 });
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

  async list(): Promise<readonly string[]> {
    try {
      return await readdir(this.#directory);
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
      throw error;
    }
  }
}

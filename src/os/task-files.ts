import { execFile } from 'node:child_process';
import { chown, mkdir, readdir, rm, rmdir, statfs, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import type { TaskFile, TaskFiles } from '../host/task-files.ts';
import { TuttiError } from '../lib/error.ts';

const run = promisify(execFile);
/** statfs(2): file systems that live in memory, tmpfs and ramfs. */
const memoryFileSystems: readonly number[] = [0x01_02_19_94, 0x85_84_58_f6];

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
    // Where it is no mount of its own, there is nothing to unmount.
    await run('umount', [this.#directory]).catch(() => undefined);
    for (const directory of [this.#directory, dirname(this.#directory)]) {
      // Another daemon of this machine may have its directory beside ours.
      await rmdir(directory).catch(() => undefined);
    }
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

/**
 * A directory on `/run`, which is a tmpfs nearly everywhere; elsewhere a tmpfs is mounted on it.
 */
async function openInMemory(directory: string): Promise<void> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const { type } = await statfs(directory);
  if (memoryFileSystems.includes(type)) return;
  const options = ['-t', 'tmpfs', '-o', 'mode=0700,nosuid,nodev,noexec', 'tmpfs', directory];
  await run('mount', options).catch((error: unknown) => {
    const message = `${directory} is not in memory, and no tmpfs can be mounted on it`;
    throw new TuttiError('failed-precondition', `${message}: ${TuttiError.from(error).message}`, {
      hint: 'Secrets are kept off disks: mount a tmpfs on /run.',
      cause: error,
    });
  });
}

import { execFile } from 'node:child_process';
import { mkdir, rmdir, statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import { promisify } from 'node:util';
import { TuttiError } from '../lib/error.ts';

const run = promisify(execFile);
/** statfs(2): file systems that live in memory, tmpfs and ramfs. */
const memoryFileSystems: readonly number[] = [0x01_02_19_94, 0x85_84_58_f6];

/**
 * A directory on `/run`, which is a tmpfs nearly everywhere; elsewhere a tmpfs is mounted on it.
 */
export async function openInMemory(directory: string): Promise<void> {
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

/** Removes it where it is empty, and what it is in where that is empty then. */
export async function closeInMemory(directory: string): Promise<void> {
  // Where it is no mount of its own, there is nothing to unmount.
  await run('umount', [directory]).catch(() => undefined);
  for (const one of [directory, dirname(directory)]) {
    // Another daemon of this machine may have its directory beside ours.
    await rmdir(one).catch(() => undefined);
  }
}

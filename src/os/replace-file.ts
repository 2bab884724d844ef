import { open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';

/**
 * Replaces a file as a whole, readable by its owner alone: whoever reads it, also after a power
 * loss, finds the old content or the new one (write, fsync, rename, fsync of the directory). Where
 * it fails, nothing new is left.
 *
 * @param check Looks at the new file before it takes the place of the old one.
 */
export async function replaceFile(
  path: string,
  content: string | AsyncIterable<Uint8Array>,
  check: (path: string) => Promise<void> = async () => undefined,
): Promise<void> {
  const temporary = `${path}.new`;
  try {
    const file = await open(temporary, 'w', 0o600);
    try {
      // An older file with other rights may lie there.
      await file.chmod(0o600);
      await file.writeFile(content);
      await file.sync();
    } finally {
      await file.close();
    }
    await check(temporary);
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  await syncDirectory(dirname(path));
}

/** Names that appeared in a directory, or went, are so also after a power loss. */
export async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { rm, rmdir } from 'node:fs/promises';

/**
 * What container engines and daemons make in fixed places of a machine, the inner before the outer.
 */
const fixedPlaces = [
  '/etc/docker/key.json',
  '/etc/docker',
  '/run/docker/plugins',
  '/run/docker',
  '/run/containerd/s',
  '/run/containerd',
  '/run/tutti',
  '/run/tutti-playground',
  '/var/lib/tutti-playground',
];

/**
 * Remembers which fixed places are not there yet; the answer removes those, where they are empty
 * and no other host has its own there: the kernel would take that away with the folder.
 */
export function rememberFixedPlaces(): () => Promise<void> {
  const absent = fixedPlaces.filter((path) => !existsSync(path));
  return async () => {
    for (const path of absent) {
      if (isMountedSomewhere(path)) continue;
      if (path.endsWith('.json')) await rm(path, { force: true });
      else await rmdir(path).catch(keepFolder);
    }
  };
}

function isMountedSomewhere(path: string): boolean {
  const pids = readdirSync('/proc').filter((entry) => /^\d+$/.test(entry));
  return pids.some((pid) => readMounts(pid).includes(` ${path} `));
}

function readMounts(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/mountinfo`, 'utf8');
  } catch {
    // It ended between the list and the look.
    return '';
  }
}

/** A folder that is gone needs nothing, and one that is not empty belongs to somebody. */
function keepFolder(): void {}

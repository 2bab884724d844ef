import type { PlaygroundMachine } from '../host/playground-machine.ts';
import type { PlaygroundState } from './state.ts';

const root = '/sys/fs/cgroup';
const attempts = 100;
const retryMs = 20;

/** The cgroup, in every hierarchy, below which all of a playground stand. */
function cgroupOf({ id }: Pick<PlaygroundState, 'id'>): string {
  return `tutti-playground-${id}`;
}

/** The cgroup of a host, as container engines take it. */
export function hostCgroup(state: Pick<PlaygroundState, 'id'>, host: string): string {
  return `/${cgroupOf(state)}/${host}`;
}

/**
 * Removes what is left of the cgroups of a host that has no power, or of a whole playground.
 * Returns those that are still there.
 */
export async function removeCgroups(
  machine: Pick<PlaygroundMachine, 'clock' | 'listDirectory' | 'removeEmptyDirectory'>,
  state: Pick<PlaygroundState, 'id'>,
  host?: string,
): Promise<readonly string[]> {
  const below = host === undefined ? `/${cgroupOf(state)}` : hostCgroup(state, host);
  // The one hierarchy of cgroups v2, and those of v1 side by side.
  const hierarchies = ['', ...(await machine.listDirectory(root)).map((name) => `/${name}`)];
  const left: string[] = [];
  for (const hierarchy of hierarchies) {
    left.push(...(await removeBelow(machine, `${root}${hierarchy}${below}`)));
  }
  return left;
}

async function removeBelow(
  machine: Pick<PlaygroundMachine, 'clock' | 'listDirectory' | 'removeEmptyDirectory'>,
  path: string,
): Promise<readonly string[]> {
  for (let attempt = 0; attempt < attempts; attempt += 1) {
    if (await tryRemove(machine, path)) return [];
    // The kernel lets go of processes that are over a moment later.
    await machine.clock.sleep(retryMs);
  }
  return [path];
}

/** The inner before the outer; what is no cgroup in there cannot be removed, and goes with them. */
async function tryRemove(
  machine: Pick<PlaygroundMachine, 'listDirectory' | 'removeEmptyDirectory'>,
  path: string,
): Promise<boolean> {
  if (await machine.removeEmptyDirectory(path)) return true;
  for (const name of await machine.listDirectory(path)) {
    await tryRemove(machine, `${path}/${name}`);
  }
  return await machine.removeEmptyDirectory(path);
}

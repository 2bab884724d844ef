import { readdir, readFile } from 'node:fs/promises';
import { basename } from 'node:path';

/**
 * Kills what runs of containers although their engine says that they do not run: a `dockerd` that
 * is killed while it starts a container forgets that containerd has started it, and can neither
 * start nor stop it any more; one that ends containers when it comes back may lose some on the way.
 * A container's first process and its shim go; containerd then clears away the rest. Returns
 * whether something ran.
 */
export async function endLostShims(containerIds: readonly string[]): Promise<boolean> {
  const shims = await findShims(new Set(containerIds));
  for (const shim of shims) {
    for (const child of await childrenOf(shim)) kill(child);
    kill(shim);
  }
  return shims.length > 0;
}

async function findShims(containerIds: ReadonlySet<string>): Promise<readonly number[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number);
  const commands = await Promise.all(
    pids.map(async (pid) => ({ pid, words: (await readProcess(pid, 'cmdline')).split('\0') })),
  );
  return commands.filter(({ words }) => isShimOf(words, containerIds)).map(({ pid }) => pid);
}

/** `containerd-shim-runc-v2 -namespace moby -id <container> …`. */
function isShimOf(words: readonly string[], containerIds: ReadonlySet<string>): boolean {
  const [program = ''] = words;
  const isShim = basename(program).startsWith('containerd-shim');
  return isShim && containerIds.has(words[words.indexOf('-id') + 1] ?? '');
}

async function childrenOf(pid: number): Promise<readonly number[]> {
  const children = await readProcess(pid, `task/${pid}/children`);
  return children
    .split(' ')
    .filter((word) => word !== '')
    .map(Number);
}

/** Empty for a process that has ended meanwhile. */
async function readProcess(pid: number, file: string): Promise<string> {
  return readFile(`/proc/${pid}/${file}`, 'utf8').catch(() => '');
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It ended by itself.
  }
}

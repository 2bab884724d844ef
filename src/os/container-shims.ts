import { readdir, readFile } from 'node:fs/promises';
import { basename } from 'node:path';

/**
 * Kills what runs of a container although its engine says that it never ran: a `dockerd` that is
 * killed while it starts a container forgets that containerd has started it, and can neither start
 * nor stop it any more. The container's first process and its shim go; containerd then clears away
 * the rest. Returns whether there was any.
 */
export async function endLostShim(containerId: string): Promise<boolean> {
  const shims = await findShims(containerId);
  for (const shim of shims) {
    for (const child of await childrenOf(shim)) kill(child);
    kill(shim);
  }
  return shims.length > 0;
}

async function findShims(containerId: string): Promise<readonly number[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number);
  const commands = await Promise.all(
    pids.map(async (pid) => ({ pid, words: (await readProcess(pid, 'cmdline')).split('\0') })),
  );
  return commands.filter(({ words }) => isShimOf(words, containerId)).map(({ pid }) => pid);
}

/** `containerd-shim-runc-v2 -namespace moby -id <container> …`. */
function isShimOf(words: readonly string[], containerId: string): boolean {
  const [program = ''] = words;
  const isShim = basename(program).startsWith('containerd-shim');
  return isShim && words[words.indexOf('-id') + 1] === containerId;
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

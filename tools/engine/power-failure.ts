import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { runProgram } from '../bootstrap/run.mjs';
import { unmountBelow } from './leftovers.ts';

const pollMs = 20;
const forwardingFile = '/proc/sys/net/ipv4/ip_forward';
/** As it is where no engine has started yet: one that finds it off sets a policy besides. */
const forwarding = readFileSync(forwardingFile, 'utf8');

/** Kills the shims of an engine's containerd with everything that runs below them. */
export async function endContainers(runDirectory: string): Promise<void> {
  const parents = new Map(processIds().map((pid) => [pid, parentOf(pid)]));
  const isBelow = (pid: string | undefined): boolean =>
    pid !== undefined && (isShim(pid, runDirectory) || isBelow(parents.get(pid)));
  const doomed = [...parents.keys()].filter(isBelow);
  for (const pid of doomed) kill(pid);
  while (doomed.some((pid) => existsSync(`/proc/${pid}/exe`))) await sleep(pollMs);
}

/** What the kernel holds of an engine that had no time to take it back: mounts, links, rules. */
export async function clearMemory(directories: readonly string[]): Promise<void> {
  for (const directory of directories) await unmountBelow(directory);
  for (const link of readdirSync('/sys/class/net')) {
    // The far ends of veth pairs go with the near ones, or with their namespaces.
    if (link !== 'lo') await runProgram('ip', ['link', 'delete', link]);
  }
  await runProgram('nft', ['flush', 'ruleset']);
  writeFileSync(forwardingFile, forwarding);
}

function processIds(): readonly string[] {
  return readdirSync('/proc').filter((entry) => /^\d+$/.test(entry));
}

function isShim(pid: string, runDirectory: string): boolean {
  const [program, ...words] = readProcess(pid, 'cmdline').split('\0');
  const isProgram = program?.includes('containerd-shim') === true;
  return isProgram && words.some((word) => word.startsWith(`${runDirectory}/`));
}

function parentOf(pid: string): string | undefined {
  // The name of the program stands in brackets and may contain anything.
  return readProcess(pid, 'stat').split(') ').at(-1)?.split(' ')[1];
}

function kill(pid: string): void {
  try {
    process.kill(Number(pid), 'SIGKILL');
  } catch {
    // It ended between the list and the kill.
  }
}

function readProcess(pid: string, file: 'stat' | 'cmdline'): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8');
  } catch {
    // It ended between the list and the look.
    return '';
  }
}

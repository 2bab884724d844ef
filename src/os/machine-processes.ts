import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import type { MachineProcess, NamespaceKind } from '../host/playground-machine.ts';

/**
 * All processes of this machine (proc(5)) that are not over; what vanishes on the way is left out.
 */
export function listProcesses(variables: readonly string[]): readonly MachineProcess[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => readOne(Number(name), variables));
}

export function hasProcess(pid: number): boolean {
  return existsSync(`/proc/${pid}`);
}

export function childrenOf(pid: number): readonly number[] {
  return readOf(pid, `task/${pid}/children`)
    .split(' ')
    .filter((word) => word !== '')
    .map(Number);
}

/** Undefined for a process that is gone. */
export function namespaceOf(pid: number | 'self', kind: NamespaceKind): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/ns/${kind}`);
  } catch {
    // It ended, or it is over and waits to be cleared away.
    return undefined;
  }
}

function readOne(pid: number, variables: readonly string[]): readonly MachineProcess[] {
  const words = readOf(pid, 'cmdline').split('\0').slice(0, -1);
  const pidNamespace = namespaceOf(pid, 'pid');
  // Threads of the kernel have no command line, and neither has what is over.
  if (words.length === 0 || pidNamespace === undefined) return [];
  const status = readOf(pid, 'status');
  const innerPids = fieldOf(status, 'NSpid').split(/\s+/);
  return [
    {
      pid,
      parentPid: Number(fieldOf(status, 'PPid')),
      innerPid: Number(innerPids.at(-1)),
      pidNamespace,
      isStopped: fieldOf(status, 'State').startsWith('T'),
      words,
      environment: pick(readOf(pid, 'environ'), variables),
    },
  ];
}

function pick(environ: string, variables: readonly string[]): Readonly<Record<string, string>> {
  if (variables.length === 0) return {};
  const picked: Record<string, string> = {};
  for (const entry of environ.split('\0')) {
    const at = entry.indexOf('=');
    const name = entry.slice(0, at);
    if (variables.includes(name)) picked[name] = entry.slice(at + 1);
  }
  return picked;
}

function fieldOf(status: string, name: string): string {
  const line = status.split('\n').find((one) => one.startsWith(`${name}:`)) ?? '';
  return line.slice(name.length + 1).trim();
}

function readOf(pid: number, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8');
  } catch {
    // It ended between the list and the look.
    return '';
  }
}

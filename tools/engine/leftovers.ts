import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { runProgram } from '../bootstrap/run.mjs';
import { requestEngine } from './engine-request.ts';

const pollMs = 20;
/** Networks that every engine has. */
const builtInNetworks = new Set(['bridge', 'host', 'none']);

/** Removes all containers, all volumes, and all networks of somebody's making. */
export async function emptyEngine(socketPath: string): Promise<void> {
  const containers = await list(socketPath, '/containers/json?all=1');
  await Promise.all(
    containers.map(({ Id }) => remove(socketPath, `/containers/${Id}?force=1&v=1`)),
  );
  const networks = await list(socketPath, '/networks');
  for (const { Id, Name } of networks) {
    if (!builtInNetworks.has(Name ?? '')) await remove(socketPath, `/networks/${Id}`);
  }
  const { body } = await requestEngine(socketPath, { path: '/volumes' });
  const { Volumes } = JSON.parse(body) as { readonly Volumes: readonly Volume[] | null };
  for (const { Name } of Volumes ?? []) await remove(socketPath, `/volumes/${Name}`);
}

interface Listed {
  readonly Id: string;
  readonly Name?: string;
}

interface Volume {
  readonly Name: string;
}

async function list(socketPath: string, path: string): Promise<readonly Listed[]> {
  const { body } = await requestEngine(socketPath, { path });
  return JSON.parse(body) as readonly Listed[];
}

async function remove(socketPath: string, path: string): Promise<void> {
  const { status, body } = await requestEngine(socketPath, { method: 'DELETE', path });
  // What is already gone is gone.
  if (status >= 400 && status !== 404) {
    throw new Error(`The container engine answered ${status} to DELETE ${path}: ${body}`);
  }
}

/**
 * Ends the engine of a directory that nobody holds any more. The containers stay, for the next
 * engine to adopt and remove.
 */
export async function endForgottenEngine(runDirectory: string): Promise<void> {
  await endProcesses(`--pidfile=${runDirectory}/`);
}

/** The same for its containerd. */
export async function endForgottenContainerd(runDirectory: string): Promise<void> {
  await endProcesses(`--address=${runDirectory}/`);
}

async function endProcesses(parameter: string): Promise<void> {
  const pids = readdirSync('/proc').filter(
    (entry) => /^\d+$/.test(entry) && commandLine(entry).some((word) => word.startsWith(parameter)),
  );
  for (const pid of pids) process.kill(Number(pid), 'SIGKILL');
  while (pids.some((pid) => existsSync(`/proc/${pid}/exe`))) await sleep(pollMs);
}

function commandLine(pid: string): readonly string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
  } catch {
    // It ended between the list and the look.
    return [];
  }
}

/** Unmounts whatever is mounted below a directory, the innermost first. */
export async function unmountBelow(directory: string): Promise<void> {
  const mountPoints = readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .map((line) => line.split(' ')[4] ?? '')
    .filter((mountPoint) => mountPoint.startsWith(`${directory}/`));
  for (const mountPoint of mountPoints.toReversed()) await runProgram('umount', [mountPoint]);
}

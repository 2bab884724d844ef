import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Readable, Writable } from 'node:stream';
import { text } from 'node:stream/consumers';
import type { TestPlayground } from '../../test/fixture/test-playground.ts';

export type Running = ChildProcessByStdio<Writable, Readable, null>;

/** A container, as the engine of its host has it. */
export interface Placed {
  readonly host: string;
  readonly id: string;
  /** In the process namespace of its host. */
  readonly pid: number;
  /** On the network that was asked for. */
  readonly address: string;
}

/** The container of a service that runs on a host, and its address on a network of the cluster. */
export async function containerOf(
  playground: TestPlayground,
  of: { readonly host: string; readonly service: string; readonly networkId: string },
): Promise<Placed> {
  const { host, service, networkId } = of;
  const filter = `label=com.docker.swarm.service.name=${service}`;
  const id = await playground.engine(host, 'ps', '--quiet', '--filter', filter);
  if (id === '' || id.includes('\n')) throw new Error(`not one container of ${service} on ${host}`);
  const format = `{{.State.Pid}} {{(index .NetworkSettings.Networks "${networkId}").IPAddress}}`;
  const inspected = await playground.engine(host, 'inspect', `--format=${format}`, id);
  const [pid = '', address = ''] = inspected.split(' ');
  return { host, id, pid: Number(pid), address };
}

/** Starts a program of this machine in the network of a host, or of a container on it. */
export function startIn(
  playground: TestPlayground,
  where: { readonly host: string; readonly pid?: number },
  command: readonly string[],
): Running {
  const { init } = playground.host(where.host).pids;
  const host = [`--target=${init}`, '--net', '--mount', '--uts', '--pid', '--'];
  const inside = where.pid === undefined ? [] : ['nsenter', '-t', String(where.pid), '-n', '--'];
  // Whoever enters the processes of a host does it with a child, which ends with it.
  const withParent = ['setpriv', '--pdeathsig', 'KILL'];
  const parameters = [...host, ...withParent, ...inside, ...command];
  return spawn('setpriv', ['--pdeathsig', 'KILL', 'nsenter', ...parameters], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
}

/** What a program wrote; it must succeed. */
export async function outputOf(child: Running, what: string): Promise<string> {
  const [output, [code]] = await Promise.all([
    text(child.stdout),
    once(child, 'close') as Promise<[number | null]>,
  ]);
  if (code !== 0) throw new Error(`${what} ended with ${code}: ${output}`);
  return output;
}

export async function endOf(child: Running): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'close');
  child.kill('SIGKILL');
  await ended;
}

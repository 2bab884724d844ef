import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, type FSWatcher, watch } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { dirname } from 'node:path';
import { createInterface } from 'node:readline';
import type { NetworkDuties } from '../host/caretaker.ts';
import type { PortForward } from '../host/network-devices.ts';
import { listenPrivately } from './unix-socket.ts';

/** A start takes a second on a busy machine. */
const startLimitMs = 10_000;
const answerLimitMs = 1_000;
const relieved = 'relieved';
const ready = 'ready';

/** What a caretaker says of itself to the next daemon, whichever version that has. */
interface Greeting {
  /** Network and port, where names are answered. */
  readonly names: readonly (readonly [string, number])[];
  /** `tcp/8080` */
  readonly ports: readonly string[];
}

/** Who answers on this machine while no daemon does. */
export interface Caretaker {
  /** The port where names of a network are answered. */
  portOf(networkId: string): number | undefined;
  holds(forward: Pick<PortForward, 'protocol' | 'port'>): boolean;
  /** It is needed no more. */
  relieve(): void;
}

/**
 * Starts a process that answers beside this one, and after it; resolves to whether it does.
 *
 * @param options.command Program and arguments of a caretaker.
 */
export async function startCaretaker(
  duties: NetworkDuties,
  { command }: { readonly command: readonly [string, ...string[]] },
): Promise<boolean> {
  const [program, ...parameters] = command;
  const child = spawn(program, parameters, {
    detached: true,
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    serialization: 'advanced',
  });
  child.send(duties);
  const answers = await untilReady(child);
  if (answers) child.disconnect();
  else child.kill('SIGKILL');
  child.unref();
  return answers;
}

async function untilReady(child: ChildProcess): Promise<boolean> {
  const signal = AbortSignal.timeout(startLimitMs);
  const over = once(child, 'exit', { signal }).then(() => false);
  const told = once(child, 'message', { signal }).then(([said]) => said === ready);
  return await Promise.race([over, told]).catch(() => false);
}

/** In a caretaker: what the daemon leaves to it. */
export async function receiveDuties(): Promise<NetworkDuties> {
  const [duties] = (await once(process, 'message')) as [NetworkDuties];
  return duties;
}

/**
 * In a caretaker: tells the daemon that it answers, and the next one what; resolves when that one
 * does, or with the signal.
 */
export async function untilRelieved(
  { names, forwards }: NetworkDuties,
  { socketPath, signal }: { readonly socketPath: string; readonly signal: AbortSignal },
): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const greeting: Greeting = {
    names: names.map(({ networkId, port }) => [networkId, port]),
    ports: forwards.map(keyOf),
  };
  const server = createServer((socket) => {
    socket.on('error', () => socket.destroy());
    socket.write(`${JSON.stringify(greeting)}\n`);
    createInterface(socket).on('line', (line) => {
      if (line === relieved) resolve();
    });
  });
  await listenPrivately(server, socketPath);
  signal.addEventListener('abort', () => resolve(), { once: true });
  const watcher = watchSocket(socketPath, resolve);
  process.send?.(ready);
  await promise;
  watcher.close();
  server.close();
}

/** Whoever cannot be found is relieved by nobody: its data directory was removed. */
function watchSocket(socketPath: string, onGone: () => void): FSWatcher {
  const watcher = watch(dirname(socketPath), () => {
    if (!existsSync(socketPath)) onGone();
  });
  watcher.on('error', onGone);
  return watcher;
}

/** Who answers for the daemon before this one; undefined: nobody. */
export async function findCaretaker(socketPath: string): Promise<Caretaker | undefined> {
  const socket = connect(socketPath);
  try {
    const signal = AbortSignal.timeout(answerLimitMs);
    await once(socket, 'connect', { signal });
    const [line] = (await once(createInterface(socket), 'line', { signal })) as [string];
    return caretakerOf(JSON.parse(line) as Greeting, socket);
  } catch {
    // Nobody is there, as after every crash: the daemon before this one left nothing.
    socket.destroy();
    return undefined;
  }
}

function caretakerOf({ names, ports }: Greeting, socket: Socket): Caretaker {
  const portOf = new Map(names);
  const held = new Set(ports);
  let isGone = false;
  socket.on('error', () => socket.destroy());
  socket.once('close', () => {
    isGone = true;
  });
  return {
    portOf: (networkId) => portOf.get(networkId),
    holds: (forward) => !isGone && held.has(keyOf(forward)),
    relieve: () => void socket.end(`${relieved}\n`),
  };
}

function keyOf({ protocol, port }: Pick<PortForward, 'protocol' | 'port'>): string {
  return `${protocol}/${port}`;
}

import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { TuttiError } from '../../src/lib/error.ts';
import {
  containerdConfig,
  containerdParameters,
  dockerdParameters,
} from '../../src/playground/engine-parameters.ts';
import { findCommand } from '../bootstrap/apt.mjs';
import { lastLines } from '../bootstrap/run.mjs';
import { startChild, type Child } from './child.ts';
import { engineAnswers } from './engine-request.ts';
import { rememberFixedPlaces } from './fixed-places.ts';
import { clearMemory, endContainers } from './power-failure.ts';
import {
  emptyEngine,
  endForgottenContainerd,
  endForgottenEngine,
  unmountBelow,
} from './leftovers.ts';

export interface StartEngineOptions {
  /** Images stay here between runs; nobody else may use it at the same time. */
  readonly directory: string;
  /** Sockets and process state; short, because the path of a socket has a limit of 107 bytes. */
  readonly runDirectory: string;
  /** `none`: no bridge `docker0` with a subnet that nobody asked for. */
  readonly defaultBridge?: 'none' | 'docker0';
  /** Containers outlive the engine; default true. Docker Swarm forbids it. */
  readonly liveRestore?: boolean;
}

/** A container engine that this process started and that nobody else uses. */
export interface PrivateEngine extends AsyncDisposable {
  readonly socketPath: string;
  /** Changes with each `start`. */
  readonly pid: () => number;
  /** Ends the engine as a crash would: its containers stay (`live-restore`). */
  readonly kill: () => Promise<void>;
  /**
   * Ends engine and containers as a power failure of the machine would: processes, mounts and what
   * stands in memory are gone. For a host of its own.
   */
  readonly losePower: () => Promise<void>;
  /** Starts the engine again after `kill` or `losePower`, and waits until it answers. */
  readonly start: () => Promise<void>;
}

const readyLimitMs = 30_000;
const pollMs = 20;

/**
 * Starts containerd and dockerd with directories and sockets of their own, and waits until the
 * engine answers. Disposing of it removes its containers and networks, and stops both.
 *
 * One host (network namespace) carries one engine: two would change the same packet filter.
 */
export async function startEngine(options: StartEngineOptions): Promise<PrivateEngine> {
  const { directory, runDirectory } = options;
  const socketPath = join(runDirectory, 'docker.sock');
  const restoreFixedPlaces = rememberFixedPlaces();
  await mkdir(directory, { recursive: true });
  await mkdir(runDirectory, { recursive: true });
  await writeFile(join(directory, 'daemon.json'), '{}\n');
  await writeFile(join(directory, 'containerd.toml'), containerdConfig);
  await endForgottenEngine(runDirectory);
  await endForgottenContainerd(runDirectory);
  await rm(join(directory, 'engine.log'), { force: true });
  // A run that was killed while it compared with Docker Swarm left its engine in a swarm.
  await rm(join(directory, 'data/swarm'), { recursive: true, force: true });
  let containerd = startChild(containerdProgram(options));
  let dockerd: Child | undefined;
  const start = async () => {
    if (containerd.end() !== undefined) containerd = startChild(containerdProgram(options));
    // A process id in it may belong to another program by now.
    await rm(join(runDirectory, 'docker.pid'), { force: true });
    dockerd = startChild(dockerdProgram(options));
    await waitUntilReady({ socketPath, children: [containerd, dockerd], directory });
  };
  const dispose = async () => {
    try {
      // Only a running engine can remove its containers whole. Where a test ended ours and started
      // it again, that one would be in the way.
      if (dockerd?.end() !== undefined) {
        await endForgottenEngine(runDirectory);
        await start();
      }
      await emptyEngine(socketPath);
    } finally {
      await dockerd?.stop('SIGTERM');
      await containerd.stop('SIGTERM');
      await unmountBelow(runDirectory);
      await unmountBelow(directory);
      await rm(runDirectory, { recursive: true, force: true });
      await restoreFixedPlaces();
    }
  };
  try {
    await start();
    // What a run that was killed left behind.
    await emptyEngine(socketPath);
  } catch (error) {
    await dockerd?.stop('SIGKILL');
    await containerd.stop('SIGKILL');
    throw error;
  }
  return {
    socketPath,
    start,
    pid: () => dockerd?.pid ?? 0,
    kill: async () => dockerd?.stop('SIGKILL'),
    losePower: async () => {
      await Promise.all([dockerd?.stop('SIGKILL'), containerd.stop('SIGKILL')]);
      await endContainers(runDirectory);
      await clearMemory([runDirectory, directory]);
      await rm(runDirectory, { recursive: true, force: true });
      await mkdir(runDirectory);
    },
    [Symbol.asyncDispose]: dispose,
  };
}

function containerdProgram({ directory, runDirectory }: StartEngineOptions) {
  return {
    program: findCommand('containerd') ?? 'containerd',
    parameters: containerdParameters({
      config: join(directory, 'containerd.toml'),
      root: join(directory, 'containerd'),
      state: join(runDirectory, 'containerd'),
      socket: join(runDirectory, 'containerd.sock'),
    }),
    logFile: join(directory, 'engine.log'),
  };
}

function dockerdProgram(options: StartEngineOptions) {
  const { directory, runDirectory, defaultBridge, liveRestore = true } = options;
  return {
    program: findCommand('dockerd') ?? 'dockerd',
    parameters: dockerdParameters({
      config: join(directory, 'daemon.json'),
      root: join(directory, 'data'),
      state: join(runDirectory, 'exec'),
      pidFile: join(runDirectory, 'docker.pid'),
      socket: join(runDirectory, 'docker.sock'),
      containerdSocket: join(runDirectory, 'containerd.sock'),
      liveRestore,
      ...(defaultBridge !== undefined && { defaultBridge }),
    }),
    logFile: join(directory, 'engine.log'),
  };
}

async function waitUntilReady({
  socketPath,
  children,
  directory,
}: {
  readonly socketPath: string;
  readonly children: readonly Child[];
  readonly directory: string;
}): Promise<void> {
  const giveUpAt = Date.now() + readyLimitMs;
  while (!(await engineAnswers(socketPath))) {
    const end = children.map((child) => child.end()).find((reason) => reason !== undefined);
    if (end !== undefined || Date.now() > giveUpAt) {
      const log = await readFile(join(directory, 'engine.log'), 'utf8');
      const what = end === undefined ? `did not answer in ${readyLimitMs / 1000} s` : 'ended';
      throw new TuttiError('unavailable', `The container engine ${what}:\n${lastLines(log)}`, {
        hint: `Its whole log is in ${join(directory, 'engine.log')}.`,
      });
    }
    await sleep(pollMs);
  }
}

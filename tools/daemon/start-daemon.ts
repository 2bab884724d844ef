import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { TuttiError } from '../../src/lib/error.ts';
import { lastLines } from '../bootstrap/run.mjs';
import { startChild, type Child } from '../engine/child.ts';
import { engineAnswers } from '../engine/engine-request.ts';
import { repositoryRoot } from '../root.ts';

export interface StartDaemonOptions {
  /** Holds the data, the socket and the log; short, for the path of a socket has a limit. */
  readonly directory: string;
  /** Of the container engine. */
  readonly engineSocket: string;
  readonly nodeName?: string;
  readonly logLevel?: 'debug' | 'info';
}

/** A `tutti daemon` of this repository that runs beside this process. */
export interface TuttiDaemon {
  readonly socketPath: string;
  readonly dataDirectory: string;
  /** Changes with each `start`. */
  readonly pid: () => number;
  /** How it ended; undefined while it runs. */
  readonly end: () => string | undefined;
  /** Resolves once the daemon that runs now has ended. */
  readonly ended: () => Promise<void>;
  /** Starts it again after `stop` or `kill`, and waits until it answers. */
  readonly start: () => Promise<void>;
  /** Asks it to end, and waits until it and its manager have. */
  readonly stop: () => Promise<void>;
  /** Ends the daemon alone, as a crash would: its manager goes on. */
  readonly kill: () => Promise<void>;
}

/** Of processes that belong to a daemon, and that may outlive it. */
const roles = ['daemon', 'manager', 'take-care'];
const readyLimitMs = 30_000;
const pollMs = 20;

/** The command of this repository. */
export const tuttiCommand = join(repositoryRoot, 'bin/tutti');

/** Starts a daemon and waits until it answers. */
export async function startDaemon(options: StartDaemonOptions): Promise<TuttiDaemon> {
  const { directory } = options;
  const socketPath = join(directory, 'tutti.sock');
  const dataDirectory = join(directory, 'data');
  const logFile = join(directory, 'daemon.log');
  await mkdir(directory, { recursive: true, mode: 0o700 });
  let child: Child | undefined;
  const start = async () => {
    child = startChild({
      program: tuttiCommand,
      parameters: parametersOf(options, { socketPath, dataDirectory }),
      logFile,
      env: {
        ...process.env,
        TUTTI_LOG_LEVEL: options.logLevel ?? process.env['TUTTI_LOG_LEVEL'] ?? 'info',
      },
    });
    await waitUntilReady(child, { socketPath, logFile });
  };
  await start();
  return {
    socketPath,
    dataDirectory,
    start,
    pid: () => child?.pid ?? 0,
    end: () => child?.end(),
    ended: async () => child?.ended,
    stop: async () => child?.stop('SIGTERM'),
    kill: async () => child?.stop('SIGKILL'),
  };
}

function parametersOf(
  { engineSocket, nodeName }: StartDaemonOptions,
  paths: { readonly socketPath: string; readonly dataDirectory: string },
): readonly string[] {
  return [
    'daemon',
    '--data-dir',
    paths.dataDirectory,
    '--socket',
    paths.socketPath,
    '--container-engine',
    `unix://${engineSocket}`,
    ...(nodeName === undefined ? [] : ['--node-name', nodeName]),
  ];
}

async function waitUntilReady(
  child: Child,
  { socketPath, logFile }: { readonly socketPath: string; readonly logFile: string },
): Promise<void> {
  const giveUpAt = Date.now() + readyLimitMs;
  while (!(await engineAnswers(socketPath))) {
    const end = child.end();
    if (end !== undefined || Date.now() > giveUpAt) {
      const what =
        end === undefined ? `did not answer in ${readyLimitMs / 1000} s` : `ended: ${end}`;
      const log = lastLines(await readFile(logFile, 'utf8'));
      await child.stop('SIGKILL');
      throw new TuttiError('unavailable', `The Tutti daemon ${what}. Its log ends with:\n${log}`);
    }
    await sleep(pollMs);
  }
}

/** Ends daemons and managers that somebody who was killed left running in a directory. */
export async function endForgottenDaemons(directory: string): Promise<void> {
  for (;;) {
    const pids = daemonProcesses(directory);
    if (pids.length === 0) return;
    for (const pid of pids) killIfThere(pid);
    await sleep(pollMs);
  }
}

function killIfThere(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    // It ended between the look and the signal.
    if (existsSync(`/proc/${pid}`)) throw error;
  }
}

/** The processes of daemons and managers whose data stands below a directory. */
export function daemonProcesses(directory: string): readonly number[] {
  return readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry))
    .filter((pid) => {
      const words = wordsOf(pid);
      const isOurs = roles.some((role) => words.includes(role));
      return isOurs && words.some((word) => word.startsWith(`${directory}/`));
    })
    .map(Number);
}

function wordsOf(pid: string): readonly string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
  } catch {
    // It ended between the list and the look.
    return [];
  }
}

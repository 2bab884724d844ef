import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { once } from 'node:events';
import { TuttiError } from '../../src/lib/error.ts';

export interface ChildOptions {
  readonly program: string;
  readonly parameters: readonly string[];
  /** Where its output goes; appended to. */
  readonly logFile: string;
  readonly env?: NodeJS.ProcessEnv;
}

/** A program that runs beside this one until it is told to stop. */
export interface Child {
  readonly pid: number;
  /** How it ended; undefined while it runs. */
  readonly end: () => string | undefined;
  /** Resolves once it has ended. */
  readonly ended: Promise<void>;
  /** Sends the signal and waits for the end; SIGKILL follows when that takes too long. */
  readonly stop: (signal: NodeJS.Signals) => Promise<void>;
}

const stopLimitMs = 20_000;

/** Starts a program in a session of its own, so that Ctrl-C in a terminal does not reach it. */
export function startChild({ program, parameters, logFile, env }: ChildOptions): Child {
  const log = openSync(logFile, 'a');
  const child = spawn(program, parameters, {
    stdio: ['ignore', log, log],
    detached: true,
    env: env ?? process.env,
  });
  closeSync(log);
  let failure: string | undefined;
  child.once('error', (error) => {
    failure = error.message;
  });
  const ended = once(child, 'close').then(
    () => undefined,
    () => undefined,
  );
  const { pid } = child;
  if (pid === undefined) {
    throw new TuttiError('failed-precondition', `${program} does not start: is it installed?`);
  }
  child.unref();
  return {
    pid,
    ended,
    end: () => failure ?? endOf(child),
    stop: (signal) => stop(child, signal),
  };
}

function endOf({ exitCode, signalCode }: ChildProcess): string | undefined {
  if (exitCode !== null) return `exit code ${exitCode}`;
  return signalCode ?? undefined;
}

async function stop(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (endOf(child) !== undefined) return;
  child.ref();
  const ended = once(child, 'exit');
  child.kill(signal);
  const timer = setTimeout(() => child.kill('SIGKILL'), stopLimitMs);
  await ended;
  clearTimeout(timer);
}

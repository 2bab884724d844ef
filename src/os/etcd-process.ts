import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { mkdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Clock } from '../host/clock.ts';
import type { Logger } from '../host/logger.ts';
import { TuttiError } from '../lib/error.ts';
import { type EtcdMemberPlan, etcdArguments, etcdClientSocket } from './etcd-flags.ts';
import { listProcesses } from './machine-processes.ts';

const firstRetryMs = 100;
const longestRetryMs = 5_000;
/** A member that lived this long was healthy: the next one starts at once. */
const healthyAfterMs = 10_000;
const stopGraceMs = 10_000;
/** Between two looks at a member that is no child of ours. */
const lookEveryMs = 250;
const killLookMs = 20;
const largestLogBytes = 8 * 1024 ** 2;
/** Longest path of a Unix socket that Linux takes (unix(7)). */
const maxSocketPathBytes = 107;

export interface EtcdProcessOptions {
  readonly plan: EtcdMemberPlan;
  readonly clock: Clock;
  readonly logger: Logger;
  /** `etcd` from the path unless told. */
  readonly program?: string;
}

/** How a member of etcd ended, as far as can be told. */
type Ended = { readonly exitCode?: number | null; readonly signal?: NodeJS.Signals | null };

/**
 * Keeps one etcd member alive beside this process. It does not end with its supervisor: one that
 * still lives when the supervisor comes back is adopted.
 */
export class EtcdProcess {
  readonly #options: EtcdProcessOptions;
  #pid: number | undefined;

  constructor(options: EtcdProcessOptions) {
    this.#options = options;
  }

  /** Of the member that lives, if one does. */
  get pid(): number | undefined {
    return this.#pid;
  }

  /**
   * Runs until the signal; then stops the member and resolves when it is gone. A member that ends
   * is started again, at once where it lived for long, else after a growing delay.
   *
   * @throws TuttiError `failed-precondition` where its directory cannot be used at all.
   */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, logger, plan } = this.#options;
    await prepareDirectory(plan.directory);
    let retryMs = 0;
    while (!signal.aborted) {
      const startedAt = clock.now();
      const ended = await this.#liveOnce(signal);
      this.#pid = undefined;
      if (signal.aborted) break;
      const livedMs = clock.now() - startedAt;
      logger.warn('etcd is gone', { ...ended, livedMs, log: logPath(plan.directory) });
      retryMs =
        livedMs > healthyAfterMs
          ? 0
          : Math.min(Math.max(retryMs * 2, firstRetryMs), longestRetryMs);
      await clock.sleep(retryMs, signal).catch(() => undefined);
    }
  }

  /** Resolves when the member has ended, by itself or because of the signal. */
  async #liveOnce(signal: AbortSignal): Promise<Ended> {
    const { plan, logger } = this.#options;
    const found = livingPid(plan.directory);
    if (found !== undefined) {
      logger.info('found a living etcd', { pid: found });
      this.#pid = found;
      return await this.#attend({ pid: found, gone: this.#whenGone(found) }, signal);
    }
    const child = await this.#spawn();
    if (child === undefined) return {};
    this.#pid = child.pid;
    const gone = once(child, 'exit').then(([exitCode, endedBy]: unknown[]): Ended => {
      return { exitCode: exitCode as number | null, signal: endedBy as NodeJS.Signals | null };
    });
    return await this.#attend({ pid: child.pid ?? 0, gone }, signal);
  }

  async #attend(
    { pid, gone }: { readonly pid: number; readonly gone: Promise<Ended> },
    signal: AbortSignal,
  ): Promise<Ended> {
    const { clock, logger } = this.#options;
    const over = new AbortController();
    const stop = async (): Promise<void> => {
      sendSignal(pid, 'SIGTERM');
      await clock.sleep(stopGraceMs, over.signal).catch(() => undefined);
      if (over.signal.aborted) return;
      logger.warn('etcd did not stop in time; killing it', { pid });
      sendSignal(pid, 'SIGKILL');
    };
    const onAbort = (): void => void stop();
    signal.addEventListener('abort', onAbort, { once: true });
    if (signal.aborted) onAbort();
    const ended = await gone;
    over.abort();
    signal.removeEventListener('abort', onAbort);
    return ended;
  }

  async #spawn(): Promise<ChildProcess | undefined> {
    const { plan, logger, program = 'etcd' } = this.#options;
    // One that was killed leaves it, and etcd does not start over it.
    await rm(etcdClientSocket(plan.directory), { force: true });
    const log = openSync(await freshLog(plan.directory), 'a', 0o600);
    const child = spawn(program, etcdArguments(plan), {
      cwd: plan.directory,
      detached: true,
      stdio: ['ignore', log, log],
      // etcd reads ETCD_… as flags; and 3.4 wants to be asked twice on this architecture.
      env: {
        PATH: process.env['PATH'],
        ...(process.arch === 'arm64' ? { ETCD_UNSUPPORTED_ARCH: 'arm64' } : {}),
      },
    });
    closeSync(log);
    try {
      await once(child, 'spawn');
    } catch (reason) {
      const { message } = TuttiError.from(reason);
      const hint = 'It is in the package etcd-server of Debian and Ubuntu.';
      logger.error('etcd could not be started', { error: message, hint });
      return undefined;
    }
    child.unref();
    logger.info('started etcd', { pid: child.pid });
    return child;
  }

  async #whenGone(pid: number): Promise<Ended> {
    const { plan, clock } = this.#options;
    while (isMemberOf(plan.directory, await commandLineOf(pid))) await clock.sleep(lookEveryMs);
    return {};
  }
}

/** Ends a member that nobody supervises any more, at once, and waits until it is gone. */
export async function stopLivingEtcd(directory: string): Promise<void> {
  for (;;) {
    const pid = livingPid(directory);
    if (pid === undefined) return;
    sendSignal(pid, 'SIGKILL');
    await sleep(killLookMs);
  }
}

function logPath(directory: string): string {
  return join(directory, 'etcd.log');
}

async function prepareDirectory(directory: string): Promise<void> {
  if (Buffer.byteLength(etcdClientSocket(directory)) > maxSocketPathBytes) {
    throw new TuttiError(
      'failed-precondition',
      `the path ${directory} is too long for the socket in it`,
      { field: '--data-dir', hint: 'Choose a path of at most 80 characters.' },
    );
  }
  await mkdir(directory, { recursive: true, mode: 0o700 });
}

/** One older log is kept. */
async function freshLog(directory: string): Promise<string> {
  const path = logPath(directory);
  const size = await stat(path).then(
    (found) => found.size,
    () => 0,
  );
  if (size > largestLogBytes) await rename(path, `${path}.old`);
  return path;
}

/** The member of this directory, or undefined where none lives. */
function livingPid(directory: string): number | undefined {
  return listProcesses([]).find(({ words }) => isMemberOf(directory, words))?.pid;
}

function isMemberOf(directory: string, words: readonly string[]): boolean {
  return words.includes(`--data-dir=${join(directory, 'data')}`);
}

async function commandLineOf(pid: number): Promise<readonly string[]> {
  return await readFile(`/proc/${pid}/cmdline`, 'utf8').then(
    (text) => text.split('\0'),
    () => [],
  );
}

function sendSignal(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It was gone already.
  }
}

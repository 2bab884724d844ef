import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import type { Socket } from 'node:net';
import type { Clock } from '../host/clock.ts';
import type { Logger } from '../host/logger.ts';
import type { DataLayout } from './data-layout.ts';
import { startDetached, whenReady } from './detached-process.ts';
import { tryConnect } from './unix-socket.ts';

const firstRetryMs = 100;
const longestRetryMs = 5_000;
/** A manager that lived this long was healthy: the next one starts at once. */
const healthyAfterMs = 10_000;
const stopGraceMs = 10_000;
/** A start takes a second; who asks in the meantime waits, but not for ever. */
const startLimitMs = 10_000;
/** Its last work, a move of its store, takes a second for 20,000 rows. */
const lastWorkLimitMs = 120_000;
const goneLookMs = 10;

export interface ManagerProcessOptions {
  readonly layout: DataLayout;
  /** Program and arguments of a manager. */
  readonly command: readonly [string, ...string[]];
  readonly clock: Clock;
  readonly logger: Logger;
  /** A manager ended by itself; the next one starts when this resolves. */
  readonly onEnded?: () => Promise<void>;
}

/**
 * Keeps one `tutti manager` alive beside this process. It is no child that dies with its parent:
 * one that still lives when the daemon comes back is adopted.
 */
export class ManagerProcess {
  readonly #options: ManagerProcessOptions;
  /** Resolved while a manager lives; a new one waits for the next. */
  #up = Promise.withResolvers<void>();

  constructor(options: ManagerProcessOptions) {
    this.#options = options;
  }

  /** Waits for a manager that starts or restarts, for as long as that may take. */
  async whenUp(signal: AbortSignal): Promise<void> {
    const over = new AbortController();
    const stop = AbortSignal.any([signal, over.signal]);
    const late = this.#options.clock.sleep(startLimitMs, stop).catch(() => undefined);
    await Promise.race([this.#up.promise, late]);
    over.abort();
  }

  /** Runs until the signal; then stops the manager and resolves when it is gone. May run again. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, logger, layout } = this.#options;
    let retryMs = 0;
    this.#up = Promise.withResolvers();
    while (!signal.aborted) {
      const startedAt = clock.now();
      const lifeline = (await this.#adopt()) ?? (await this.#spawn(signal));
      if (lifeline !== undefined) {
        this.#up.resolve();
        await until(lifeline, signal);
        this.#up = Promise.withResolvers();
        lifeline.destroy();
        if (signal.aborted) break;
        await this.#untilGone(signal);
        await this.#options.onEnded?.();
        if (signal.aborted) break;
        logger.warn('the manager is gone', { livedMs: clock.now() - startedAt });
      }
      retryMs =
        clock.now() - startedAt > healthyAfterMs
          ? 0
          : Math.min(Math.max(retryMs * 2, firstRetryMs), longestRetryMs);
      await clock.sleep(retryMs, signal).catch(() => undefined);
    }
    // Whoever still waits hears that there is none.
    this.#up.resolve();
    await stopByPid(layout, this.#options);
  }

  /** It may still be at work for the next one, when it does not answer any more. */
  async #untilGone(signal: AbortSignal): Promise<void> {
    const { clock, layout, logger } = this.#options;
    const giveUpAt = clock.now() + lastWorkLimitMs;
    for (;;) {
      const pid = await livingPid(layout);
      if (pid === undefined || signal.aborted) return;
      if (clock.now() > giveUpAt) {
        logger.warn('the manager did not end by itself; killing it', { pid });
        process.kill(pid, 'SIGKILL');
      }
      await clock.sleep(goneLookMs, signal).catch(() => undefined);
    }
  }

  async #adopt(): Promise<Socket | undefined> {
    const lifeline = await tryConnect(this.#options.layout.managerLifeSocket);
    if (lifeline !== undefined) this.#options.logger.info('found a living manager');
    return lifeline;
  }

  async #spawn(signal: AbortSignal): Promise<Socket | undefined> {
    const { layout, command, logger } = this.#options;
    const child = startDetached(command, { logPath: layout.managerLogPath });
    const lifeline = await whenReady(layout.managerLifeSocket, { child, signal });
    if (lifeline !== undefined) logger.info('started the manager', { pid: child.pid });
    else if (signal.aborted) await this.#stopUnready(child);
    else {
      logger.error('the manager did not start', {
        exitCode: child.exitCode,
        log: layout.managerLogPath,
      });
    }
    return lifeline;
  }

  /** Ends a manager that has told nobody yet that it is there. */
  async #stopUnready(child: ChildProcess): Promise<void> {
    if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, 'exit');
    child.kill('SIGTERM');
    const grace = new AbortController();
    void this.#options.clock.sleep(stopGraceMs, grace.signal).then(
      () => child.kill('SIGKILL'),
      () => undefined,
    );
    await gone;
    grace.abort();
  }
}

async function until(lifeline: Socket, signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  lifeline.resume();
  lifeline.once('close', () => resolve());
  lifeline.on('error', () => resolve());
  signal.addEventListener('abort', () => resolve(), { once: true });
  await promise;
}

/** The pid of the manager of this data directory, or undefined where none lives. */
async function livingPid(layout: DataLayout): Promise<number | undefined> {
  try {
    const pid = Number((await readFile(layout.managerPidPath, 'utf8')).trim());
    const commandLine = await readFile(`/proc/${pid}/cmdline`, 'utf8');
    return commandLine.includes(layout.dataDirectory) ? pid : undefined;
  } catch {
    // No pid file or no such process: it is gone.
    return undefined;
  }
}

async function stopByPid(layout: DataLayout, options: ManagerProcessOptions): Promise<void> {
  const pid = await livingPid(layout);
  if (pid === undefined) return;
  const lifeline = await tryConnect(layout.managerLifeSocket);
  process.kill(pid, 'SIGTERM');
  if (lifeline === undefined) return;
  const grace = new AbortController();
  const timeout = options.clock.sleep(stopGraceMs, grace.signal).then(
    () => 'timeout' as const,
    () => 'stopped' as const,
  );
  const outcome = await Promise.race([
    timeout,
    until(lifeline, grace.signal).then(() => 'stopped' as const),
  ]);
  if (outcome === 'timeout') {
    options.logger.warn('the manager did not stop in time; killing it', { pid });
    process.kill(pid, 'SIGKILL');
  }
  grace.abort();
}

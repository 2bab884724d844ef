import type { Clock } from '../host/clock.ts';
import type { ContainerRuntime } from '../host/container-runtime.ts';
import type { FenceHold } from '../host/fence-guard.ts';
import type { Logger } from '../host/logger.ts';
import { TuttiError } from '../lib/error.ts';
import type { Instant } from '../model/instant.ts';
import { taskIdLabel } from './task-labels.ts';

/** Timers stand still while the machine sleeps: nobody waits longer without a look at the time. */
const longestSleepMs = 1_000;
const lookEveryMs = 250;
const restEveryMs = 2_000;
/** Calls that the daemon made before it died are over by then, also such as start a container. */
const watchForMs = 10_000;
const engineLimitMs = 2_000;

/**
 * What a guard does: when a hold ends without having been renewed, it kills what runs of its tasks,
 * and goes on looking, because a start may be on its way.
 */
export class FenceWatch {
  readonly #clock: Clock;
  readonly #runtime: Pick<ContainerRuntime, 'listContainers' | 'killContainer'>;
  readonly #logger: Logger;
  #hold: FenceHold | undefined;
  /** Since when all was seen to be stopped. */
  #quietFrom: Instant | undefined;
  /** Who tells it; without anybody it ends when its work is done. */
  hasDaemon = true;

  constructor(options: {
    /** Counts the time in which the machine sleeps. */
    readonly clock: Clock;
    readonly runtime: Pick<ContainerRuntime, 'listContainers' | 'killContainer'>;
    readonly logger: Logger;
  }) {
    this.#clock = options.clock;
    this.#runtime = options.runtime;
    this.#logger = options.logger;
  }

  hold(hold: FenceHold): void {
    this.#hold = hold;
    this.#quietFrom = undefined;
  }

  /** Runs until nothing is left to be guarded, or the signal. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted && !this.#isDone) {
      const waitMs = await this.#look(signal);
      await this.#clock.sleep(waitMs, signal).catch(() => undefined);
    }
  }

  get #isDone(): boolean {
    const hold = this.#hold;
    if (hold === undefined) return false;
    if (hold.taskIds.length === 0) return true;
    return !this.hasDaemon && this.#isQuiet;
  }

  get #isQuiet(): boolean {
    return this.#quietFrom !== undefined && this.#clock.now() >= this.#quietFrom + watchForMs;
  }

  /** Returns when to look again. */
  async #look(signal: AbortSignal): Promise<number> {
    const hold = this.#hold;
    if (hold === undefined) return longestSleepMs;
    const leftMs = hold.until - this.#clock.now();
    if (leftMs > 0) return Math.min(leftMs, longestSleepMs);
    const isQuiet = await this.#stop(hold, signal);
    if (hold !== this.#hold) return 0;
    this.#quietFrom = isQuiet ? (this.#quietFrom ?? this.#clock.now()) : undefined;
    return this.#isQuiet ? restEveryMs : lookEveryMs;
  }

  /** Whether nothing ran. */
  async #stop(hold: FenceHold, signal: AbortSignal): Promise<boolean> {
    const lists = await Promise.all(
      hold.taskIds.map((taskId) => this.#stopTask(taskId, { hold, signal })),
    );
    return lists.every((isQuiet) => isQuiet);
  }

  async #stopTask(
    taskId: string,
    { hold, signal }: { readonly hold: FenceHold; readonly signal: AbortSignal },
  ): Promise<boolean> {
    const late = new AbortController();
    const over = AbortSignal.any([signal, late.signal]);
    void this.#clock.sleep(engineLimitMs, over).then(
      () => late.abort(new TuttiError('unavailable', 'the container engine does not answer')),
      () => undefined,
    );
    try {
      const found = await this.#runtime.listContainers(`${taskIdLabel}=${taskId}`, over);
      const running = found.filter(({ state }) => state !== 'exited' && state !== 'dead');
      for (const { id, state } of running) {
        // It is this node's again.
        if (hold !== this.#hold) return false;
        if (state === 'created') continue;
        this.#logger.warn('a fenced task is stopped: nobody renewed its lease', { taskId, id });
        await this.#runtime.killContainer(id, over);
      }
      return running.every(({ state }) => state === 'created');
    } catch (error) {
      const { message } = TuttiError.from(error);
      this.#logger.warn('a fenced task could not be stopped yet', { taskId, error: message });
      return false;
    } finally {
      late.abort();
    }
  }
}

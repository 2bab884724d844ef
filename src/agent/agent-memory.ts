import type { AgentDisk, AgentState } from '../host/agent-disk.ts';
import type { Clock } from '../host/clock.ts';
import type { Logger } from '../host/logger.ts';
import { TuttiError } from '../lib/error.ts';

const retryMs = 1_000;

/**
 * Keeps on disk what the node needs to bring its tasks back. Saves follow each other, the last one
 * counts.
 */
export class AgentMemory {
  readonly #disk: AgentDisk;
  readonly #clock: Clock;
  readonly #logger: Logger;
  #touched = Promise.withResolvers<void>();
  /** Who waits for what is known now to be on disk. */
  #waiting: PromiseWithResolvers<void>[] = [];
  clusterId: string | undefined;
  /** The highest that a manager assigned under. */
  epoch: number | undefined;

  constructor(options: {
    readonly disk: AgentDisk;
    readonly clock: Clock;
    readonly logger: Logger;
  }) {
    this.#disk = options.disk;
    this.#clock = options.clock;
    this.#logger = options.logger;
  }

  /**
   * @throws TuttiError `failed-precondition` where a manager that led before assigns: it may not
   *   know yet that it leads no more.
   */
  obey(epoch: number | undefined): void {
    if (epoch === undefined) return;
    const known = this.epoch ?? 0;
    if (epoch < known) {
      const message = `a manager assigns under epoch ${epoch}, and epoch ${known} has begun`;
      throw new TuttiError('failed-precondition', message);
    }
    this.epoch = epoch;
  }

  load(): Promise<AgentState | undefined> {
    return this.#disk.load();
  }

  save(state: AgentState): Promise<void> {
    return this.#disk.save(state);
  }

  /** Something changed that has to survive. */
  touch(): void {
    this.#touched.resolve();
  }

  /** Resolves when what is known now is on disk. */
  saved(): Promise<void> {
    const waiter = Promise.withResolvers<void>();
    this.#waiting.push(waiter);
    this.touch();
    return waiter.promise;
  }

  async run(signal: AbortSignal, snapshot: () => AgentState): Promise<void> {
    signal.addEventListener('abort', () => this.touch(), { once: true });
    while (!signal.aborted) {
      await this.#touched.promise;
      this.#touched = Promise.withResolvers<void>();
      const waiting = this.#waiting;
      this.#waiting = [];
      try {
        await this.#disk.save(snapshot());
        for (const waiter of waiting) waiter.resolve();
      } catch (error) {
        this.#waiting.push(...waiting);
        // The node goes on; only a restart without a manager would miss the latest change.
        this.#logger.error('the agent could not save its state', {
          error: TuttiError.from(error).message,
        });
        await this.#clock.sleep(retryMs, signal).catch(() => undefined);
        this.touch();
      }
    }
  }
}

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
  clusterId: string | undefined;

  constructor(options: {
    readonly disk: AgentDisk;
    readonly clock: Clock;
    readonly logger: Logger;
  }) {
    this.#disk = options.disk;
    this.#clock = options.clock;
    this.#logger = options.logger;
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

  async run(signal: AbortSignal, snapshot: () => AgentState): Promise<void> {
    signal.addEventListener('abort', () => this.touch(), { once: true });
    while (!signal.aborted) {
      await this.#touched.promise;
      this.#touched = Promise.withResolvers<void>();
      try {
        await this.#disk.save(snapshot());
      } catch (error) {
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

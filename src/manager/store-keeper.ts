import type { Clock } from '../host/clock.ts';
import type { Logger } from '../host/logger.ts';
import { TuttiError } from '../lib/error.ts';
import type { Store } from '../store/store.ts';

const firstRetryMs = 100;
const longestRetryMs = 5_000;

/**
 * Loads the store again when it cannot tell what is durable, until that succeeds. Reads go on
 * meanwhile, from what was durable last.
 */
export class StoreKeeper {
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #onReloaded: () => void;
  readonly #stop = new AbortController();
  #reloading = false;

  constructor(options: {
    readonly store: Store;
    readonly clock: Clock;
    readonly logger: Logger;
    readonly onReloaded: () => void;
  }) {
    this.#store = options.store;
    this.#clock = options.clock;
    this.#logger = options.logger;
    this.#onReloaded = options.onReloaded;
  }

  /** To be called after an update failed. */
  look(): void {
    if (this.#store.fencedBy === undefined || this.#reloading || this.#stop.signal.aborted) return;
    this.#reloading = true;
    void this.#reload().finally(() => {
      this.#reloading = false;
    });
  }

  stop(): void {
    this.#stop.abort();
  }

  async #reload(): Promise<void> {
    for (let delayMs = firstRetryMs; !this.#stop.signal.aborted; ) {
      try {
        await this.#store.reload();
        this.#logger.info('the store was loaded again', { revision: this.#store.revision });
        this.#onReloaded();
        return;
      } catch (error) {
        const { message } = TuttiError.from(error);
        this.#logger.error('the store could not be loaded again', { error: message, delayMs });
      }
      await this.#clock.sleep(delayMs, this.#stop.signal).catch(() => undefined);
      delayMs = Math.min(delayMs * 2, longestRetryMs);
    }
  }
}

import type { Tally } from './tally.ts';

export interface LiveTallyOptions {
  readonly readTally: () => Promise<Tally>;
  /** Waits between two looks at the database. */
  readonly pause: () => Promise<void>;
  /** Told when the database stops answering; once, until it answers again. */
  readonly onProblem: (error: unknown) => void;
}

type Listener = (tally: Tally) => void;

/**
 * Looks at the database while somebody watches, and tells the watchers what changed. All watchers
 * share one look; without watchers there is none.
 */
export class LiveTally {
  readonly #options: LiveTallyOptions;
  readonly #listeners = new Set<Listener>();
  #latest: Tally | undefined;
  #isLooking = false;
  #isBroken = false;

  constructor(options: LiveTallyOptions) {
    this.#options = options;
  }

  /** Calls the listener with each new tally, at first with the current one, until `closed`. */
  watch(listener: Listener, closed: AbortSignal): void {
    if (closed.aborted) return;
    this.#listeners.add(listener);
    closed.addEventListener('abort', () => this.#listeners.delete(listener), { once: true });
    if (!this.#isLooking) void this.#lookWhileWatched();
    else if (this.#latest !== undefined) listener(this.#latest);
  }

  async #lookWhileWatched(): Promise<void> {
    this.#isLooking = true;
    this.#latest = undefined;
    while (this.#listeners.size > 0) {
      await this.#look();
      await this.#options.pause();
    }
    this.#isLooking = false;
  }

  async #look(): Promise<void> {
    try {
      const tally = await this.#options.readTally();
      this.#isBroken = false;
      if (this.#latest?.a === tally.a && this.#latest.b === tally.b) return;
      this.#latest = tally;
      for (const listener of this.#listeners) listener(tally);
    } catch (error) {
      // The pages keep what they show, and the next look comes soon.
      if (!this.#isBroken) this.#options.onProblem(error);
      this.#isBroken = true;
    }
  }
}

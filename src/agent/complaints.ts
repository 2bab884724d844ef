import type { Logger } from '../host/logger.ts';
import { TuttiError } from '../lib/error.ts';

/** What fails again and again is warned of once, until it succeeds or fails in another way. */
export class Complaints {
  readonly #logger: Logger;
  /** The last sentence of what failed, by what it was. */
  readonly #said = new Map<string, string>();

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  /** Resolves when the work is over, however it ended. */
  async about(what: string, work: Promise<void>): Promise<void> {
    await work.then(
      () => this.#succeeded(what),
      (error: unknown) => this.#failed(what, error),
    );
  }

  #failed(what: string, reason: unknown): void {
    const { message: error } = TuttiError.from(reason);
    const level = this.#said.get(what) === error ? 'debug' : 'warn';
    this.#said.set(what, error);
    this.#logger[level](what, { error });
  }

  #succeeded(what: string): void {
    this.#said.delete(what);
  }
}

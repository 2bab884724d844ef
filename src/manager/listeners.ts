import type { Logger } from '../host/logger.ts';
import { TuttiError } from '../lib/error.ts';

/** Those who want to be told of something. One that throws is logged and harms nobody else. */
export class Listeners<T> {
  readonly #listeners = new Set<(news: T) => void>();

  /** Returns how to stop listening. */
  add(listener: (news: T) => void): () => void {
    const own = (news: T): void => listener(news);
    this.#listeners.add(own);
    return () => this.#listeners.delete(own);
  }

  tell(news: T, logger: Logger): void {
    for (const listener of this.#listeners) {
      try {
        listener(news);
      } catch (reason) {
        const { message, stack } = TuttiError.from(reason);
        logger.error('a listener failed', { error: message, stack });
      }
    }
  }
}

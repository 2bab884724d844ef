import type { Clock } from '../host/clock.ts';
import type { Logger } from '../host/logger.ts';
import { TuttiError } from '../lib/error.ts';

/** Between the first sign of another address and the look at all of them. */
const settleMs = 500;

/**
 * One look for however many changes, once they are over: addresses come and go in several steps.
 */
export class SettledLook {
  readonly #on: { readonly clock: Clock; readonly logger: Logger; readonly signal: AbortSignal };
  readonly #look: () => Promise<void>;
  #isWaiting = false;

  constructor(
    on: { readonly clock: Clock; readonly logger: Logger; readonly signal: AbortSignal },
    look: () => Promise<void>,
  ) {
    this.#on = on;
    this.#look = look;
  }

  changed(): void {
    if (this.#isWaiting) return;
    this.#isWaiting = true;
    const { clock, logger, signal } = this.#on;
    const look = async (): Promise<void> => {
      await clock.sleep(settleMs, signal);
      this.#isWaiting = false;
      await this.#look();
    };
    look().catch((error: unknown) => {
      if (signal.aborted) return;
      logger.warn('the addresses of this machine could not be looked at', {
        error: TuttiError.from(error).message,
      });
    });
  }
}

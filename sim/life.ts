import type { Clock } from '../src/host/clock.ts';

/**
 * The life of one simulated process. Once it is killed, nothing that it waits for ever comes, so
 * that none of its code runs on.
 */
export class Life {
  #dead = false;

  get isOver(): boolean {
    return this.#dead;
  }

  kill(): void {
    this.#dead = true;
  }

  /** What a call of the process brings back, as long as it lives. */
  async hold<T>(call: () => Promise<T>): Promise<T> {
    if (this.#dead) await notAnyMore();
    try {
      const result = await call();
      if (this.#dead) await notAnyMore();
      return result;
    } catch (error) {
      if (this.#dead) await notAnyMore();
      throw error;
    }
  }

  /** The clock, as the process sees it. */
  clock(clock: Clock): Clock {
    return {
      now: () => clock.now(),
      sleep: async (delayMs, signal) => {
        await this.hold(async () => {
          await clock.sleep(delayMs, signal);
        });
      },
      turn: async () => {
        await this.hold(async () => {
          await clock.turn();
        });
      },
    };
  }
}

/**
 * Never resolves. Each caller has one of its own: a promise that stays keeps all who wait for it.
 */
export function notAnyMore(): Promise<never> {
  return new Promise<never>(() => undefined);
}

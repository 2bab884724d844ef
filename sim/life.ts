import type { Clock } from '../src/host/clock.ts';

const never = new Promise<never>(() => undefined);

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
    if (this.#dead) await never;
    try {
      const result = await call();
      if (this.#dead) await never;
      return result;
    } catch (error) {
      if (this.#dead) await never;
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

import { uptime } from 'node:os';
import type { Clock } from '../host/clock.ts';
import type { Instant } from '../model/instant.ts';
import { SystemClock } from './system-clock.ts';

const msPerSecond = 1_000;

/**
 * Time since the machine's start, the same for all its processes: nobody sets it, and it counts the
 * time in which the machine sleeps (proc(5), uptime). Hundredths of a second.
 */
export class BootClock implements Clock {
  readonly #system = new SystemClock();

  now(): Instant {
    return uptime() * msPerSecond;
  }

  async sleep(delayMs: number, signal?: AbortSignal): Promise<void> {
    await this.#system.sleep(delayMs, signal);
  }

  async turn(): Promise<void> {
    await this.#system.turn();
  }
}

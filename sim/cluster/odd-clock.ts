import type { Clock } from '../../src/host/clock.ts';
import type { Instant } from '../../src/model/instant.ts';

/** A machine's own clock, which runs a little faster or slower than time. */
export class DriftingClock implements Clock {
  readonly #clock: Clock;
  readonly #from: Instant;
  readonly #rate: number;

  constructor(clock: Clock, rate: number) {
    this.#clock = clock;
    this.#from = clock.now();
    this.#rate = rate;
  }

  now(): Instant {
    return this.#from + (this.#clock.now() - this.#from) * this.#rate;
  }

  async sleep(delayMs: number, signal?: AbortSignal): Promise<void> {
    await this.#clock.sleep(delayMs / this.#rate, signal);
  }

  async turn(): Promise<void> {
    await this.#clock.turn();
  }
}

/** A machine's time of day, which somebody sets; what is waited for takes as long as before. */
export class SetClock implements Clock {
  readonly #clock: Clock;
  #aheadMs = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  setBy(ms: number): void {
    this.#aheadMs += ms;
  }

  now(): Instant {
    return this.#clock.now() + this.#aheadMs;
  }

  async sleep(delayMs: number, signal?: AbortSignal): Promise<void> {
    await this.#clock.sleep(delayMs, signal);
  }

  async turn(): Promise<void> {
    await this.#clock.turn();
  }
}

/** The clock of a process that does not run at times: it wakes late, and hears nothing. */
export class StallingClock implements Clock {
  readonly #clock: Clock;
  #runsFrom: Instant = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  stall(durationMs: number): void {
    this.#runsFrom = this.#clock.now() + durationMs;
  }

  /** Resolves when the process runs; what waited in its timers comes before. */
  async running(): Promise<void> {
    const leftMs = this.#runsFrom - this.#clock.now();
    if (leftMs > 0) await this.#clock.sleep(leftMs + 1);
  }

  now(): Instant {
    return this.#clock.now();
  }

  async sleep(delayMs: number, signal?: AbortSignal): Promise<void> {
    await this.#clock.sleep(delayMs, signal);
    const leftMs = this.#runsFrom - this.#clock.now();
    if (leftMs > 0) await this.#clock.sleep(leftMs, signal);
  }

  async turn(): Promise<void> {
    await this.#clock.turn();
  }
}

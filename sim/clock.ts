import type { Clock } from '../src/host/clock.ts';
import type { Instant } from '../src/model/instant.ts';

interface Timer {
  readonly at: Instant;
  readonly wake: () => void;
}

/**
 * Time that passes only when told to. Timers fire one by one, in the order of their times and, at
 * the same time, of their making; after each, everything that follows from it in promises has
 * happened before the next one fires.
 */
export class VirtualClock implements Clock {
  #now: Instant;
  /** In the order of firing. */
  readonly #timers: Timer[] = [];

  constructor(startAt: Instant = 0) {
    this.#now = startAt;
  }

  now(): Instant {
    return this.#now;
  }

  async sleep(delayMs: number, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const onAbort = (): void => {
      this.#remove(timer);
      reject(signal?.reason);
    };
    const wake = (): void => {
      signal?.removeEventListener('abort', onAbort);
      resolve();
    };
    const timer: Timer = { at: this.#now + Math.max(0, delayMs), wake };
    signal?.addEventListener('abort', onAbort, { once: true });
    this.#insert(timer);
    await promise;
  }

  async turn(): Promise<void> {
    await Promise.resolve();
  }

  /** How many sleep. */
  get sleeping(): number {
    return this.#timers.length;
  }

  /** When the next one wakes. */
  get nextAt(): Instant | undefined {
    return this.#timers[0]?.at;
  }

  /** Lets everything happen that needs no time. */
  async settle(): Promise<void> {
    // A macrotask runs once no microtask is left, however long their chain was.
    await new Promise((resolve) => setImmediate(resolve));
  }

  /** Lets this much time pass, with all that falls due in it. */
  async advance(durationMs: number): Promise<void> {
    const until = this.#now + durationMs;
    await this.settle();
    while (this.#fireNext(until)) await this.settle();
    this.#now = until;
  }

  /**
   * Time passes in which nobody here runs: what fell due in it happens afterwards, all of it late.
   */
  freeze(durationMs: number): void {
    this.#now += durationMs;
  }

  /**
   * Lets time pass until the condition holds, which is asked after each timer. Returns whether it
   * did within the limit.
   */
  async runUntil(
    condition: () => boolean,
    options: { readonly limitMs: number },
  ): Promise<boolean> {
    const until = this.#now + options.limitMs;
    await this.settle();
    while (!condition()) {
      if (!this.#fireNext(until)) {
        this.#now = until;
        return condition();
      }
      await this.settle();
    }
    return true;
  }

  /** Lets time pass until nobody sleeps any more; throws when that takes longer than the limit. */
  async drain(options: { readonly limitMs: number }): Promise<void> {
    if (await this.runUntil(() => this.#timers.length === 0, options)) return;
    throw new Error(`${this.#timers.length} timers were left after ${options.limitMs} ms`);
  }

  #fireNext(until: Instant): boolean {
    const next = this.#timers[0];
    if (next === undefined || next.at > until) return false;
    this.#timers.shift();
    this.#now = Math.max(this.#now, next.at);
    next.wake();
    return true;
  }

  #insert(timer: Timer): void {
    let low = 0;
    let high = this.#timers.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const other = this.#timers[middle];
      if (other !== undefined && other.at <= timer.at) low = middle + 1;
      else high = middle;
    }
    this.#timers.splice(low, 0, timer);
  }

  #remove(timer: Timer): void {
    const index = this.#timers.indexOf(timer);
    if (index >= 0) this.#timers.splice(index, 1);
  }
}

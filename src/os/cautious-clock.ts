import type { Clock } from '../host/clock.ts';
import type { Instant } from '../model/instant.ts';
import { SystemClock } from './system-clock.ts';

/**
 * The clock of a node's lease: it never runs slower than time and never back. Of the machine's two
 * clocks the one that went further counts: the steady one stands still while the machine sleeps,
 * the other can be set.
 */
export class CautiousClock implements Clock {
  readonly #system = new SystemClock();
  readonly #read: () => { readonly steadyMs: number; readonly wallMs: number };
  #last: { readonly steadyMs: number; readonly wallMs: number };
  #now = 0;

  constructor(read = () => ({ steadyMs: performance.now(), wallMs: Date.now() })) {
    this.#read = read;
    this.#last = read();
  }

  now(): Instant {
    const next = this.#read();
    const steadyMs = next.steadyMs - this.#last.steadyMs;
    const wallMs = next.wallMs - this.#last.wallMs;
    this.#last = next;
    this.#now += Math.max(0, steadyMs, wallMs);
    return this.#now;
  }

  async sleep(delayMs: number, signal?: AbortSignal): Promise<void> {
    await this.#system.sleep(delayMs, signal);
  }

  async turn(): Promise<void> {
    await this.#system.turn();
  }
}

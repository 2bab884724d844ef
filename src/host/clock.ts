import type { Instant } from '../model/instant.ts';

/** Reading time and waiting belong together, or neither can be simulated. */
export interface Clock {
  now(): Instant;
  /** Resolves after `delayMs`, or rejects with the signal's reason when it aborts first. */
  sleep(delayMs: number, signal?: AbortSignal): Promise<void>;
  /**
   * Resolves after everybody else who could do something now had the chance: between the pieces of
   * long work. No time passes.
   */
  turn(): Promise<void>;
}

import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Clock } from '../host/clock.ts';
import type { Instant } from '../model/instant.ts';

/** Longer timers of Node fire at once. */
const longestTimerMs = 2 ** 31 - 1;

/** The machine's own time. */
export class SystemClock implements Clock {
  now(): Instant {
    return Date.now();
  }

  async sleep(delayMs: number, signal?: AbortSignal): Promise<void> {
    let leftMs = delayMs;
    while (leftMs > longestTimerMs) {
      await sleepOnce(longestTimerMs, signal);
      leftMs -= longestTimerMs;
    }
    await sleepOnce(leftMs, signal);
  }

  async turn(): Promise<void> {
    await nextTurn();
  }
}

function sleepOnce(delayMs: number, signal: AbortSignal | undefined): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  if (signal?.aborted === true) {
    reject(signal.reason);
    return promise;
  }
  const onAbort = (): void => {
    clearTimeout(timer);
    reject(signal?.reason);
  };
  const timer = setTimeout(() => {
    signal?.removeEventListener('abort', onAbort);
    resolve();
  }, delayMs);
  signal?.addEventListener('abort', onAbort, { once: true });
  return promise;
}

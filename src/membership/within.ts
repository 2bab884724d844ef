import type { Clock } from '../host/clock.ts';

/** Runs with a signal that aborts after that time, and has none of it left over. */
export async function within<T>(
  limitMs: number,
  on: { readonly clock: Clock; readonly run: (signal: AbortSignal) => Promise<T> },
): Promise<T> {
  const limit = new AbortController();
  const late = on.clock.sleep(limitMs, limit.signal).then(
    () => limit.abort(),
    () => undefined,
  );
  try {
    return await on.run(limit.signal);
  } finally {
    limit.abort();
    await late;
  }
}

import type { Instant } from '../model/instant.ts';

const nanosecondsPerMillisecond = 1_000_000;

/**
 * RFC 3339 as Go's `RFC3339Nano` prints it: as many digits as are needed, none for whole seconds.
 */
export function goTime(instant: Instant): string {
  return new Date(instant).toISOString().replace(/\.?0*Z$/, 'Z');
}

/** Go's durations are whole nanoseconds. */
export function toNanoseconds(durationMs: number): number {
  return Math.round(durationMs * nanosecondsPerMillisecond);
}

export function fromNanoseconds(nanoseconds: number): number {
  return nanoseconds / nanosecondsPerMillisecond;
}

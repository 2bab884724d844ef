/** How long it is from one sign of life to the next, as learned from those that came. */
export interface Rhythm {
  readonly meanMs: number;
  /** Mean distance from the mean. */
  readonly deviationMs: number;
}

const meanShare = 1 / 8;
const deviationShare = 1 / 4;
/** A gap this many times the mean may be a fault: it teaches no more than that. */
const longestLesson = 6;
/** Periods that may be missed, and deviations that a gap may be off. */
const toleratedPeriods = 3;
const toleratedDeviations = 6;

/** Takes a gap in, as TCP learns its round trips (RFC 6298). */
export function learn(rhythm: Rhythm, gapMs: number): Rhythm {
  const lessonMs = Math.min(gapMs, rhythm.meanMs * longestLesson);
  const offMs = lessonMs - rhythm.meanMs;
  return {
    meanMs: rhythm.meanMs + offMs * meanShare,
    deviationMs: rhythm.deviationMs + (Math.abs(offMs) - rhythm.deviationMs) * deviationShare,
  };
}

/** The silence beyond which somebody with this rhythm may be in trouble. */
export function tolerableSilenceMs(
  rhythm: Rhythm,
  within: { readonly leastMs: number; readonly mostMs: number },
): number {
  const learnedMs = Math.max(
    rhythm.meanMs * toleratedPeriods,
    rhythm.meanMs + rhythm.deviationMs * toleratedDeviations,
  );
  return Math.min(Math.max(learnedMs, within.leastMs), within.mostMs);
}

/** Of samples in milliseconds, or whatever unit they have. */
export interface Spread {
  readonly median: number;
  readonly p99: number;
  readonly highest: number;
  readonly count: number;
}

/** Undefined where nothing was measured. */
export function spreadOf(samples: readonly number[]): Spread | undefined {
  const sorted = samples.toSorted((left, right) => left - right);
  const { length: count } = sorted;
  const [upper, lower] = [sorted[count >> 1], sorted[Math.ceil(count / 2) - 1]];
  const highest = sorted.at(-1);
  if (upper === undefined || lower === undefined || highest === undefined) return undefined;
  const p99 = sorted[Math.min(count - 1, Math.ceil(count * 0.99) - 1)] ?? highest;
  return { median: (upper + lower) / 2, p99, highest, count };
}

/** `median, p99 (count)`. */
export function show(samples: readonly number[], digits: number): string {
  const spread = spreadOf(samples);
  if (spread === undefined) return 'not measured';
  const { median, p99, count } = spread;
  return `${median.toFixed(digits)}, ${p99.toFixed(digits)} (${count})`;
}

/** The median of what each pair gives. */
export function medianRatio(pairs: readonly (readonly [number, number])[]): number | undefined {
  return spreadOf(pairs.map(([one, other]) => one / other))?.median;
}

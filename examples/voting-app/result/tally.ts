import { isChoice } from '../shared/vote.ts';

/** How many people voted for what. */
export interface Tally {
  readonly a: number;
  readonly b: number;
  readonly total: number;
}

/** One row of `select vote, count(*) … group by vote`; PostgreSQL sends a bigint as text. */
export interface CountRow {
  readonly vote: string;
  readonly count: string;
}

/** Adds the rows up; a row of an unknown choice does not count. */
export function tallyRows(rows: readonly CountRow[]): Tally {
  const counts = { a: 0, b: 0 };
  for (const row of rows) {
    if (isChoice(row.vote)) counts[row.vote] += Number(row.count);
  }
  return { ...counts, total: counts.a + counts.b };
}

/** The share of option a in percent, 0 to 100; 50 while nobody voted, so that the bar is even. */
export function sharePercent(tally: Tally): number {
  return tally.total === 0 ? 50 : (tally.a / tally.total) * 100;
}

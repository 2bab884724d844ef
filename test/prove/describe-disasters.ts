import type { CaseResult } from '../disasters/case.ts';
import type { ProofResult } from './proof-report.ts';

const columns = [
  'what',
  'machines ran, or the command ended',
  'first write',
  'application answers',
];

/** What a cluster of three managers and two workers came back from, and how long it took. */
export function describeDisasters(results: readonly CaseResult[]): ProofResult {
  const writes = results.map(({ firstWriteMs }) => firstWriteMs);
  const whole = results.map(({ asDeclaredMs }) => asDeclaredMs);
  const summary =
    `${results.length} disasters of three managers and two workers with an engine each: the same ` +
    `cluster each time, every acknowledged config, secret and service as it was, secrets readable ` +
    `in containers, no slot twice; a write after at most ${seconds(Math.max(...writes))}, as ` +
    `declared after at most ${seconds(Math.max(...whole))}`;
  const rows = results.map(({ what, begunMs, firstWriteMs, answersMs, asDeclaredMs, compared }) =>
    [what, ...[begunMs, firstWriteMs, answersMs, asDeclaredMs].map(seconds), compared].join(' | '),
  );
  const table = [
    `| ${[...columns, 'all as declared', 'compared'].join(' | ')} |`,
    `|${' --- |'.repeat(columns.length + 2)}`,
    ...rows.map((row) => `| ${row} |`),
  ];
  return { summary, figures: { results }, table };
}

function seconds(milliseconds: number): string {
  return `${(milliseconds / 1_000).toFixed(1)} s`;
}

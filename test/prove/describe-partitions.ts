import type { PartitionRecord } from '../partitions/run.ts';
import type { ProofResult } from './proof-report.ts';

/** How soon names and ports were right on every node after each partition. */
export function describePartitions(
  records: readonly PartitionRecord[],
  size: { readonly managers: number; readonly workers: number },
): ProofResult {
  const longest = Math.max(...records.map(({ wrongUntilMs }) => wrongUntilMs));
  const summary =
    `${records.length} partitions (${size.managers} managers, ${size.workers} workers), services ` +
    `created, removed, scaled and killed meanwhile: every name and every port right on every node ` +
    `${seconds(longest)} after the healing, at most`;
  const table = [
    '| cut off | for | right after | all tasks there after |',
    '| --- | --- | --- | --- |',
    ...records.map(
      ({ kind, durationMs, wrongUntilMs, lackingUntilMs }) =>
        `| ${kind} | ${durationMs / 1_000} s | ${seconds(wrongUntilMs)} | ${seconds(lackingUntilMs)} |`,
    ),
  ];
  return { summary, figures: { ...size, records }, table };
}

function seconds(milliseconds: number): string {
  return `${(milliseconds / 1_000).toFixed(1)} s`;
}

import type { TrafficResult, TrafficStep } from '../traffic/run.ts';
import type { ProofResult } from './proof-report.ts';

/** What changes of a service under traffic came to, by kind of change. */
export function describeTraffic(
  { steps }: TrafficResult,
  size: { readonly managers: number; readonly workers: number },
): ProofResult {
  const [kept, fresh] = [sumOf(steps, (one) => one.kept), sumOf(steps, (one) => one.fresh)];
  const failed = sumOf(steps, (one) => one.failures.length);
  const summary =
    `${steps.length} changes of a service (${size.managers} managers, ${size.workers} workers) ` +
    `under 200 requests a second on kept connections and 200 on new ones, through all nodes: ` +
    `${kept} and ${fresh} requests, ${failed} failed`;
  return { summary, figures: { ...size, steps }, table: renderTable(steps) };
}

const columns = ['change', 'count', 'took, longest', 'kept', 'new', 'failed'];

function renderTable(steps: readonly TrafficStep[]): readonly string[] {
  return [
    `| ${columns.join(' | ')} |`,
    `|${' --- |'.repeat(columns.length)}`,
    ...[...Map.groupBy(steps, ({ what }) => what)].map(([what, group]) => {
      const longest = (Math.max(...group.map(({ tookMs }) => tookMs)) / 1_000).toFixed(1);
      const counts = [
        sumOf(group, (one) => one.kept),
        sumOf(group, (one) => one.fresh),
        sumOf(group, (one) => one.failures.length),
      ];
      return `| ${what} | ${group.length} | ${longest} s | ${counts.join(' | ')} |`;
    }),
  ];
}

function sumOf(steps: readonly TrafficStep[], pick: (one: TrafficStep) => number): number {
  return steps.reduce((total, one) => total + pick(one), 0);
}

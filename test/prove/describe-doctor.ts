import type { DoctorResult } from '../doctor/run.ts';
import type { ProofResult } from './proof-report.ts';

/** What the doctor said of each way to break a network. */
export function describeDoctor(results: readonly DoctorResult[]): ProofResult {
  const summary =
    `${results.length} states of the network of a manager and two workers, each named or ` +
    'repaired as it has to be by `tutti doctor net`';
  const table = [
    '| what was done | answer after | broken | warnings | repaired |',
    '| --- | --- | --- | --- | --- |',
    ...results.map(({ name, tookMs, findings }) => {
      const codes = (severity: string): string => {
        const found = findings.filter((one) => one.severity === severity);
        return [...new Set(found.map(({ code }) => code))].join(', ');
      };
      const cells = ['broken', 'warning', 'repaired'].map(codes);
      return `| ${name} | ${(tookMs / 1_000).toFixed(1)} s | ${cells.join(' | ')} |`;
    }),
  ];
  return { summary, figures: results, table };
}

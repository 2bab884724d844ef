import type { ClusterFaultRecord, ClusterResult } from '../cluster/run.ts';
import type { ProofResult } from './proof-report.ts';

/** Counts faults of a cluster, and what writes and requests came to meanwhile. */
export function describeCluster(
  { seed, records }: ClusterResult,
  size: { readonly managers: number; readonly workers: number },
): ProofResult {
  const sum = (pick: (one: ClusterFaultRecord) => number): number =>
    records.reduce((total, one) => total + pick(one), 0);
  const requests = sum((one) => one.requests);
  const lostOutside = sum((one) => one.lostOutside);
  const heals = timesOf(records, (one) => one.healMs);
  const summary =
    `${records.length} faults in a row (seed ${seed}, ${size.managers} managers, ${size.workers} ` +
    `workers, an engine each): ${sum((one) => one.writes)} writes acknowledged, none lost; no ` +
    `slot twice after healing, the fenced service never twice; ${requests} requests, ` +
    `${lostOutside} lost outside of the windows (${share(lostOutside, requests)}), ` +
    `${sum((one) => one.lostInside)} inside; as declared after ${seconds(heals.median)} (median; ` +
    `longest ${seconds(heals.longest)})`;
  return { summary, figures: { seed, ...size, records }, table: renderTable(records) };
}

const columns = [
  'fault',
  'of',
  'count',
  'as declared after, p50',
  'longest',
  'longest without a write',
  'writes',
  'requests',
  'lost inside',
  'lost outside',
];

function renderTable(records: readonly ClusterFaultRecord[]): readonly string[] {
  const groups = Map.groupBy(records, ({ kind, victim }) => `${kind} | ${victim}`);
  const rows = [...groups].toSorted(([left], [right]) => (left < right ? -1 : 1));
  return [
    `| ${columns.join(' | ')} |`,
    `|${' --- |'.repeat(columns.length)}`,
    ...rows.map(([name, group]) => {
      const sum = (pick: (one: ClusterFaultRecord) => number): number =>
        group.reduce((total, one) => total + pick(one), 0);
      const heals = timesOf(group, (one) => one.healMs);
      const gaps = timesOf(group, (one) => one.writeGapMs);
      const cells = [
        name,
        group.length,
        seconds(heals.median),
        seconds(heals.longest),
        seconds(gaps.longest),
        sum((one) => one.writes),
        sum((one) => one.requests),
        sum((one) => one.lostInside),
        sum((one) => one.lostOutside),
      ];
      return `| ${cells.join(' | ')} |`;
    }),
  ];
}

function timesOf(
  records: readonly ClusterFaultRecord[],
  pick: (one: ClusterFaultRecord) => number,
): { readonly median: number; readonly longest: number } {
  const sorted = records.map(pick).toSorted((left, right) => left - right);
  return { median: sorted[sorted.length >> 1] ?? 0, longest: sorted.at(-1) ?? 0 };
}

function share(part: number, whole: number): string {
  return `${whole === 0 ? 0 : ((100 * part) / whole).toFixed(3)} %`;
}

function seconds(milliseconds: number): string {
  return `${(milliseconds / 1_000).toFixed(1)} s`;
}

import type { UpgradeResult, UpgradeStep } from '../upgrade/run.ts';
import type { ProofResult } from './proof-report.ts';

/** What a rolling upgrade came to, node by node. */
export function describeUpgrade(
  result: UpgradeResult,
  size: { readonly managers: number; readonly workers: number },
): ProofResult {
  const { steps, containers, lookups, requests, writes, lost, refusal } = result;
  const late = lost.filter(({ kind }) => kind === 'late lookup').length;
  const summary =
    `a cluster of ${size.managers} managers and ${size.workers} workers got the next version, node ` +
    `by node: ${containers} containers, none stopped; ${lookups} lookups and ${requests} requests, ` +
    `none lost (${late} lookups answered after more than a second); ${writes} writes acknowledged, ` +
    `none lost; services deployed, scaled, updated and removed after each node; the way back is ` +
    `refused: "${refusal}"`;
  return { summary, figures: { ...size, ...result }, table: renderSteps(steps) };
}

const columns = [
  'node',
  'restarted in',
  'longest without a write',
  'lost lookups',
  'lost requests',
];

function renderSteps(steps: readonly UpgradeStep[]): readonly string[] {
  const seconds = (milliseconds: number): string => `${(milliseconds / 1_000).toFixed(1)} s`;
  const count = ({ lost }: UpgradeStep, wanted: string): number =>
    lost.filter(({ kind }) => kind === wanted).length;
  return [
    `| ${columns.join(' | ')} |`,
    `|${' --- |'.repeat(columns.length)}`,
    ...steps.map((step) => {
      const name = `${step.host}${step.isLeader ? ' (the leader)' : ''}`;
      const times = `${seconds(step.restartMs)} | ${seconds(step.writeGapMs)}`;
      return `| ${name} | ${times} | ${count(step, 'lookup')} | ${count(step, 'page')} |`;
    }),
  ];
}

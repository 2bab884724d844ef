import type { ChurnResult } from '../churn/run.ts';
import type { ProofResult } from './proof-report.ts';

/** What stacks that came and went left behind: nothing, and how much the daemons hold. */
export function describeChurn(result: ChurnResult): ProofResult {
  const { deploys, tookMs, held } = result;
  const minutes = (tookMs / 60_000).toFixed(0);
  const summary =
    `${deploys} stacks deployed and removed on two nodes in ${minutes} minutes, the port of each ` +
    `called by both: containers, networks, volumes, devices, addresses, routes, rules, ` +
    `connections, mounts, files and rows as before`;
  const table = [
    '| process | memory before | after | open files before | after |',
    '| --- | --- | --- | --- | --- |',
    ...Object.entries(held).map(([of, { before, after }]) => {
      const memory = [before, after].map((one) => `${one.memoryMegabytes.toFixed(1)} MB`);
      return `| ${of} | ${memory.join(' | ')} | ${before.openFiles} | ${after.openFiles} |`;
    }),
  ];
  return { summary, figures: result, table };
}

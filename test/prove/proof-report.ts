import type { Machine } from '../../bench/machine.ts';

/** What a part found; it throws when something is not as it should be. */
export interface ProofResult {
  readonly summary: string;
  readonly figures: object;
  /** Lines of Markdown that say more than the summary. */
  readonly table?: readonly string[];
}

/** The latest result of each part. */
export type ProofReport = Readonly<
  Record<string, ProofResult & { readonly date: string; readonly machine: Machine }>
>;

export function renderProof(report: ProofReport): string {
  const rows = Object.entries(report).map(
    ([name, { summary, date, machine }]) => `| ${name} | ${summary} | ${date}, ${machine.commit} |`,
  );
  const tables = Object.entries(report).flatMap(([name, { table }]) =>
    table === undefined ? [] : [`## ${name}`, '', ...table, ''],
  );
  const [latest] = Object.values(report);
  const machine = latest?.machine;
  return [
    '# Proofs at length',
    '',
    'Written by `npm run prove`; details are in `prove.json`. A part that fails writes nothing.',
    '',
    `${machine?.cores} cores, ${machine?.memoryGigabytes} GB, kernel ${machine?.kernel}, Node ${machine?.node}.`,
    '',
    '| part | what was seen | when |',
    '| --- | --- | --- |',
    ...rows,
    '',
    ...tables,
  ].join('\n');
}

import { execFile } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { argv, execPath, stdout } from 'node:process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { CoreRun } from './core-run.ts';
import { describeMachine, type Machine } from './machine.ts';

const run = promisify(execFile);

/** How many tasks, how often, and what the milestone asks for. */
const plan = [
  { tasks: 100_000, runs: 5, asked: 10_000 },
  { tasks: 1_000_000, runs: 2, asked: 8_000 },
] as const;

interface CoreResults {
  readonly takenAt: string;
  readonly machine: Machine;
  readonly setting: string;
  readonly runs: readonly CoreRun[];
}

const setting =
  '100 services on 1,000 nodes, 20 networks, CPU and memory reserved; from the first declaration ' +
  'until every task has its node and its address and is in SQLite, synced';

/**
 * Measures the core: `core.ts [tasks …]`; each run is a process. Without arguments it is the whole
 * plan, and the result is written to `bench/results/`.
 */
async function main(only: readonly number[]): Promise<void> {
  const scratch = fileURLToPath(new URL('../.cache/bench-core/', import.meta.url));
  mkdirSync(scratch, { recursive: true });
  const runs: CoreRun[] = [];
  for (const { tasks, runs: count } of plan) {
    if (only.length > 0 && !only.includes(tasks)) continue;
    for (let number = 1; number <= count; number += 1) {
      const result = await runOnce(tasks, scratch);
      runs.push(result);
      stdout.write(`${tasks} tasks, run ${number} of ${count}: ${sentence(result)}\n`);
    }
  }
  const machine = describeMachine(scratch);
  const results: CoreResults = { takenAt: new Date().toISOString(), machine, setting, runs };
  stdout.write(`\n${toMarkdown(results)}`);
  if (only.length > 0) return;
  const directory = new URL('./results/', import.meta.url);
  mkdirSync(directory, { recursive: true });
  writeFileSync(new URL('core.json', directory), `${JSON.stringify(results, undefined, 2)}\n`);
  writeFileSync(new URL('core.md', directory), toMarkdown(results));
}

async function runOnce(tasks: number, scratch: string): Promise<CoreRun> {
  const script = fileURLToPath(new URL('./core-run.ts', import.meta.url));
  const { stdout: line } = await run(execPath, [script, String(tasks), scratch]);
  return JSON.parse(line) as CoreRun;
}

function sentence(result: CoreRun): string {
  return (
    `${thousands(result.tasksPerSecond)} tasks/s ` +
    `(slowest tenth ${thousands(result.slowestTenthPerSecond)}), ` +
    `${result.residentMegabytes} MB resident`
  );
}

function toMarkdown({ takenAt, machine, runs }: CoreResults): string {
  const rows = plan.flatMap(({ tasks, asked }) => {
    const own = runs.filter((one) => one.tasks === tasks);
    if (own.length === 0) return [];
    const rates = own.map((one) => one.tasksPerSecond);
    const slowest = median(own.map((one) => one.slowestTenthPerSecond));
    const stall = median(own.map((one) => one.longestStallMs));
    const replace = median(own.map((one) => one.replaceMedianMs));
    const memory = median(own.map((one) => one.residentMegabytes));
    const load = median(own.map((one) => one.loadMs));
    return [
      `| ${thousands(tasks)} | ${own.length} | **${thousands(median(rates))}** ` +
        `(${thousands(Math.min(...rates))}–${thousands(Math.max(...rates))}) ` +
        `| ≥ ${thousands(asked)} | ${thousands(slowest)} | ${Math.round(stall)} | ${replace} ` +
        `| ${thousands(memory)} | ${thousands(load)} |`,
    ];
  });
  return [
    '# The core: tasks placed and durable',
    '',
    `${setting}. Medians (and range).`,
    '',
    `${machine.cores} × ${machine.cpu}, ${machine.memoryGigabytes} GB, ${machine.fileSystem}, ` +
      `kernel ${machine.kernel}, Node ${machine.node}, SQLite ${machine.sqlite}, ` +
      `commit ${machine.commit}, ${takenAt.slice(0, 10)}.`,
    '',
    '| tasks | runs | tasks/s | asked | slowest tenth, tasks/s | longest stall of the loop, ms ' +
      '| a failed task replaced, ms | resident, MB | load after a restart, ms |',
    '| --- | --- | --- | --- | --- | --- | --- | --- | --- |',
    ...rows,
    '',
  ].join('\n');
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((left, right) => left - right);
  const middle = sorted.length / 2;
  const [low, high] = [sorted[Math.ceil(middle) - 1] ?? 0, sorted[Math.floor(middle)] ?? 0];
  return Number(((low + high) / 2).toFixed(1));
}

function thousands(value: number): string {
  return Math.round(value).toLocaleString('en-US');
}

await main(argv.slice(2).map(Number));

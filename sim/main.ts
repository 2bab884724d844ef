import { argv, exit, stdout } from 'node:process';
import { parseArgs } from 'node:util';
import { nodeBugs } from './planted/node-bugs.ts';
import { roundBugs } from './planted/round-bugs.ts';
import { storeBugs } from './planted/store-bugs.ts';
import { type ClusterOutcome, runClusterSeed } from './cluster/cluster-life.ts';
import { clusterBugs } from './planted/cluster-bugs.ts';
import { type Outcome, runSeed } from './scenario.ts';

/**
 * `--seeds N` runs seeds 1 … N, of one node and of clusters; `--seed N` replays one of one node and
 * says what happens, with `--cluster` one of a cluster; `--planted` shows that each planted bug is
 * found.
 */
const { values } = parseArgs({
  args: argv.slice(2),
  options: {
    seeds: { type: 'string', default: '200' },
    seed: { type: 'string' },
    cluster: { type: 'boolean', default: false },
    planted: { type: 'boolean', default: false },
    verbose: { type: 'boolean', default: false },
  },
});

function say(line: string): void {
  stdout.write(`${line}\n`);
}

async function replay(seed: number): Promise<boolean> {
  const tell = (line: string): void => {
    if (values.verbose || !line.startsWith('>')) say(line);
  };
  if (values.cluster) {
    const outcome = await runClusterSeed(seed, { tell });
    show(outcome);
    say(`seed ${seed} of a cluster: ${outcome.violations.length} violations`);
    return outcome.violations.length === 0;
  }
  const outcome = await runSeed(seed, { tell });
  show(outcome);
  say(`seed ${seed}: ${outcome.violations.length} violations, ${describe([outcome])}`);
  return outcome.violations.length === 0;
}

async function runPlanted(): Promise<boolean> {
  const bugs = [...storeBugs, ...roundBugs, ...nodeBugs];
  let found = 0;
  for (const { name, check, seed, seams } of bugs) {
    const { violations } = await runSeed(seed, { seams });
    const isFound = violations.some((violation) => violation.check === check);
    if (isFound) found += 1;
    say(`${isFound ? 'found' : 'NOT FOUND'} with seed ${seed}: ${name} (${check})`);
  }
  for (const { name, check, seed, seams } of clusterBugs) {
    const { violations } = await runClusterSeed(seed, { seams });
    const isFound = violations.some((violation) => violation.check === check);
    if (isFound) found += 1;
    say(`${isFound ? 'found' : 'NOT FOUND'} with seed ${seed} of a cluster: ${name} (${check})`);
  }
  const count = bugs.length + clusterBugs.length;
  say(`simulation: ${found} of ${count} planted bugs were found`);
  return found === count;
}

async function runAll(count: number): Promise<boolean> {
  const outcomes: Outcome[] = [];
  for (let seed = 1; seed <= count; seed += 1) outcomes.push(await runSeed(seed));
  const failed = outcomes.filter(({ violations }) => violations.length > 0);
  for (const outcome of failed) {
    say(`seed ${outcome.seed} failed; replay it: node sim/main.ts --seed ${outcome.seed}`);
    show(outcome);
  }
  say(`simulation: ${count - failed.length} of ${count} seeds passed, ${describe(outcomes)}`);
  return failed.length === 0;
}

async function runClusters(count: number): Promise<boolean> {
  const outcomes: ClusterOutcome[] = [];
  for (let seed = 1; seed <= count; seed += 1) outcomes.push(await runClusterSeed(seed));
  const failed = outcomes.filter(({ violations }) => violations.length > 0);
  for (const outcome of failed) {
    const { seed } = outcome;
    say(`seed ${seed} failed; replay it: node sim/main.ts --cluster --seed ${seed}`);
    show(outcome);
  }
  const cuts = outcomes.reduce((total, outcome) => total + outcome.cuts, 0);
  const passed = `${count - failed.length} of ${count} seeds of clusters passed`;
  say(`simulation: ${passed}, ${cuts} cuts`);
  return failed.length === 0;
}

function show({ violations }: Pick<Outcome | ClusterOutcome, 'violations'>): void {
  const most = 5;
  for (const { check, message } of violations.slice(0, most))
    say(`  ${check}: ${message.split('\n', 3).join(' ')}`);
  if (violations.length > most) say(`  and ${violations.length - most} more`);
}

function describe(outcomes: readonly Outcome[]): string {
  const sum = (pick: (outcome: Outcome) => number): number =>
    outcomes.reduce((total, outcome) => total + pick(outcome), 0);
  const minutes = (sum(({ virtualMs }) => virtualMs) / 60_000).toFixed(0);
  return [
    `${sum(({ writes }) => writes)} writes acknowledged`,
    `${sum(({ faults }) => faults)} faults`,
    `${sum(({ containers }) => containers)} containers`,
    `${sum(({ commits }) => commits)} commits`,
    `${minutes} minutes of virtual time`,
  ].join(', ');
}

function toCount(text: string): number {
  const count = Number(text);
  if (Number.isSafeInteger(count) && count > 0) return count;
  say(`"${text}" is no number of seeds: give a whole number above 0`);
  exit(2);
}

async function run(): Promise<boolean> {
  if (values.planted) return await runPlanted();
  if (values.seed !== undefined) return await replay(toCount(values.seed));
  const count = toCount(values.seeds);
  const passed = await runAll(count);
  return (await runClusters(count)) && passed;
}

exit((await run()) ? 0 : 1);

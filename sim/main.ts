import { argv, exit, stdout } from 'node:process';
import { parseArgs } from 'node:util';
import { seedThatFinds } from './planted/find-planted.ts';
import { nodeBugs } from './planted/node-bugs.ts';
import { roundBugs } from './planted/round-bugs.ts';
import { storeBugs } from './planted/store-bugs.ts';
import { runClusterSeed } from './cluster/cluster-life.ts';
import { clusterBugs } from './planted/cluster-bugs.ts';
import { managersBugs } from './planted/managers-bugs.ts';
import { runManagersSeed } from './managers/managers-life.ts';
import { runManySeeds } from './many-seeds.ts';
import { runSeed } from './scenario.ts';
import { describe, describeFaults, violationLines } from './tally.ts';

/**
 * `--seeds N` runs seeds 1 … N, of one node and of clusters; `--seed N` replays one of one node and
 * says what happens, with `--cluster` one of a cluster, with `--managers` one of a cluster with
 * several managers; `--planted` shows that each planted bug is found.
 */
const { values } = parseArgs({
  args: argv.slice(2),
  options: {
    seeds: { type: 'string', default: '200' },
    seed: { type: 'string' },
    cluster: { type: 'boolean', default: false },
    managers: { type: 'boolean', default: false },
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
    for (const line of violationLines(outcome.violations)) say(line);
    say(`seed ${seed} of a cluster: ${outcome.violations.length} violations`);
    return outcome.violations.length === 0;
  }
  if (values.managers) {
    const outcome = await runManagersSeed(seed, { tell });
    for (const line of violationLines(outcome.violations)) say(line);
    const { violations, takeovers, writes } = outcome;
    say(
      `seed ${seed} of several managers: ${violations.length} violations, ` +
        `${takeovers} changes of the leader, ${writes} writes acknowledged`,
    );
    return violations.length === 0;
  }
  const outcome = await runSeed(seed, { tell });
  for (const line of violationLines(outcome.violations)) say(line);
  const { violations, writes, faults, containers } = outcome;
  say(
    `seed ${seed}: ${violations.length} violations, ${writes} writes acknowledged, ` +
      `${faults} faults, ${containers} containers`,
  );
  return outcome.violations.length === 0;
}

async function runPlanted(): Promise<boolean> {
  const ofOne = [...storeBugs, ...roundBugs, ...nodeBugs].map((bug) => ({
    ...bug,
    of: '',
    run: async (seed: number) => (await runSeed(seed, bug)).violations,
  }));
  const ofMany = clusterBugs.map((bug) => ({
    ...bug,
    of: ' of a cluster',
    run: async (seed: number) => (await runClusterSeed(seed, bug)).violations,
  }));
  const ofManagers = managersBugs.map((bug) => ({
    ...bug,
    of: ' of several managers',
    run: async (seed: number) => (await runManagersSeed(seed, bug)).violations,
  }));
  const bugs = [...ofOne, ...ofMany, ...ofManagers];
  let found = 0;
  for (const bug of bugs) {
    const seed = await seedThatFinds(bug, async (tried) => {
      const violations = await bug.run(tried);
      return violations.some(({ check }) => check === bug.check);
    });
    if (seed !== undefined) found += 1;
    const how = seed === undefined ? 'NOT FOUND' : `found with seed ${seed}${bug.of}`;
    say(`${how}: ${bug.name} (${bug.check})`);
  }
  say(`simulation: ${found} of ${bugs.length} planted bugs were found`);
  return found === bugs.length;
}

async function runAll(count: number): Promise<boolean> {
  const tally = await runManySeeds(count, say);
  for (const line of describeFaults(tally)) say(line);
  say(`simulation: ${describe(tally)}`);
  return tally.passed + tally.clusters.passed + tally.managers.passed === 2 * count;
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
  return await runAll(toCount(values.seeds));
}

exit((await run()) ? 0 : 1);

import { parentPort, workerData } from 'node:worker_threads';
import { type ClusterOutcome, runClusterSeed } from './cluster/cluster-life.ts';
import { type ManagersOutcome, runManagersSeed } from './managers/managers-life.ts';
import { type Outcome, runSeed } from './scenario.ts';
import { add, noSeeds, type Tally, tallyOf, violationLines } from './tally.ts';

/** Every so many clusters have several managers: each costs as much as two of the others. */
const managersEvery = 8;

function hasManagers(seed: number): boolean {
  return seed % managersEvery === 0;
}

/** The seeds of one thread: `first`, and each `step` further, up to `last`. */
export interface LaneWork {
  readonly first: number;
  readonly step: number;
  readonly last: number;
}

/**
 * What a lane says: each line of a seed that failed, now and then what they came to so far, and in
 * the end what all came to.
 */
export type LaneMessage =
  | { readonly line: string }
  | { readonly soFar: Tally }
  | { readonly tally: Tally };

const sayEvery = 100;

function say(message: LaneMessage): void {
  parentPort?.postMessage(message, []);
}

function showFailed(
  how: string,
  { seed, violations }: Outcome | ClusterOutcome | ManagersOutcome,
): void {
  if (violations.length === 0) return;
  say({ line: `seed ${seed} failed; replay it: node sim/main.ts ${how}--seed ${seed}` });
  for (const line of violationLines(violations)) say({ line });
}

async function run({ first, step, last }: LaneWork): Promise<void> {
  let tally = noSeeds;
  for (let seed = first; seed <= last; seed += step) {
    const one = await runSeed(seed);
    showFailed('', one);
    if (hasManagers(seed)) {
      const several = await runManagersSeed(seed);
      showFailed('--managers ', several);
      tally = add(tally, tallyOf(one, { several }));
    } else {
      const cluster = await runClusterSeed(seed);
      showFailed('--cluster ', cluster);
      tally = add(tally, tallyOf(one, { cluster }));
    }
    if (tally.seeds % sayEvery === 0) say({ soFar: tally });
  }
  say({ tally });
}

if (parentPort !== null) await run(workerData as LaneWork);

import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import type { LaneMessage, LaneWork } from './seed-lane.ts';
import { add, describe, describeFaults, noSeeds, type Tally } from './tally.ts';

/** Whoever waits for many hears now and then how far they are. */
const sayEvery = 1_000;

/** Runs seeds 1 … `count`, on all cores, and says what failed as it comes. */
export async function runManySeeds(count: number, say: (line: string) => void): Promise<Tally> {
  const step = Math.min(availableParallelism(), count);
  const soFar = new Map<number, Tally>();
  let said = 0;
  const lanes = Array.from({ length: step }, (_, lane) =>
    runLane(
      { first: lane + 1, step, last: count },
      {
        say,
        onTally: (tally) => {
          soFar.set(lane, tally);
          const all = [...soFar.values()].reduce(add, noSeeds);
          if (all.seeds < said + sayEvery) return;
          said = all.seeds;
          for (const line of [...describeFaults(all), describe(all)]) say(`so far: ${line}`);
        },
      },
    ),
  );
  return (await Promise.all(lanes)).reduce(add, noSeeds);
}

async function runLane(
  work: LaneWork,
  on: { readonly say: (line: string) => void; readonly onTally: (tally: Tally) => void },
): Promise<Tally> {
  const { promise, resolve, reject } = Promise.withResolvers<Tally>();
  const worker = new Worker(new URL('./seed-lane.ts', import.meta.url), { workerData: work });
  worker.on('message', (message: LaneMessage) => {
    if ('line' in message) on.say(message.line);
    else if ('soFar' in message) on.onTally(message.soFar);
    else resolve(message.tally);
  });
  worker.once('error', reject);
  worker.once('exit', (code) =>
    reject(new Error(`the lane ended with ${code}, and without a word`)),
  );
  return await promise;
}

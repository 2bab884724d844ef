import { describeError } from '../shared/describe-error.ts';
import type { BallotBox } from './ballot-box.ts';
import { readBatch } from './batch.ts';
import type { VoteQueue } from './vote-queue.ts';

export interface WorkOptions {
  readonly queue: Pick<VoteQueue, 'take' | 'acknowledge' | 'recoverAbandoned'>;
  readonly ballotBox: Pick<BallotBox, 'prepare' | 'record'>;
  /** A monotonic clock. */
  readonly nowMs: () => number;
  /** Waits; returns early when the worker is to stop. */
  readonly pause: (delayMs: number) => Promise<void>;
  readonly stopping: AbortSignal;
  readonly log: (line: string) => void;
}

const emptyQueueDelayMs = 100;
const longestRetryDelayMs = 2_000;
const recoverEveryMs = 2_000;

/** Carries votes from the queue to the database until told to stop, and gives up on nothing. */
export async function work(options: WorkOptions): Promise<void> {
  const { queue, nowMs, pause, stopping, log } = options;
  let failures = 0;
  let recoverAtMs = nowMs();
  while (!stopping.aborted) {
    try {
      if (nowMs() >= recoverAtMs) {
        recoverAtMs = nowMs() + recoverEveryMs;
        const recovered = await queue.recoverAbandoned();
        if (recovered > 0) log(`took over ${recovered} votes of a worker that is gone`);
      }
      const carried = await carryBatch(options);
      if (failures > 0) log('working again');
      failures = 0;
      if (carried === 0) await pause(emptyQueueDelayMs);
    } catch (error) {
      // What was taken stays in this worker's list and is taken again.
      if (failures === 0) log(`${describeError(error)}; trying again`);
      failures += 1;
      await pause(Math.min(100 * 2 ** Math.min(failures, 6), longestRetryDelayMs));
    }
  }
}

/** The only order that loses nothing: take, record, acknowledge. Returns how many entries. */
async function carryBatch({ queue, ballotBox, log }: WorkOptions): Promise<number> {
  // The table is there before the first vote, so that the result can be read.
  await ballotBox.prepare();
  const entries = await queue.take();
  if (entries.length === 0) return 0;
  const { votes, malformed } = readBatch(entries);
  if (malformed.length > 0) log(`dropped ${malformed.length} entries that are no votes`);
  if (votes.length > 0) await ballotBox.record(votes);
  await queue.acknowledge(entries);
  return entries.length;
}

import { queueKey } from '../shared/vote.ts';

/**
 * Takes votes from Redis so that none is lost, whatever dies in between.
 *
 * `LMOVE` moves an entry from the queue to a list of this worker's own in one step, so each vote
 * is always in exactly one of them until the database has it; only then it is removed. A worker
 * that dies leaves its list behind. Each worker keeps a lease, a key that expires, and renews it
 * whenever it takes; whoever finds a list without a lease moves its entries back to the head of
 * the queue.
 *
 * A worker that was only slow may find its list emptied and its votes handled by another. That is
 * harmless: writing a vote twice leaves one row, and of two votes of one voter the later one wins
 * in any order. So a lease can be short.
 *
 * The queue is polled instead of waited for with BLMOVE: a blocked connection could be handed a
 * vote in the very moment in which the worker is told to stop.
 */

/** The commands that are used here; `@redis/client` has them. */
export interface ListCommands {
  lLen(key: string): Promise<number>;
  lRange(key: string, start: number, stop: number): Promise<string[]>;
  lTrim(key: string, start: number, stop: number): Promise<unknown>;
  lMove(
    source: string,
    destination: string,
    from: 'LEFT' | 'RIGHT',
    to: 'LEFT' | 'RIGHT',
  ): Promise<string | null>;
  set(key: string, value: string, options: { EX: number }): Promise<unknown>;
  exists(key: string): Promise<number>;
  del(key: string): Promise<number>;
  scanIterator(options: { MATCH: string; COUNT: number }): AsyncIterable<string[]>;
}

export interface VoteQueueOptions {
  readonly redis: ListCommands;
  /** Unlike that of any other worker, ever. */
  readonly workerId: string;
  readonly batchSize: number;
  readonly leaseSeconds: number;
}

const listPrefix = 'votes:processing:';
const leasePrefix = 'votes:lease:';

export class VoteQueue {
  readonly #redis: ListCommands;
  readonly #options: VoteQueueOptions;
  readonly #ownList: string;
  readonly #ownLease: string;

  constructor(options: VoteQueueOptions) {
    this.#redis = options.redis;
    this.#options = options;
    this.#ownList = `${listPrefix}${options.workerId}`;
    this.#ownLease = `${leasePrefix}${options.workerId}`;
  }

  /**
   * The next entries, oldest first, none when the queue is empty. Entries that were taken and not
   * acknowledged come again.
   */
  async take(): Promise<readonly string[]> {
    // One connection keeps the order: the lease is there before the first entry is moved.
    const [, waiting, unfinished] = await Promise.all([
      this.#redis.set(this.#ownLease, '1', { EX: this.#options.leaseSeconds }),
      this.#redis.lLen(queueKey),
      this.#redis.lRange(this.#ownList, 0, -1),
    ]);
    if (unfinished.length > 0) return unfinished;
    const wanted = Math.min(waiting, this.#options.batchSize);
    // Sent together, answered together; another worker may have been faster for some of them.
    const moves = Array.from({ length: wanted }, () =>
      this.#redis.lMove(queueKey, this.#ownList, 'LEFT', 'RIGHT'),
    );
    return (await Promise.all(moves)).filter((entry) => entry !== null);
  }

  /** Forgets entries that `take` returned and that the database has. */
  async acknowledge(entries: readonly string[]): Promise<void> {
    await this.#redis.lTrim(this.#ownList, entries.length, -1);
  }

  /** Moves what dead workers left behind back to the queue; returns how many entries. */
  async recoverAbandoned(): Promise<number> {
    let recovered = 0;
    for await (const lists of this.#redis.scanIterator({ MATCH: `${listPrefix}*`, COUNT: 100 })) {
      for (const list of lists) {
        const lease = `${leasePrefix}${list.slice(listPrefix.length)}`;
        if ((await this.#redis.exists(lease)) === 0) recovered += await this.#giveBack(list);
      }
    }
    return recovered;
  }

  /** Leaves nothing behind: gives back what is unfinished and the lease. */
  async close(): Promise<void> {
    await this.#giveBack(this.#ownList);
    await this.#redis.del(this.#ownLease);
  }

  /** From the end of the list to the head of the queue, so that the order stays. */
  async #giveBack(list: string): Promise<number> {
    let moved = 0;
    while ((await this.#redis.lMove(list, queueKey, 'RIGHT', 'LEFT')) !== null) moved += 1;
    return moved;
  }
}

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { encodeVote, queueKey } from '../shared/vote.ts';
import type { Vote } from '../shared/vote.ts';
import { VoteQueue } from './vote-queue.ts';
import type { ListCommands } from './vote-queue.ts';
import { work } from './work.ts';

/** The list commands of a Redis, on arrays; leases expire when the test says so. */
function startRedis() {
  const lists = new Map<string, string[]>();
  const leases = new Set<string>();
  const list = (key: string) => lists.getOrInsertComputed(key, () => []);
  const commands: ListCommands = {
    lLen: async (key) => list(key).length,
    lRange: async (key) => [...list(key)],
    lTrim: async (key, start) => list(key).splice(0, start),
    lMove: async (...[source, destination, from, to]) => {
      const entry = from === 'LEFT' ? list(source).shift() : list(source).pop();
      if (entry === undefined) return null;
      if (to === 'LEFT') list(destination).unshift(entry);
      else list(destination).push(entry);
      return entry;
    },
    set: async (key) => leases.add(key),
    exists: async (key) => (leases.has(key) ? 1 : 0),
    del: async (key) => (leases.delete(key) ? 1 : 0),
    scanIterator: async function* () {
      yield [...lists.keys()].filter((key) => key.startsWith('votes:processing:'));
    },
  };
  return { commands, list, leases };
}

function openQueue(redis: ListCommands, workerId: string, batchSize = 100): VoteQueue {
  return new VoteQueue({ redis, workerId, batchSize, leaseSeconds: 6 });
}

/** Works until nothing is left to do; each pause moves the clock, the last one stops the worker. */
async function workUntilIdle(
  queue: VoteQueue,
  record: (votes: readonly Vote[]) => Promise<void>,
): Promise<string[]> {
  const stopping = new AbortController();
  const lines: string[] = [];
  let nowMs = 0;
  let pauses = 0;
  await work({
    queue,
    ballotBox: { prepare: async () => {}, record },
    nowMs: () => nowMs,
    pause: async (delayMs) => {
      nowMs += delayMs;
      pauses += 1;
      if (pauses >= 30) stopping.abort();
    },
    stopping: stopping.signal,
    log: (line) => lines.push(line),
  });
  return lines;
}

const entries = (count: number) =>
  Array.from({ length: count }, (_, index) =>
    encodeVote({ voterId: `voter-${index}`, choice: 'a', castAtMs: index }),
  );

test('all votes of the queue reach the database, in batches', async () => {
  const redis = startRedis();
  redis.list(queueKey).push(...entries(25));
  const rows = new Set<string>();
  const sizes: number[] = [];
  await workUntilIdle(openQueue(redis.commands, 'one', 10), async (votes) => {
    sizes.push(votes.length);
    for (const { voterId } of votes) rows.add(voterId);
  });
  assert.equal(rows.size, 25);
  assert.deepEqual(sizes, [10, 10, 5]);
  assert.deepEqual(redis.list('votes:processing:one'), []);
});

test('votes that the database refused are recorded when it is back', async () => {
  const redis = startRedis();
  redis.list(queueKey).push(...entries(3));
  const rows = new Set<string>();
  let refusals = 2;
  const lines = await workUntilIdle(openQueue(redis.commands, 'one'), async (votes) => {
    refusals -= 1;
    if (refusals >= 0) throw new Error('the database is away');
    for (const { voterId } of votes) rows.add(voterId);
  });
  assert.equal(rows.size, 3);
  assert.deepEqual(lines, ['the database is away; trying again', 'working again']);
});

test('votes in the hands of a killed worker go to another one when its lease is over', async () => {
  const redis = startRedis();
  redis.list(queueKey).push(...entries(5));
  await openQueue(redis.commands, 'killed', 3).take();
  const rows = new Set<string>();
  const record = async (votes: readonly Vote[]) => {
    for (const { voterId } of votes) rows.add(voterId);
  };
  await workUntilIdle(openQueue(redis.commands, 'other'), record);
  assert.equal(rows.size, 2, 'a living worker keeps what it took');
  redis.leases.delete('votes:lease:killed');
  const lines = await workUntilIdle(openQueue(redis.commands, 'other'), record);
  assert.equal(rows.size, 5);
  assert.deepEqual(lines, ['took over 3 votes of a worker that is gone']);
});

test('what is given back stands in the queue before newer votes, in its old order', async () => {
  const redis = startRedis();
  const [first, second, third] = entries(3);
  redis.list(queueKey).push(...entries(3));
  const queue = openQueue(redis.commands, 'one', 2);
  assert.deepEqual(await queue.take(), [first, second]);
  await queue.close();
  assert.deepEqual(redis.list(queueKey), [first, second, third]);
  assert.equal(redis.leases.size, 0);
});

test('a slow worker whose votes were taken over removes nothing of others', async () => {
  const redis = startRedis();
  redis.list(queueKey).push(...entries(2));
  const slow = openQueue(redis.commands, 'slow');
  const taken = await slow.take();
  redis.leases.clear();
  await openQueue(redis.commands, 'other').recoverAbandoned();
  await slow.acknowledge(taken);
  assert.deepEqual(redis.list(queueKey), entries(2));
});

test('an entry that is no vote is dropped, said so, and blocks nothing', async () => {
  const redis = startRedis();
  redis.list(queueKey).push('nonsense', ...entries(1));
  const rows: string[] = [];
  const lines = await workUntilIdle(openQueue(redis.commands, 'one'), async (votes) => {
    rows.push(...votes.map(({ voterId }) => voterId));
  });
  assert.deepEqual(rows, ['voter-0']);
  assert.deepEqual(lines, ['dropped 1 entries that are no votes']);
});

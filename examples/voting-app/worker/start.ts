import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { openDatabase } from '../shared/database.ts';
import { closeRedis, openRedis } from '../shared/redis.ts';
import type { Stop } from '../shared/run-until-stopped.ts';
import { readDatabaseSettings, readRedisHost } from '../shared/settings.ts';
import type { Environment } from '../shared/settings.ts';
import { BallotBox } from './ballot-box.ts';
import { VoteQueue } from './vote-queue.ts';
import { work } from './work.ts';

const commandLimitMs = 3_000;

/** Carries votes from Redis to PostgreSQL. Any number of workers may run side by side. */
export async function start(environment: Environment): Promise<Stop> {
  const stopping = new AbortController();
  const redis = openRedis(readRedisHost(environment));
  const database = openDatabase(readDatabaseSettings(environment), 1);
  const queue = new VoteQueue({
    // Waiting for a Redis that is away must not keep the worker from stopping.
    redis: redis.withCommandOptions({ timeout: commandLimitMs }),
    // A host name may be used again, for example by a container that was restarted.
    workerId: `${hostname()}-${randomUUID()}`,
    batchSize: 100,
    leaseSeconds: 6,
  });
  const working = work({
    queue,
    ballotBox: new BallotBox(database),
    nowMs: () => performance.now(),
    pause: (delayMs) => pauseUnlessStopping(delayMs, stopping.signal),
    stopping: stopping.signal,
    log: (line) => console.log(line),
  });
  return async () => {
    stopping.abort();
    // Nothing can be waited for from a Redis that is away: what waits for it is let go.
    if (!redis.isReady) redis.destroy();
    await working;
    if (redis.isReady) {
      await queue.close();
      await closeRedis(redis);
    }
    await database.end();
  };
}

async function pauseUnlessStopping(delayMs: number, stopping: AbortSignal): Promise<void> {
  try {
    await sleep(delayMs, undefined, { signal: stopping });
  } catch (error) {
    if (!stopping.aborted) throw error;
  }
}

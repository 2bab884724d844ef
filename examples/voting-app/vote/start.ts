import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { withDeadline } from '../shared/deadline.ts';
import { startServer } from '../shared/graceful-server.ts';
import { closeRedis, openRedis } from '../shared/redis.ts';
import type { Stop } from '../shared/run-until-stopped.ts';
import { readPageSettings, readRedisHost } from '../shared/settings.ts';
import type { Environment } from '../shared/settings.ts';
import { encodeVote, queueKey } from '../shared/vote.ts';
import { createVoteApp } from './app.ts';

const castLimitMs = 5_000;

/** The page on which people vote. Each vote goes into a Redis list, where a worker takes it. */
export async function start(environment: Environment): Promise<Stop> {
  const settings = readPageSettings(environment);
  const redis = openRedis(readRedisHost(environment));
  // A vote that still waits for a connection is taken back at the limit, so that nobody is told
  // "not stored" of a vote that is stored later.
  const queue = redis.withCommandOptions({ timeout: castLimitMs });
  let wasReady = false;
  redis.on('ready', () => {
    wasReady = true;
  });
  const server = await startServer({
    port: settings.port,
    handler: createVoteApp({
      settings,
      hostName: hostname(),
      castVote: async (vote) => {
        const push = queue.rPush(queueKey, encodeVote(vote));
        await withDeadline(push, { limitMs: castLimitMs, what: 'storing the vote' });
      },
      isReady: () => wasReady,
      nowMs: () => Date.now(),
      newVoterId: () => randomUUID(),
    }),
  });
  console.log(`vote ${settings.version}: listening on port ${server.port}`);
  return async () => {
    await server.stop();
    await closeRedis(redis);
  };
}

import { createClient } from '@redis/client';
import { describeError } from './describe-error.ts';

const longestReconnectDelayMs = 1_000;

export type RedisClient = ReturnType<typeof openRedis>;

/**
 * A client that connects now and again for ever. Every attempt resolves the host name anew, so a
 * Redis that came back elsewhere is found.
 */
export function openRedis(host: string) {
  const client = createClient({
    socket: {
      host,
      port: 6379,
      connectTimeout: 3_000,
      // A peer that vanished without a word is noticed: pings go out, and silence ends the socket.
      socketTimeout: 10_000,
      reconnectStrategy: (attempts: number) =>
        Math.min(50 * 2 ** Math.min(attempts, 6), longestReconnectDelayMs),
    },
    pingInterval: 3_000,
  });
  let lastProblem = '';
  client.on('error', (error: Error) => {
    const problem = describeError(error);
    if (problem !== lastProblem) console.error(`redis at ${host}: ${problem}; trying again`);
    lastProblem = problem;
  });
  client.on('ready', () => {
    lastProblem = '';
    console.log(`redis at ${host}: connected`);
  });
  client.connect().catch((error: unknown) => {
    // Only a client that was closed before it ever connected ends here.
    console.error(`redis at ${host}: gave up: ${describeError(error)}`);
  });
  return client;
}

/** Says goodbye when connected, and just leaves otherwise. */
export async function closeRedis(client: RedisClient): Promise<void> {
  if (client.isReady) await client.close();
  else client.destroy();
}

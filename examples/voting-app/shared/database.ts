import { Pool } from 'pg';
import { describeError } from './describe-error.ts';
import type { DatabaseSettings } from './settings.ts';

/** A few connections that are made when needed, and made anew when they broke. */
export function openDatabase(settings: DatabaseSettings, connections: number): Pool {
  const pool = new Pool({
    ...settings,
    max: connections,
    connectionTimeoutMillis: 3_000,
    // A server that vanished without a word must not hold anybody for ever.
    query_timeout: 5_000,
    keepAlive: true,
  });
  // Without a listener, an idle connection that breaks would end the process.
  pool.on('error', (error) =>
    console.error(`database at ${settings.host}: ${describeError(error)}`),
  );
  return pool;
}

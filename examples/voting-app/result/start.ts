import { hostname } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { openDatabase } from '../shared/database.ts';
import { describeError } from '../shared/describe-error.ts';
import { startServer } from '../shared/graceful-server.ts';
import type { Stop } from '../shared/run-until-stopped.ts';
import { readDatabaseSettings, readPageSettings } from '../shared/settings.ts';
import type { Environment } from '../shared/settings.ts';
import { createResultApp } from './app.ts';
import { LiveTally } from './live-tally.ts';
import { readTally } from './read-tally.ts';

const lookEveryMs = 500;

/** The page that shows the result while it changes. It reads what the worker wrote. */
export async function start(environment: Environment): Promise<Stop> {
  const settings = readPageSettings(environment);
  const database = openDatabase(readDatabaseSettings(environment), 4);
  const stopping = new AbortController();
  const readiness = becomeReady(() => readTally(database), stopping.signal);
  let wasReady = false;
  void readiness.then(() => {
    wasReady = true;
  });
  const server = await startServer({
    port: settings.port,
    handler: createResultApp({
      settings,
      hostName: hostname(),
      readTally: () => readTally(database),
      live: new LiveTally({
        readTally: () => readTally(database),
        pause: () => sleep(lookEveryMs),
        onProblem: (error) => console.error(`database: ${describeError(error)}; trying again`),
      }),
      isReady: () => wasReady,
    }),
  });
  console.log(`result ${settings.version}: listening on port ${server.port}`);
  return async () => {
    stopping.abort();
    await server.stop();
    await readiness;
    await database.end();
  };
}

/** Health depends on one answer of the database: asks until there is one. */
async function becomeReady(ask: () => Promise<unknown>, stopping: AbortSignal): Promise<void> {
  let told = false;
  while (!stopping.aborted) {
    try {
      await ask();
      console.log('database: connected');
      return;
    } catch (error) {
      if (!told) console.error(`database: ${describeError(error)}; trying again`);
      told = true;
      await sleep(lookEveryMs);
    }
  }
}

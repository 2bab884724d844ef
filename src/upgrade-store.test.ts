import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { LeadershipStore, Sighting } from './host/followed-store.ts';
import { TuttiError } from './lib/error.ts';
import { upgradeStore } from './upgrade-store.ts';

test('a manager that is stopped while it listens takes no epoch from one that leads', async () => {
  const stop = new AbortController();
  const taken: Sighting[] = [];
  const told: Sighting[] = [];
  const nothing = (): void => undefined;
  const leadership: LeadershipStore = {
    ask: async () => await Promise.resolve({ epoch: 3, sign: 'as before' }),
    take: async (seen) => {
      taken.push(seen);
      return await Promise.resolve({ kind: 'not-taken', seen });
    },
    writeSign: async () => await Promise.resolve({ kind: 'lost' }),
    release: async () => await Promise.resolve(),
  };
  const unexpected = async (): Promise<never> =>
    await Promise.reject(new TuttiError('internal', 'nothing of the store is touched'));
  await upgradeStore(
    {
      leadership,
      engine: { load: unexpected, takeEpoch: unexpected, commit: unexpected, close: unexpected },
      migrations: [() => []],
      onSeen: (seen) => void told.push(seen),
      schemaVersion: async () => await Promise.resolve(1),
      before: async () => await Promise.resolve(),
      clock: {
        now: () => 0,
        turn: async () => await Promise.resolve(),
        sleep: async () => {
          stop.abort();
          await Promise.reject(new TuttiError('cancelled', 'it is stopped'));
        },
      },
      logger: { debug: nothing, info: nothing, warn: nothing, error: nothing },
    },
    stop.signal,
  );
  assert.deepEqual(taken, []);
  assert.deepEqual(told, [{ epoch: 3, sign: 'as before' }], 'requests go to who leads meanwhile');
});

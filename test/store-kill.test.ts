import assert from 'node:assert/strict';
import { it } from 'node:test';
import { proveStoreKill } from './prove/store-kill.ts';

it('a store whose process is killed at random moments loses no acknowledged write', async () => {
  const result = await proveStoreKill({ seed: 1, commits: 400, commitsPerKill: 60 });
  assert.ok(result.kills >= 4, `${result.kills} kills`);
  assert.ok(result.acknowledged > 1_000, `${result.acknowledged} acknowledged`);
});

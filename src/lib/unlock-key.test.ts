import assert from 'node:assert/strict';
import { test } from 'node:test';
import { newUnlockKey, parseUnlockKey } from './unlock-key.ts';

test('an unlock key has the form of those of Swarm, and is read as it was made', () => {
  const bytes = Uint8Array.from({ length: 32 }, (_value, index) => 255 - index);
  const key = newUnlockKey((count) => bytes.subarray(0, count));
  assert.match(key, /^SWMKEY-1-[A-Za-z0-9+/]{43}$/);
  assert.deepEqual(parseUnlockKey(`${key}\n`), bytes);
});

test('what is no unlock key is none', () => {
  for (const text of ['', 'SWMKEY-1-', 'SWMKEY-1-abc', `SWMKEY-2-${'a'.repeat(43)}`, 'a b']) {
    assert.equal(parseUnlockKey(text), undefined);
  }
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Repairs } from './repairs.ts';

function repairsAt(now: { at: number }): Repairs {
  return new Repairs({ now: () => now.at });
}

test('a look tells what it found apart from what was found in the hour before', async () => {
  const now = { at: 0 };
  const repairs = repairsAt(now);
  repairs.note(['a bridge']);
  now.at = 3_000_000;
  repairs.note(['a rule', 'a device']);
  now.at = 3_600_001;
  assert.deepEqual(await repairs.look(async () => repairs.note(['the table is gone'])), {
    differences: ['the table is gone'],
    repairs: [
      { what: 'a device', agoMs: 600_001 },
      { what: 'a rule', agoMs: 600_001 },
    ],
  });
});

test('a look that fails says why, and what it found until then', async () => {
  const repairs = repairsAt({ at: 0 });
  const seen = await repairs.look(async () => {
    repairs.note(['a bridge']);
    throw new Error('nft failed');
  });
  assert.deepEqual(seen, { differences: ['a bridge'], repairs: [], failure: 'nft failed' });
});

test('only so much is remembered', async () => {
  const repairs = repairsAt({ at: 0 });
  repairs.note(Array.from({ length: 30 }, (_, index) => String(index)));
  const { repairs: told } = await repairs.look(async () => undefined);
  assert.equal(told.length, 20);
  assert.equal(told[0]?.what, '29');
});

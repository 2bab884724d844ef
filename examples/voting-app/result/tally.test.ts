import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sharePercent, tallyRows } from './tally.ts';

test('nobody voted', () => {
  assert.deepEqual(tallyRows([]), { a: 0, b: 0, total: 0 });
});

test('counts come as text and are added as numbers', () => {
  const rows = [
    { vote: 'b', count: '1000' },
    { vote: 'a', count: '2000' },
  ];
  assert.deepEqual(tallyRows(rows), { a: 2_000, b: 1_000, total: 3_000 });
});

test('a choice that does not exist is not counted', () => {
  assert.deepEqual(tallyRows([{ vote: 'c', count: '5' }]), { a: 0, b: 0, total: 0 });
});

test('the bar is even while nobody voted', () => {
  assert.equal(sharePercent({ a: 0, b: 0, total: 0 }), 50);
  assert.equal(sharePercent({ a: 3, b: 1, total: 4 }), 75);
});

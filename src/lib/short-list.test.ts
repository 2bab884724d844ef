import assert from 'node:assert/strict';
import { test } from 'node:test';
import { shortList } from './short-list.ts';

test('twelve names are said, and that there are more', () => {
  const names = Array.from({ length: 13 }, (_, index) => `n${index + 1}`);
  const twelve = 'n1, n2, n3, n4, n5, n6, n7, n8, n9, n10, n11, n12';
  assert.equal(shortList([]), '');
  assert.equal(shortList(names.slice(0, 12)), twelve);
  assert.equal(shortList(names), `${twelve}, …`);
});

import assert from 'node:assert/strict';
import { it } from 'node:test';
import { deepFreeze } from './freeze.ts';

it('freezes every part of a value, and leaves what cannot be frozen', () => {
  const value = { list: [{ name: 'a' }], nothing: null, count: 1 };
  deepFreeze(value);
  deepFreeze(undefined);
  assert.throws(() => {
    value.count = 2;
  }, TypeError);
  assert.throws(() => value.list.push({ name: 'b' }), TypeError);
  const first = value.list[0];
  assert.throws(() => {
    if (first !== undefined) first.name = 'c';
  }, TypeError);
});

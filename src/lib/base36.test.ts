import assert from 'node:assert/strict';
import { test } from 'node:test';
import { toBase36 } from './base36.ts';

test('bytes become digits of a fixed count', () => {
  assert.equal(toBase36(new Uint8Array([0]), 3), '000');
  assert.equal(toBase36(new Uint8Array([35]), 3), '00z');
  assert.equal(toBase36(new Uint8Array([1, 0]), 3), '074');
  assert.equal(toBase36(new Uint8Array(16).fill(255), 25), 'f5lxx1zz5pnorynqglhzmsp33');
});

test('digits that do not fit are cut in front', () => {
  assert.equal(toBase36(new Uint8Array([1, 0]), 2), '74');
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { defined } from './defined.ts';

test('an undefined property is absent afterwards, every other value stays', () => {
  const result = defined({ a: undefined, b: null, c: 0, d: '', e: false });
  assert.deepEqual(result, { b: null, c: 0, d: '', e: false });
  assert.equal(Object.hasOwn(result, 'a'), false);
});

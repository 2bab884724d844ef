import assert from 'node:assert/strict';
import { test } from 'node:test';
import { takeName } from './name-lock.ts';

test('a name has one holder at a time', async () => {
  const name = `tutti-name-lock-test/${process.pid}`;
  const first = await takeName(name);
  assert.ok(first);
  assert.equal(await takeName(name), undefined);
  await first[Symbol.asyncDispose]();
  const second = await takeName(name);
  assert.ok(second);
  await second[Symbol.asyncDispose]();
});

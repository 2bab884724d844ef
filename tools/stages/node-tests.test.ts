import assert from 'node:assert/strict';
import { test } from 'node:test';
import { judgeTestRun } from './node-tests.ts';

const counts = (tests: number, skipped = 0) => `ℹ tests ${tests}\nℹ skipped ${skipped}\nℹ todo 0\n`;

test('a run without a test fails, though the runner says success', () => {
  assert.equal(judgeTestRun(0, counts(0)).passed, false);
  assert.equal(judgeTestRun(0, '').passed, false);
});

test('a run fails when the runner does', () => {
  assert.equal(judgeTestRun(1, counts(3)).passed, false);
  assert.equal(judgeTestRun(null, counts(3)).passed, false);
  assert.equal(judgeTestRun(0, counts(3)).passed, true);
});

test('tests that were not run are named', () => {
  assert.equal(judgeTestRun(0, counts(3)).summary, '3 tests');
  assert.equal(judgeTestRun(0, counts(3, 2)).summary, '3 tests, 2 of them not run');
});

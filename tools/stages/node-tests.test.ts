import assert from 'node:assert/strict';
import { test } from 'node:test';
import { judgeTestRun } from './node-tests.ts';

const counts = (tests: number) => `ℹ tests ${tests}\nℹ skipped 0\nℹ todo 0\n`;

test('a run without a test fails, though the runner says success', () => {
  assert.equal(judgeTestRun(0, counts(0)).passed, false);
  assert.equal(judgeTestRun(0, '').passed, false);
});

test('where the runner ran several times, each has tests, and all are counted', () => {
  assert.equal(judgeTestRun(0, `${counts(3)}${counts(4)}`).summary, '7 tests');
  assert.equal(judgeTestRun(0, `${counts(3)}${counts(0)}`).passed, false);
});

test('a run fails when the runner does', () => {
  assert.equal(judgeTestRun(1, counts(3)).passed, false);
  assert.equal(judgeTestRun(null, counts(3)).passed, false);
  assert.equal(judgeTestRun(0, counts(3)).passed, true);
});

test('tests that were not run are named', () => {
  assert.equal(judgeTestRun(0, counts(3)).summary, '3 tests');
  const lines = [
    '▶ a suite',
    '  ✔ one (1.5ms)',
    '  ﹣ in a browser (0.2ms) # there is no Chromium',
    '﹣ a suite (that is skipped) (3ms)',
  ];
  assert.equal(
    judgeTestRun(0, `${lines.join('\n')}\n${counts(3)}`).summary,
    '3 tests; not run: in a browser (there is no Chromium); not run: a suite (that is skipped)',
  );
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runStages } from './run-stages.ts';
import type { Stage, StageResult } from './stage.ts';

const stage = (name: string, result: StageResult): Stage => ({ name, run: async () => result });
const good = stage('good', { passed: true, summary: '3 tests', output: 'much that went well' });
const bad = stage('bad', { passed: false, output: 'what went wrong' });
const broken: Stage = {
  name: 'broken',
  run: async () => {
    throw new Error('could not even start');
  },
};

async function run(stages: readonly Stage[], signal = new AbortController().signal) {
  let text = '';
  const write = (part: string) => {
    text += part;
  };
  const passed = await runStages(stages, { write, isTerminal: false, signal });
  return { passed, text };
}

test('a stage that passes takes one line', async () => {
  const { passed, text } = await run([good]);
  assert.ok(passed);
  assert.match(text, /^good {2}ok +\d+\.\d s {2}3 tests\nAll 1 stages passed in \d+\.\d s\.\n$/);
});

test('a stage that fails shows all it wrote, and the ones after it still run', async () => {
  const { passed, text } = await run([bad, good]);
  assert.ok(!passed);
  assert.match(text, /^bad +FAILED.*\nwhat went wrong\n/);
  assert.match(text, /\ngood +ok/);
  assert.match(text, /Failed: bad \(/);
});

test('a stage that throws has failed', async () => {
  const { passed, text } = await run([broken]);
  assert.ok(!passed);
  assert.match(text, /could not even start/);
});

test('after it was stopped, no other stage begins', async () => {
  const stop = new AbortController();
  const stopping: Stage = {
    name: 'stopping',
    run: async () => {
      stop.abort();
      return { passed: false, output: 'interrupted' };
    },
  };
  const { passed, text } = await run([stopping, good], stop.signal);
  assert.ok(!passed);
  assert.doesNotMatch(text, /good +ok/);
  assert.match(text, /Stopped after/);
});

test('a stage for which the machine lacks something fails with that, and is not run', async () => {
  const lacking: Stage = {
    ...good,
    name: 'lacking',
    prepare: async () => {
      throw new Error('no engine here');
    },
  };
  const { passed, text } = await run([lacking]);
  assert.ok(!passed);
  assert.match(text, /^lacking +FAILED.*\nno engine here\n/);
});

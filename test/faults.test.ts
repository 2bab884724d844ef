import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runWithoutEngine } from './fixture/run-without-engine.ts';

/** The short version of `npm run prove -- faults`: one life of a stack. */
const seed = 3;
const faults = 6;

test('a stack outlives kill -9 of daemon, manager and engine, and leaves nothing', async () => {
  const output = await runWithoutEngine('test/faults/main.ts', (archive) =>
    `--archive ${archive} --seed ${seed} --faults ${faults}`.split(' '),
  );
  assert.equal(output.match(/: as declared after /g)?.length, faults, output);
});

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { runProgram } from './bootstrap/run.mjs';
import { repositoryRoot } from './root.ts';

const bootstrap = join(repositoryRoot, 'bootstrap.mjs');
const fixture = 'tools/fixtures/bootstrap/report.ts';

test('a script runs on the Node of the packages, with its parameters and its exit code', async () => {
  const { code, output } = await runProgram(process.execPath, [
    bootstrap,
    fixture,
    '3',
    'two words',
  ]);
  assert.equal(code, 3, output);
  assert.deepEqual(JSON.parse(output), { node: 'v26.10.0', parameters: ['3', 'two words'] });
});

test('a script that is not there is named', async () => {
  const { code, output } = await runProgram(process.execPath, [bootstrap, 'tools/nothing.ts']);
  assert.equal(code, 1);
  assert.match(output, /got tools\/nothing\.ts/);
});

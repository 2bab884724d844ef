import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
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
  assert.deepEqual(JSON.parse(output), {
    node: `v${nodeVersion()}`,
    parameters: ['3', 'two words'],
  });
});

test('a script that is not there is named', async () => {
  const { code, output } = await runProgram(process.execPath, [bootstrap, 'tools/nothing.ts']);
  assert.equal(code, 1);
  assert.match(output, /got tools\/nothing\.ts/);
});

function nodeVersion(): string {
  const file = join(repositoryRoot, `node_modules/node-linux-${process.arch}/package.json`);
  const { version } = JSON.parse(readFileSync(file, 'utf8')) as { readonly version: string };
  return version;
}

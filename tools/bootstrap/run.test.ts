import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runProgram } from './run.mjs';

test('a program that reached its limit is stopped, and what it wrote is kept', async () => {
  const words = 'process.stdout.write("begun"); setInterval(() => undefined, 1_000);';
  const { code, output } = await runProgram(process.execPath, ['-e', words], { limitMs: 1_000 });
  assert.equal(code, null);
  assert.match(output, /^begun\n.*: no end after 1000 ms$/);
});

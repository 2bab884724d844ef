import assert from 'node:assert/strict';
import { runApart } from '../fixture/run-apart.ts';

/** Runs a program that must succeed; what it wrote to its standard output. */
export async function expectRun(
  program: string,
  ...parameters: readonly string[]
): Promise<string> {
  const { code, stdout, stderr } = await runApart(program, parameters);
  assert.equal(code, 0, `${program} ${parameters.join(' ')}: ${stderr}`);
  return stdout;
}

import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const execute = promisify(execFile);

/** What a program wrote; it must succeed. */
export async function run(program: string, ...parameters: readonly string[]): Promise<string> {
  const { stdout } = await execute(program, parameters, { maxBuffer: largestOutputBytes });
  return stdout;
}

const largestOutputBytes = 64_000_000;

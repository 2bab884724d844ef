import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { TuttiError } from '../../src/lib/error.ts';

const execute = promisify(execFile);

export interface RunOptions {
  readonly directory?: string;
  /** What is missing when the program is, and how to get it; a sentence. */
  readonly hint?: string;
}

/** Runs a program to its end, without a shell; returns its output. Fails with what it wrote. */
export async function runCommand(
  [program, ...args]: readonly [string, ...string[]],
  { directory, hint }: RunOptions = {},
): Promise<string> {
  try {
    const { stdout } = await execute(program, args, {
      ...(directory === undefined ? {} : { cwd: directory }),
      env: { ...process.env, LC_ALL: 'C', DEBIAN_FRONTEND: 'noninteractive' },
      maxBuffer: 64 * 1024 * 1024,
    });
    return stdout;
  } catch (error) {
    throw explain(error, { program, hint });
  }
}

function explain(
  error: unknown,
  { program, hint }: { readonly program: string; readonly hint: string | undefined },
): TuttiError {
  const options = { cause: error, ...(hint === undefined ? {} : { hint }) };
  if (!(error instanceof Error)) return TuttiError.from(error);
  if ('code' in error && error.code === 'ENOENT') {
    return new TuttiError('failed-precondition', `The program "${program}" is missing.`, options);
  }
  const written = 'stderr' in error ? String(error.stderr).trim() : '';
  const lastLines = written.split('\n').slice(-4).join('\n');
  return new TuttiError('internal', `${program} failed: ${lastLines || error.message}`, options);
}

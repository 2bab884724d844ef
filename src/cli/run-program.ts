import { TuttiError } from '../lib/error.ts';
import { exitCodes } from './context.ts';
import { buildProgram } from './program.ts';
import type { ProgramHost } from './program-host.ts';

const exitCodeOfError: Readonly<Record<string, number>> = {
  'invalid-argument': exitCodes.usage,
  'not-found': exitCodes.usage,
  'already-exists': exitCodes.usage,
  'failed-precondition': exitCodes.usage,
  'resource-exhausted': exitCodes.usage,
  conflict: exitCodes.usage,
  'permission-denied': exitCodes.unavailable,
  unavailable: exitCodes.unavailable,
  cancelled: exitCodes.interrupted,
};

/** Runs one command line; what went wrong is told on standard error. Resolves to its exit code. */
export async function runProgram(
  parameters: readonly string[],
  host: Omit<ProgramHost, 'finish'>,
): Promise<number> {
  let exitCode: number = exitCodes.success;
  const finish = (code: number): void => {
    exitCode = code;
  };
  try {
    const words = keepSeparator(parameters);
    await buildProgram({ ...host, finish }).parseAsync(words, { from: 'user' });
    return exitCode;
  } catch (reason) {
    if (!isCommanderError(reason)) return tellError(reason, { parameters, host });
    // Help and the version are no failures; help that nobody asked for is one.
    if (reason.exitCode === 0) return exitCodes.success;
    if (reason.code === 'commander.help') return exitCodes.usage;
    const wrong = new TuttiError('invalid-argument', reason.message.replace(/^error: /, ''), {
      hint: 'Add --help for options and examples.',
    });
    return tellError(wrong, { parameters, host });
  }
}

/**
 * Each of three levels of commands takes a `--` for its own; the last must still see one, or
 * options of the program that `playground exec` runs would be read as its own.
 */
function keepSeparator(parameters: readonly string[]): readonly string[] {
  const at = parameters.indexOf('--');
  const before = parameters.slice(0, Math.max(at, 0));
  if (!before.includes('playground') || !before.includes('exec')) return parameters;
  return [...before, '--', '--', ...parameters.slice(at)];
}

function isCommanderError(
  error: unknown,
): error is Error & { readonly exitCode: number; readonly code: string } {
  return error instanceof Error && 'exitCode' in error && typeof error.exitCode === 'number';
}

function tellError(
  reason: unknown,
  to: { readonly parameters: readonly string[]; readonly host: Pick<ProgramHost, 'output'> },
): number {
  const { output } = to.host;
  const { code, message, field, hint, stack } = TuttiError.from(reason);
  const exitCode = exitCodeOfError[code] ?? exitCodes.failure;
  if (to.parameters.includes('--json')) {
    output.note(`${JSON.stringify({ code, message, field, hint, exitCode })}\n`);
    return exitCode;
  }
  const what = code === 'internal' ? (stack ?? message) : message;
  output.note(`tutti: ${what}\n${hint === undefined ? '' : `${hint}\n`}`);
  return exitCode;
}

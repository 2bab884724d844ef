import { runProgram } from '../bootstrap/run.mjs';
import { repositoryRoot } from '../root.ts';
import { skippedTests, type SkippedTest } from './skipped-tests.ts';
import type { StageResult } from './stage.ts';

export interface NodeTestOptions {
  readonly files: readonly string[];
  /** `none`: all files in one process. */
  readonly isolation?: 'process' | 'none';
  /** Files at a time; as many as the machine has cores less one, unless told. */
  readonly concurrency?: number;
  /** Of one test. */
  readonly timeoutMs?: number;
  /** Put before the program, such as one that gives it a host of its own. */
  readonly wrapper?: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
  readonly signal: AbortSignal;
}

/** Runs test files by Node's runner. No tests at all is a failure. */
export async function runNodeTests(options: NodeTestOptions): Promise<StageResult> {
  const { files, isolation = 'process', concurrency, timeoutMs = 120_000, wrapper = [] } = options;
  const [program = process.execPath, ...parameters] = [
    ...wrapper,
    process.execPath,
    '--disable-warning=ExperimentalWarning',
    '--test',
    '--test-reporter=spec',
    `--test-isolation=${isolation}`,
    `--test-timeout=${timeoutMs}`,
    ...(concurrency === undefined ? [] : [`--test-concurrency=${concurrency}`]),
    ...files,
  ];
  const { code, output } = await runProgram(program, parameters, {
    cwd: repositoryRoot,
    env: { ...process.env, ...options.env, NO_COLOR: '1' },
    signal: options.signal,
  });
  return judgeTestRun(code, output);
}

/** Reads the counts that Node's runner prints in the end. */
export function judgeTestRun(code: number | null, output: string): StageResult {
  const count = (what: string) =>
    Number(new RegExp(`^\\S+ ${what} (\\d+)$`, 'm').exec(output)?.[1] ?? 0);
  const tests = count('tests');
  const summary = [`${tests} tests`, ...skippedTests(output).map(describeSkipped)].join('; ');
  if (tests === 0) return { passed: false, output: `${output}\nNo test ran.` };
  return { passed: code === 0, summary, output };
}

function describeSkipped({ name, reason }: SkippedTest): string {
  return `not run: ${name}${reason === '' ? '' : ` (${reason})`}`;
}

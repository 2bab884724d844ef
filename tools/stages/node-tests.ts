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
  const [program = process.execPath, ...parameters] = [
    ...(options.wrapper ?? []),
    process.execPath,
    ...nodeTestParameters(options),
  ];
  const { code, output } = await runProgram(program, parameters, {
    cwd: repositoryRoot,
    env: { ...process.env, ...options.env, NO_COLOR: '1' },
    signal: options.signal,
  });
  return judgeTestRun(code, output);
}

/** Of Node itself, to run test files. */
export function nodeTestParameters({
  files,
  isolation = 'process',
  concurrency,
  timeoutMs = 120_000,
}: Pick<NodeTestOptions, 'files' | 'isolation' | 'concurrency' | 'timeoutMs'>): readonly string[] {
  return [
    '--disable-warning=ExperimentalWarning',
    '--test',
    '--test-reporter=spec',
    `--test-isolation=${isolation}`,
    `--test-timeout=${timeoutMs}`,
    ...(concurrency === undefined ? [] : [`--test-concurrency=${concurrency}`]),
    ...files,
  ];
}

/** Reads the counts that Node's runner prints in the end, once for each time that it ran. */
export function judgeTestRun(code: number | null, output: string): StageResult {
  const counts = [...output.matchAll(/^\S+ tests (\d+)$/gm)].map(([, count]) => Number(count));
  const tests = counts.reduce((sum, count) => sum + count, 0);
  const summary = [`${tests} tests`, ...skippedTests(output).map(describeSkipped)].join('; ');
  if (counts.length === 0 || counts.includes(0)) {
    return { passed: false, output: `${output}\nNo test ran.` };
  }
  return { passed: code === 0, summary, output };
}

function describeSkipped({ name, reason }: SkippedTest): string {
  return `not run: ${name}${reason === '' ? '' : ` (${reason})`}`;
}

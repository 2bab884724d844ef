import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { runProgram } from '../bootstrap/run.mjs';
import { repositoryRoot } from '../root.ts';

export interface Gate {
  readonly name: string;
  /** A program of `node_modules/.bin`, and its parameters. */
  readonly command: readonly [string, ...string[]];
  /** False where what it judges does not exist yet. */
  readonly applies: (directory: string) => boolean;
}

const always = () => true;
/** Before something starts the product, nothing of it is used. */
const hasMain = (directory: string) => existsSync(join(directory, 'src/main.ts'));

/** The programs that judge the text of the repository, in the order in which they are run. */
export const gates = {
  format: { name: 'format', command: ['biome', 'format', '.'], applies: always },
  types: { name: 'types', command: ['tsc', '--noEmit', '--pretty', 'false'], applies: always },
  lint: { name: 'lint', command: ['oxlint', '--type-aware'], applies: always },
  unused: { name: 'unused', command: ['knip', '--no-config-hints'], applies: hasMain },
  /** What only tests use is not used. */
  production: {
    name: 'production',
    command: ['knip', '--production', '--no-config-hints'],
    applies: hasMain,
  },
} as const satisfies Readonly<Record<string, Gate>>;

export interface Verdict {
  readonly passed: boolean;
  readonly output: string;
}

export interface RunGateOptions {
  /** The repository that it judges. */
  readonly directory: string;
  readonly signal?: AbortSignal;
}

/** Runs one gate over a repository. */
export async function runGate(gate: Gate, { directory, signal }: RunGateOptions): Promise<Verdict> {
  const [program, ...parameters] = gate.command;
  const binary = join(repositoryRoot, 'node_modules/.bin', program);
  const { code, output } = await runProgram(binary, parameters, {
    cwd: directory,
    ...(signal !== undefined && { signal }),
    env: { ...process.env, NO_COLOR: '1' },
  });
  return { passed: code === 0, output };
}

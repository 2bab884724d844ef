import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runProgram } from '../bootstrap/run.mjs';
import { findEngine, requireRoot } from '../engine.ts';
import {
  agentCommands,
  engineCommands,
  ensureCommands,
  judgeCommands,
  managerCommands,
} from '../engine/machine-packages.ts';
import { repositoryRoot } from '../root.ts';
import { judgeTestRun, runNodeTests } from './node-tests.ts';
import type { Stage, StageResult } from './stage.ts';
import { findTestFiles } from './test-files.ts';

const prepareFile = join(repositoryRoot, 'test/prepare.ts');
const thisNode = [process.execPath, '--disable-warning=ExperimentalWarning'] as const;
const timeoutMs = 600_000;
const lanes = 2;
/** Of the files, those that take a minute and more. */
const longest = [
  'test/docker-parity.test.ts',
  'test/managers-membership.test.ts',
  'test/faults.test.ts',
  'test/demo.test.ts',
  'test/voting-app.test.ts',
];

/**
 * The tests that need a container engine, one file at a time because they share it: the engine that
 * the machine has, or those of hosts of their own.
 */
export const engineStage: Stage = {
  name: 'engine',
  prepare: async () => {
    const found = await findEngine();
    if (found === undefined) requireRoot();
    const commands = [...agentCommands, ...managerCommands, ...judgeCommands];
    if (found === undefined) commands.unshift(...engineCommands);
    await ensureCommands(commands, 'tests with a container engine');
  },
  run: runEngineTests,
};

async function runEngineTests(signal: AbortSignal): Promise<StageResult> {
  const files = longestFirst(findTestFiles(repositoryRoot, ['test']));
  const engine = await findEngine();
  if (engine === undefined) return await runInLanes(files, signal);
  const env = { TUTTI_TEST_ENGINE: engine };
  const [program, ...parameters] = [...thisNode, prepareFile];
  const { code, output } = await runProgram(program, parameters, {
    env: { ...process.env, ...env },
    signal,
  });
  if (code !== 0) return { passed: false, output };
  return await runNodeTests({ files, concurrency: 1, timeoutMs, env, signal });
}

/** Tests wait more than they compute: two hosts of their own, side by side, take turns. */
async function runInLanes(files: readonly string[], signal: AbortSignal): Promise<StageResult> {
  const claims = await mkdtemp(join(tmpdir(), 'tutti-tests-'));
  try {
    const host = [join(repositoryRoot, 'tools/engine/own-host.ts'), '--prepare', prepareFile, '--'];
    const lane = [join(import.meta.dirname, 'test-lane.ts'), claims, String(timeoutMs)];
    const [program, ...parameters] = [...thisNode, ...host, ...thisNode, ...lane, ...files];
    const runs = await Promise.all(
      Array.from({ length: lanes }, () =>
        runProgram(program, parameters, {
          cwd: repositoryRoot,
          env: { ...process.env, NO_COLOR: '1' },
          signal,
        }),
      ),
    );
    const failed = runs.find(({ code }) => code !== 0);
    const failedLast = runs.toSorted((a, b) => Number(a === failed) - Number(b === failed));
    const output = failedLast.map((run) => run.output).join('\n');
    return judgeTestRun(failed === undefined ? 0 : failed.code, output);
  } finally {
    await rm(claims, { recursive: true });
  }
}

/** So that no lane waits long for the other in the end. */
function longestFirst(files: readonly string[]): readonly string[] {
  return [...new Set([...longest.filter((file) => files.includes(file)), ...files])];
}

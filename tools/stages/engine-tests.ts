import { existsSync } from 'node:fs';
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
import { runNodeTests } from './node-tests.ts';
import type { Stage, StageResult } from './stage.ts';
import { findTestFiles } from './test-files.ts';

const prepareFile = join(repositoryRoot, 'test/prepare.ts');
const thisNode = [process.execPath, '--disable-warning=ExperimentalWarning'] as const;

/**
 * The tests that need a container engine, one file at a time because they share it: the engine that
 * the machine has, or one of their own on a host of its own.
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
  const files = findTestFiles(repositoryRoot, ['test']);
  const engine = await findEngine();
  const options = { files, concurrency: 1, timeoutMs: 600_000, signal };
  const hasPreparation = existsSync(prepareFile);
  if (engine === undefined) {
    const prepare = hasPreparation ? ['--prepare', prepareFile] : [];
    const wrapper = [...thisNode, join(repositoryRoot, 'tools/engine/own-host.ts'), ...prepare];
    return await runNodeTests({ ...options, wrapper: [...wrapper, '--'] });
  }
  const env = { TUTTI_TEST_ENGINE: engine };
  if (hasPreparation) {
    const [program, ...parameters] = thisNode;
    const { code, output } = await runProgram(program, [...parameters, prepareFile], {
      env: { ...process.env, ...env },
      signal,
    });
    if (code !== 0) return { passed: false, output };
  }
  return await runNodeTests({ ...options, env });
}

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { runProgram } from '../bootstrap/run.mjs';
import { gates, runGate, type Gate } from '../gates/gates.ts';
import { repositoryRoot } from '../root.ts';
import { engineStage } from './engine-tests.ts';
import { runNodeTests } from './node-tests.ts';
import type { Stage, StageResult } from './stage.ts';
import { canShareProcess, findTestFiles } from './test-files.ts';

const rulesTests = ['tools/tidy.test.ts', 'tools/layers.test.ts'];
const gateTests = ['tools/gates/gates.test.ts'];
const simulation = 'sim/main.ts';
const simulationSeeds = 1_000;

/** What CI runs, in order. What does not exist yet in the repository has no stage. */
export function listStages(): readonly Stage[] {
  return [
    ...gateStages(),
    { name: 'rules', run: (signal) => runNodeTests({ files: rulesTests, signal }) },
    { name: 'gates', run: (signal) => runNodeTests({ files: gateTests, signal }) },
    { name: 'unit', run: runUnitTests },
    ...simulationStages(),
    ...(existsSync(join(repositoryRoot, 'test')) ? [engineStage] : []),
  ];
}

function gateStages(): readonly Stage[] {
  const all: readonly Gate[] = Object.values(gates);
  return all
    .filter(({ applies }) => applies(repositoryRoot))
    .map((gate) => ({
      name: gate.name,
      run: (signal) => runGate(gate, { directory: repositoryRoot, signal }),
    }));
}

async function runUnitTests(signal: AbortSignal): Promise<StageResult> {
  const files = findTestFiles(repositoryRoot, ['src', 'sim', 'tools', 'examples']).filter(
    (file) => !rulesTests.includes(file) && !gateTests.includes(file),
  );
  const shared = files.filter(canShareProcess);
  const separate = files.filter((file) => !shared.includes(file));
  const pure = await runNodeTests({ files: shared, isolation: 'none', signal });
  const others = await runNodeTests({ files: separate, signal });
  return {
    passed: pure.passed && others.passed,
    summary: `${pure.summary} in one process, ${others.summary} in their own`,
    output: [pure, others]
      .filter(({ passed }) => !passed)
      .map(({ output }) => output)
      .join('\n'),
  };
}

function simulationStages(): readonly Stage[] {
  if (!existsSync(join(repositoryRoot, simulation))) return [];
  const parameters = ['--disable-warning=ExperimentalWarning', simulation];
  const seeds = ['--seeds', String(simulationSeeds)];
  return [
    {
      name: 'simulation',
      run: async (signal) => {
        const { code, output } = await runProgram(process.execPath, [...parameters, ...seeds], {
          cwd: repositoryRoot,
          signal,
        });
        return { passed: code === 0, summary: `${simulationSeeds} seeds`, output };
      },
    },
  ];
}

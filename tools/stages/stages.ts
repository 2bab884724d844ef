import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { runProgram } from '../bootstrap/run.mjs';
import { gates, runGate, type Gate } from '../gates/gates.ts';
import { repositoryRoot } from '../root.ts';
import { runEngineTests } from './engine-tests.ts';
import { runNodeTests } from './node-tests.ts';
import type { Stage, StageResult } from './stage.ts';
import { canShareProcess, findTestFiles } from './test-files.ts';

const rulesTests = ['tools/tidy.test.ts', 'tools/layers.test.ts'];
const gateTests = ['tools/gates/gates.test.ts'];
const simulation = 'sim/main.ts';
const simulationSeeds = 200;

/** What CI runs, in order. What does not exist yet in the repository has no stage. */
export function listStages(): readonly Stage[] {
  return [
    ...gateStages(),
    { name: 'rules', run: () => runNodeTests({ files: rulesTests }) },
    { name: 'gates', run: () => runNodeTests({ files: gateTests }) },
    { name: 'unit', run: runUnitTests },
    ...simulationStages(),
    ...(existsSync(join(repositoryRoot, 'test')) ? [{ name: 'engine', run: runEngineTests }] : []),
  ];
}

function gateStages(): readonly Stage[] {
  const all: readonly Gate[] = Object.values(gates);
  return all
    .filter(({ applies }) => applies(repositoryRoot))
    .map((gate) => ({ name: gate.name, run: () => runGate(gate, repositoryRoot) }));
}

async function runUnitTests(): Promise<StageResult> {
  const files = findTestFiles(repositoryRoot, ['src', 'sim', 'tools', 'examples']).filter(
    (file) => !rulesTests.includes(file) && !gateTests.includes(file),
  );
  const pure = await runNodeTests({ files: files.filter(canShareProcess), isolation: 'none' });
  const others = await runNodeTests({ files: files.filter((file) => !canShareProcess(file)) });
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
      run: async () => {
        const { code, output } = await runProgram(process.execPath, [...parameters, ...seeds], {
          cwd: repositoryRoot,
        });
        return { passed: code === 0, summary: `${simulationSeeds} seeds`, output };
      },
    },
  ];
}

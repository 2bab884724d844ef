import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runProgram } from '../../tools/bootstrap/run.mjs';
import type { Pair } from './compare.ts';
import { runStep } from './run-step.ts';
import { scenario, scenarioFiles } from './scenario.ts';
import { startSwarm, startTutti } from './side.ts';

const tags = ['bb:1', 'bb:2'];

/** Gives every command of the scenario to Docker Swarm and to Tutti, step by step. */
export async function runScenario(options: {
  readonly engineSocket: string;
  /** Path of the docker command. */
  readonly client: string;
}): Promise<readonly Pair[]> {
  const { engineSocket, client } = options;
  for (const [index, tag] of tags.entries()) {
    const image = `tutti-test/busybox:${index + 1}`;
    await runProgram('docker', ['-H', `unix://${engineSocket}`, 'tag', image, tag]);
  }
  const directory = await mkdtemp(join(tmpdir(), 'tutti-scenario-'));
  for (const [name, content] of Object.entries(scenarioFiles)) {
    await writeFile(join(directory, name), content);
  }
  await using swarmSide = await startSwarm({ from: engineSocket, tags });
  await using tuttiSide = await startTutti(engineSocket);
  const beganAt = Math.floor(Date.now() / 1000);
  const pairs: Pair[] = [];
  for (const step of scenario) {
    const [swarm, tutti] = await Promise.all([
      runStep(step, { side: swarmSide, client, directory, beganAt }),
      runStep(step, { side: tuttiSide, client, directory, beganAt }),
    ]);
    pairs.push({ step, swarm, tutti });
  }
  await rm(directory, { recursive: true });
  return pairs;
}

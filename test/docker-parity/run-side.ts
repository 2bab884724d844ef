import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { emptyEngine } from '../../tools/engine/leftovers.ts';
import { type Output, runStep, type StepContext } from './run-step.ts';
import { scenario } from './scenario.ts';
import { scenarioFiles } from './scenario-files.ts';
import type { Side } from './step.ts';

/** Of each step, in the order of the scenario. */
export type SideOutputs = readonly Output[];

/** Gives every command of the scenario to one side, and leaves the engine empty. */
export async function runSide(
  options: Side & {
    /** Path of the docker command. */
    readonly client: string;
    readonly engineSocket: string;
  },
): Promise<SideOutputs> {
  const { name, socketPath, client, engineSocket } = options;
  const directory = await mkdtemp(join(tmpdir(), 'tutti-scenario-'));
  try {
    for (const [file, content] of Object.entries(scenarioFiles)) {
      await mkdir(dirname(join(directory, file)), { recursive: true });
      await writeFile(join(directory, file), content);
    }
    const beganAt = Math.floor(Date.now() / 1000);
    const context: StepContext = { side: { name, socketPath }, client, directory, beganAt };
    const outputs: Output[] = [];
    for (const chapter of scenario) {
      const tracks = chapter.map(async (track) => {
        const ofTrack: Output[] = [];
        for (const step of track) ofTrack.push(await runStep(step, context));
        return ofTrack;
      });
      outputs.push(...(await Promise.all(tracks)).flat());
    }
    return outputs;
  } finally {
    await rm(directory, { recursive: true });
    await emptyEngine(engineSocket);
  }
}

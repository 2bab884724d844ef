import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { takeSlot } from '../../tools/engine/slot.ts';
import type { Pair } from './compare.ts';
import type { ImageSource } from './copy-images.ts';
import type { SideOutputs } from './run-side.ts';
import { scenario } from './scenario.ts';
import { stepsOf } from './step.ts';

/** What the host of one run is told. */
export interface ParityJob {
  /** Of the container engine that is started. */
  readonly directory: string;
  readonly runDirectory: string;
  /** Path of the docker command. */
  readonly client: string;
  readonly images: ImageSource;
}

const images = [
  { name: 'tutti-test/busybox:1', tag: 'bb:1' },
  { name: 'tutti-test/busybox:2', tag: 'bb:2' },
];
const thisNode = [process.execPath, ...process.execArgv];
const host = fileURLToPath(new URL('parity-host.ts', import.meta.url));

/** Gives every command of the scenario to Docker Swarm, then to Tutti on the same engine. */
export async function runScenario(options: {
  /** Of the engine that has the images of the tests. */
  readonly engineSocket: string;
  /** Path of the docker command. */
  readonly client: string;
}): Promise<readonly Pair[]> {
  const { engineSocket, client } = options;
  using slot = await takeSlot();
  const { directory, runDirectory } = slot;
  const job: ParityJob = {
    directory,
    runDirectory,
    client,
    images: { from: engineSocket, images },
  };
  const outputs = await runHost(job);
  return stepsOf(scenario).map((step, index) => {
    const swarm = outputs.swarm[index];
    const tutti = outputs.tutti[index];
    if (swarm === undefined || tutti === undefined) throw new Error('the scenario broke off');
    return { step, swarm, tutti };
  });
}

export interface BothOutputs {
  readonly swarm: SideOutputs;
  readonly tutti: SideOutputs;
}

async function runHost(job: ParityJob): Promise<BothOutputs> {
  const inside = [...thisNode, host, JSON.stringify(job)];
  const child = spawn(
    'unshare',
    ['--net', '--mount', '--pid', '--uts', '--fork', '--kill-child', '--mount-proc', ...inside],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  const closed = once(child, 'close');
  const written = await text(child.stdout);
  const [code] = (await closed) as [number | null];
  if (code !== 0) throw new Error(`the host of the comparison ended with ${String(code)}`);
  return JSON.parse(written) as BothOutputs;
}

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runProgram } from '../../tools/bootstrap/run.mjs';

export interface ImageSource {
  /** Socket of the container engine that has them. */
  readonly from: string;
  readonly tags: readonly string[];
}

/** Gives the images of one container engine to another, unless it has them since the last run. */
export async function copyImages({ from, tags }: ImageSource, to: string): Promise<void> {
  const format = '--format={{.Id}}';
  const wanted = await docker(from, ['image', 'inspect', format, ...tags]);
  const there = await docker(to, ['image', 'inspect', format, ...tags]);
  if (there.output === wanted.output) return;
  const directory = await mkdtemp(join(tmpdir(), 'tutti-images-'));
  try {
    const file = join(directory, 'images.tar');
    await expectSuccess(docker(from, ['save', '--output', file, ...tags]));
    await expectSuccess(docker(to, ['load', '--input', file]));
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

function docker(socketPath: string, parameters: readonly string[]) {
  return runProgram('docker', ['-H', `unix://${socketPath}`, ...parameters]);
}

async function expectSuccess(run: ReturnType<typeof docker>): Promise<void> {
  const { code, output } = await run;
  if (code !== 0) throw new Error(output);
}

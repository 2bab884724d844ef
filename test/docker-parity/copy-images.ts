import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runProgram } from '../../tools/bootstrap/run.mjs';

export interface ImageSource {
  /** Socket of the container engine that has them. */
  readonly from: string;
  readonly images: readonly { readonly name: string; readonly tag: string }[];
}

/** Gives images of one container engine to another, and tags them there. */
export async function copyImages({ from, images }: ImageSource, to: string): Promise<void> {
  const names = images.map(({ name }) => name);
  await copyMissing({ from, names }, to);
  for (const { name, tag } of images) await expectSuccess(docker(to, ['tag', name, tag]));
}

/** What the other has since the last run stays. */
async function copyMissing(
  { from, names }: { readonly from: string; readonly names: readonly string[] },
  to: string,
): Promise<void> {
  const format = '--format={{.Id}}';
  const wanted = await docker(from, ['image', 'inspect', format, ...names]);
  const there = await docker(to, ['image', 'inspect', format, ...names]);
  if (there.output === wanted.output) return;
  const directory = await mkdtemp(join(tmpdir(), 'tutti-images-'));
  try {
    const file = join(directory, 'images.tar');
    await expectSuccess(docker(from, ['save', '--output', file, ...names]));
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

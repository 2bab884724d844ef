import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { runProgram } from '../../tools/bootstrap/run.mjs';
import { engineAnswers } from '../../tools/engine/engine-request.ts';
import { takeSlot } from '../../tools/engine/slot.ts';

/** One of the two that the same commands are given to. */
export interface Side extends AsyncDisposable {
  readonly name: 'swarm' | 'tutti';
  /** What the docker CLI talks to. */
  readonly socketPath: string;
}

const readyLimitMs = 60_000;
const pollMs = 50;
const thisNode = [process.execPath, ...process.execArgv];

/** Docker Swarm, on an engine of its own of the same version. */
export async function startSwarm(images: {
  readonly from: string;
  readonly tags: readonly string[];
}): Promise<Side> {
  const slot = await takeSlot();
  const script = fileURLToPath(new URL('swarm-host.ts', import.meta.url));
  const child = spawn(
    'unshare',
    [
      '--net',
      '--mount',
      '--fork',
      '--kill-child',
      ...thisNode,
      script,
      slot.directory,
      slot.runDirectory,
    ],
    { stdio: ['pipe', 'inherit', 'inherit'] },
  );
  const ended = once(child, 'exit');
  const socketPath = join(slot.runDirectory, 'docker.sock');
  const dispose = async (): Promise<void> => {
    child.stdin.end();
    await ended;
    slot[Symbol.dispose]();
  };
  try {
    await waitFor('the engine of Docker Swarm', () => engineAnswers(socketPath));
    await copyImages(images.from, { to: socketPath, tags: images.tags });
  } catch (error) {
    await dispose();
    throw error;
  }
  return { name: 'swarm', socketPath, [Symbol.asyncDispose]: dispose };
}

/** Tutti, with a data directory of its own, on the engine of the tests. */
export async function startTutti(engineSocket: string): Promise<Side> {
  const directory = await mkdtemp(join(tmpdir(), 'tutti-parity-'));
  const socketPath = join(directory, 'docker.sock');
  const main = fileURLToPath(new URL('../../src/main.ts', import.meta.url));
  const child = spawn(
    process.execPath,
    [
      ...process.execArgv,
      main,
      'daemon',
      `--data-dir=${join(directory, 'data')}`,
      `--socket=unix://${socketPath}`,
      `--container-engine=unix://${engineSocket}`,
      '--node-name=vm',
    ],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  );
  let log = '';
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    log += chunk;
  });
  const ended = once(child, 'exit');
  const dispose = async (): Promise<void> => {
    if (child.exitCode === null) child.kill('SIGTERM');
    await ended;
    await rm(directory, { recursive: true, force: true });
  };
  try {
    await waitFor('the manager of Tutti', async () => {
      if (child.exitCode !== null) throw new Error(`tutti daemon ended:\n${log}`);
      const { output } = await docker(socketPath, ['info', '--format={{.Swarm.LocalNodeState}}']);
      return output.trim() === 'inactive';
    });
  } catch (error) {
    await dispose();
    throw error;
  }
  return { name: 'tutti', socketPath, [Symbol.asyncDispose]: dispose };
}

function docker(socketPath: string, parameters: readonly string[]) {
  return runProgram('docker', ['-H', `unix://${socketPath}`, ...parameters]);
}

async function copyImages(
  from: string,
  options: { readonly to: string; readonly tags: readonly string[] },
): Promise<void> {
  const { to, tags } = options;
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

async function expectSuccess(run: ReturnType<typeof docker>): Promise<void> {
  const { code, output } = await run;
  if (code !== 0) throw new Error(output);
}

async function waitFor(what: string, isThere: () => Promise<boolean>): Promise<void> {
  const giveUpAt = Date.now() + readyLimitMs;
  while (!(await isThere())) {
    if (Date.now() > giveUpAt) throw new Error(`${what} did not answer in ${readyLimitMs} ms`);
    await sleep(pollMs);
  }
}

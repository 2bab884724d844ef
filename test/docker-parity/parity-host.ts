/**
 * A host of its own with one container engine, to which every command of the scenario is given
 * twice: to Docker Swarm, which is part of that engine, and, once that cluster is left, to Tutti
 * before the same engine. Runs in namespaces that `unshare` made, and writes both outputs of each
 * command as JSON.
 *
 *   unshare --net --mount --pid --uts --fork --kill-child --mount-proc node parity-host.ts JOB
 */
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { inspect } from 'node:util';
import { runProgram } from '../../tools/bootstrap/run.mjs';
import { startDaemon } from '../../tools/daemon/start-daemon.ts';
import { startEngine } from '../../tools/engine/start-engine.ts';
import { copyImages } from './copy-images.ts';
import type { BothOutputs, ParityJob } from './run-scenario.ts';
import { runSide } from './run-side.ts';
import type { Side } from './step.ts';

const hostName = 'vm';
const job = JSON.parse(process.argv[2] ?? '') as ParityJob;

// What refusals say about this host must be the same on every machine.
await runOrFail('hostname', [hostName]);
await runOrFail('ip', ['link', 'set', 'lo', 'up']);
// What engines and daemons keep in fixed places of a machine gets places of its own.
for (const place of ['/etc/docker', '/run/containerd', '/run/docker', '/run/tutti']) {
  await mkdir(place, { recursive: true });
  await runOrFail('mount', ['-t', 'tmpfs', 'tmpfs', place]);
}
try {
  process.stdout.write(JSON.stringify(await runBoth(job)));
} catch (reason) {
  // What went wrong first, and what could not be tidied up because of it.
  const reasons = reason instanceof SuppressedError ? [reason.suppressed, reason.error] : [reason];
  process.stderr.write(`${reasons.map((one) => inspect(one)).join('\n')}\n`);
  process.exitCode = 1;
}

async function runBoth({
  directory,
  runDirectory,
  client,
  images,
}: ParityJob): Promise<BothOutputs> {
  // Docker Swarm forbids `live-restore`.
  await using engine = await startEngine({ directory, runDirectory, liveRestore: false });
  await copyImages(images, engine.socketPath);
  const run = (name: Side['name'], socketPath: string) =>
    runSide({ name, socketPath, client, engineSocket: engine.socketPath });
  const swarm = await run('swarm', engine.socketPath);
  const tutti = await runTutti(engine.socketPath, (socketPath) => run('tutti', socketPath));
  return { swarm, tutti };
}

async function runTutti<Result>(
  engineSocket: string,
  use: (socketPath: string) => Promise<Result>,
): Promise<Result> {
  const directory = await mkdtemp('/run/tutti-parity-');
  const daemon = await startDaemon({ directory, engineSocket, nodeName: hostName });
  try {
    return await use(daemon.socketPath);
  } finally {
    await daemon.stop();
    await rm(directory, { recursive: true, force: true });
  }
}

async function runOrFail(program: string, parameters: readonly string[]): Promise<void> {
  const { code, output } = await runProgram(program, parameters);
  if (code !== 0) throw new Error(`${program} ${parameters.join(' ')} failed: ${output}`);
}

import { randomBytes } from 'node:crypto';
import { existsSync, rmSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { TuttiError } from '../../../src/lib/error.ts';
import { findCommand } from '../../../tools/bootstrap/apt.mjs';
import { withProgress } from '../../../tools/bootstrap/progress.mjs';
import { showTutti } from '../../../tools/daemon/run-tutti.ts';
import {
  endForgottenDaemons,
  startDaemon,
  type TuttiDaemon,
} from '../../../tools/daemon/start-daemon.ts';
import { ensureEngine, type UsableEngine } from '../../../tools/engine.ts';
import { takeLock } from '../../../tools/engine/lock.ts';
import { agentCommands, ensureCommands } from '../../../tools/engine/machine-packages.ts';
import { connectEngine } from '../../../tools/images/engine-api.ts';
import { votingAppImages } from '../../../tools/images/catalog.ts';
import { ensureImages } from '../../../tools/images/ensure-images.ts';
import { repositoryRoot } from '../../../tools/root.ts';
import { findPacketFilter, stackVolumes } from './engine-objects.ts';
import { findFreePort } from './free-port.ts';
import { readRecord, writeRecord, type DemoRecord } from './record.ts';
import { removeDemo } from './remove-demo.ts';
import { voteAndLook, type VotingAppAddresses } from './vote-and-look.ts';

export interface RunDemoOptions {
  /** Votes, looks and ends by itself, where otherwise the signal ends it. */
  readonly once: boolean;
  readonly directory: string;
  readonly signal: AbortSignal;
}

const stack = 'demo';
const composeFile = join(repositoryRoot, 'examples/voting-app/compose.yml');
const secretFile = join(repositoryRoot, 'examples/voting-app/db-password.txt');
const usualPorts = { vote: 8080, result: 8081 };
const longestPause = 2 ** 31 - 1;

const say = (text: string) => process.stderr.write(`${text}\n`);

/** Runs the demo from its first step to the last of its removal; resolves with an exit code. */
export async function runDemo(options: RunDemoOptions): Promise<number> {
  try {
    return await runLocked(options);
  } catch (reason) {
    throw options.signal.aborted ? stopped() : reason;
  }
}

async function runLocked(options: RunDemoOptions): Promise<number> {
  requireRoot();
  await ensureCommands(agentCommands, 'Tutti');
  using lock = await takeLock(`${options.directory}.lock`);
  if (lock === undefined) {
    throw new TuttiError('failed-precondition', `Another demo runs in ${options.directory}.`, {
      hint: 'Stop it with Ctrl-C first.',
    });
  }
  // It would bring back what an engine that is emptied has just lost.
  await endForgottenDaemons(options.directory);
  const engine = await ensureEngine();
  try {
    await removeForgotten({ ...options, engine });
    await checkNothingInTheWay(engine.socketPath);
    return await deployAndRemove({ ...options, engine });
  } finally {
    if (engine.origin === 'started') {
      await withProgress('Stopping the container engine', async () =>
        engine[Symbol.asyncDispose](),
      );
    }
    rmSync(`${options.directory}.lock`, { force: true });
  }
}

function requireRoot(): void {
  if (process.getuid?.() === 0) return;
  throw new TuttiError(
    'permission-denied',
    'The demo makes networks and rules of the packet filter, which takes root.',
    { hint: 'Run it as root, for example by `sudo npm run demo`.' },
  );
}

interface DemoOnEngine extends RunDemoOptions {
  readonly engine: UsableEngine;
}

/** What a demo that was killed could not remove goes now. */
async function removeForgotten({ directory, engine }: DemoOnEngine): Promise<void> {
  if (readRecord(directory) === undefined) return;
  say('An earlier demo was killed; removing what it left.');
  const engineSocket = engine.socketPath;
  const daemon = await startDaemon({ directory, engineSocket });
  const problems = await removeDemo({ directory, stack, engineSocket, daemon });
  if (problems.length > 0) throw new TuttiError('failed-precondition', problems.join('\n'));
}

/** Nothing of somebody else's is used, and so nothing of theirs is removed. */
async function checkNothingInTheWay(engineSocket: string): Promise<void> {
  const [table] = await findPacketFilter();
  if (table !== undefined) {
    throw new TuttiError(
      'failed-precondition',
      `A Tutti daemon works on this machine already: there is the ${table.what}.`,
      { hint: `Deploy on that one: bin/tutti stack deploy -c ${composeFile}` },
    );
  }
  const [volume] = await stackVolumes(engineSocket, stack);
  if (volume !== undefined) {
    throw new TuttiError(
      'failed-precondition',
      `There is a ${volume.what} already, which belongs to a stack called ${stack}.`,
      { hint: `If nobody needs it: docker ${volume.what.replace(' ', ' rm ')}` },
    );
  }
}

async function deployAndRemove(options: DemoOnEngine): Promise<number> {
  const { directory, engine } = options;
  let daemon: TuttiDaemon | undefined;
  let failure: TuttiError | undefined;
  try {
    const record = await makeImages(options);
    await makeSecret(directory, record);
    stopIfAsked(options.signal);
    daemon = await withProgress('Starting a Tutti daemon', () =>
      startDaemon({ directory, engineSocket: engine.socketPath }),
    );
    await deploy({ ...options, daemon });
  } catch (reason) {
    // Ctrl-C in a terminal also ends the programs that this one waits for: they fail then.
    failure = options.signal.aborted ? stopped() : TuttiError.from(reason);
    if (failure.code !== 'cancelled') say(`tutti: ${failure.message}`);
    if (failure.hint !== undefined) say(failure.hint);
  }
  const problems = await removeDemo({
    directory,
    stack,
    engineSocket: engine.socketPath,
    daemon,
  });
  for (const problem of problems) say(`tutti: ${problem}`);
  if (problems.length > 0) say(`The log of the daemon is ${join(directory, 'daemon.log')}.`);
  else say('Everything that the demo made is gone.');
  if (problems.length > 0) return 1;
  if (failure === undefined) return 0;
  return failure.code === 'cancelled' ? 130 : 1;
}

/** Loads what the engine lacks; what it had before is not noted, and stays. */
async function makeImages({ directory, engine, signal }: DemoOnEngine): Promise<DemoRecord> {
  const images: string[] = [];
  if (engine.origin === 'found') {
    const api = connectEngine(engine.socketPath);
    for (const { tag } of votingAppImages) {
      if ((await api.findImage(tag)) === undefined) images.push(tag);
    }
  }
  const record = writeRecord(directory, { images });
  stopIfAsked(signal);
  await ensureImages({
    engineSocket: engine.socketPath,
    images: votingAppImages,
    report: reportBelow("Making the app's images from this distribution's packages:"),
  });
  return record;
}

/** Says a heading before the first line, and nothing where there is nothing to say. */
function reportBelow(heading: string): (line: string) => void {
  let isFirst = true;
  return (line) => {
    if (isFirst) say(heading);
    isFirst = false;
    say(`  ${line}`);
  };
}

async function makeSecret(directory: string, record: DemoRecord): Promise<void> {
  if (existsSync(secretFile)) return;
  writeRecord(directory, { ...record, secretFile });
  await writeFile(secretFile, `${randomBytes(16).toString('hex')}\n`, { mode: 0o600, flag: 'wx' });
}

interface DemoOnDaemon extends DemoOnEngine {
  readonly daemon: TuttiDaemon;
}

async function deploy(options: DemoOnDaemon): Promise<void> {
  const { daemon, signal } = options;
  const vote = await findFreePort(usualPorts.vote, [usualPorts.result]);
  const result = await findFreePort(usualPorts.result, [vote]);
  for (const [port, usual] of [
    [vote, usualPorts.vote],
    [result, usualPorts.result],
  ] as const) {
    if (port !== usual) say(`Port ${usual} of this machine is taken; using ${port} for it.`);
  }
  stopIfAsked(signal);
  say(`Deploying ${composeFile} as the stack ${stack}:`);
  const code = await showTutti(['stack', 'deploy', '--compose-file', composeFile, stack], {
    signal,
    socketPath: daemon.socketPath,
    env: { VOTE_PORT: String(vote), RESULT_PORT: String(result) },
  });
  stopIfAsked(signal);
  if (code !== 0) {
    throw new TuttiError('unavailable', `tutti stack deploy ended with the exit code ${code}.`);
  }
  const addresses = { vote: `http://localhost:${vote}`, result: `http://localhost:${result}` };
  process.stdout.write(describeAddresses(addresses, daemon));
  if (options.once) {
    say(await voteAndLook(addresses));
    return;
  }
  process.stdout.write(describeCommands(addresses, daemon));
  await waitForEnd(options);
}

function describeAddresses(
  { vote, result }: VotingAppAddresses,
  { socketPath }: TuttiDaemon,
): string {
  return [
    '',
    'The voting app runs.',
    '',
    `  vote     ${vote}`,
    `  result   ${result}`,
    `  API      unix://${socketPath}`,
    '',
    '',
  ].join('\n');
}

function describeCommands({ vote }: VotingAppAddresses, { socketPath }: TuttiDaemon): string {
  const docker =
    findCommand('docker') === undefined
      ? ['  (there is no docker command here: apt-get install docker-cli)']
      : [];
  return [
    'In another terminal:',
    '',
    `  cd ${repositoryRoot}`,
    `  export DOCKER_HOST=unix://${socketPath} TUTTI_SOCKET=${socketPath}`,
    ...docker,
    '  docker service ls',
    `  docker service scale ${stack}_vote=5`,
    '  bin/tutti status',
    `  bin/tutti why dns redis --from ${stack}_vote.1`,
    '',
    'A new version, and 3,000 votes meanwhile:',
    '',
    `  docker service update --quiet --image tutti-demo/vote:2 ${stack}_vote &`,
    `  node_modules/.bin/node examples/voting-app/cast-votes.ts --url ${vote}`,
    '',
    'Ctrl-C removes everything again.',
    '',
    '',
  ].join('\n');
}

async function waitForEnd({ daemon, signal }: DemoOnDaemon): Promise<void> {
  // Neither a signal nor the daemon keeps this process alive.
  const timer = setInterval(() => undefined, longestPause);
  const stopped = new Promise<void>((resolve) => {
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
  await Promise.race([stopped, daemon.ended()]);
  clearInterval(timer);
  if (signal.aborted) return;
  throw new TuttiError('unavailable', `The Tutti daemon ended by itself: ${daemon.end()}.`);
}

function stopIfAsked(signal: AbortSignal): void {
  if (signal.aborted) throw stopped();
}

function stopped(): TuttiError {
  return new TuttiError('cancelled', 'Stopped before the app ran.');
}

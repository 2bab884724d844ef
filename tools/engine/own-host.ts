/**
 * Runs a program on a host of its own: network, mounts and processes of their own, and a container
 * engine in them. When the program ends, all of that is gone; images stay for the next run.
 *
 *   node tools/engine/own-host.ts [--prepare FILE] [--without-engine] -- PROGRAM [PARAMETERS]
 *
 * The engine's socket is in TUTTI_TEST_ENGINE and DOCKER_HOST, and TUTTI_OWN_HOST is set. The
 * machine's network is out of
 * reach of the program: what it needs from there is fetched before it starts by FILE, a script that
 * runs outside and gets TUTTI_TEST_ENGINE.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createReadStream, existsSync, readFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { constants } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { TuttiError } from '../../src/lib/error.ts';
import { runProgram } from '../bootstrap/run.mjs';
import { requireRoot } from '../engine.ts';
import { rememberFixedPlaces } from './fixed-places.ts';
import { engineAnswers } from './engine-request.ts';
import { agentCommands, engineCommands, ensureCommands } from './machine-packages.ts';
import { runDirectoryOf, takeSlot } from './slot.ts';
import { startEngine } from './start-engine.ts';

/** On this file descriptor the host hears that everything is prepared. */
const startDescriptor = 3;
const startWord = 'start';
const pollMs = 50;
const endLimitMs = 25_000;
const stopSignals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
/** Directories of which the host has its own. */
const ownPlaces = [
  '/etc/docker',
  '/run/containerd',
  '/run/docker',
  '/run/netns',
  '/run/tutti',
  '/run/tutti-playground',
  '/run/wireguard',
  '/var/lib/tutti-playground',
];
const namespaces = ['--net', '--mount', '--pid', '--fork', '--kill-child', '--mount-proc'];

async function main(parameters: readonly string[]): Promise<number> {
  const { values, positionals: command } = parseArgs({
    args: [...parameters],
    allowPositionals: true,
    options: {
      prepare: { type: 'string' },
      'without-engine': { type: 'boolean', default: false },
      // Said by this file to itself: it runs on the new host, with the engine in this directory.
      inside: { type: 'string' },
    },
  });
  if (command.length === 0) {
    throw new TuttiError('invalid-argument', 'Which program is to run on a host of its own?', {
      hint: 'node tools/engine/own-host.ts -- PROGRAM [PARAMETERS]',
    });
  }
  if (values.inside !== undefined) return await runInside(command, values.inside);
  requireRoot();
  await ensureCommands([...engineCommands, ...agentCommands], 'a container engine for tests');
  await checkNamespaces();
  const restoreFixedPlaces = rememberFixedPlaces();
  try {
    if (values['without-engine']) return await hostProgram(command, '').end();
    return await runWithEngine(command, values.prepare);
  } finally {
    await restoreFixedPlaces();
  }
}

async function checkNamespaces(): Promise<void> {
  const { code, output } = await runProgram('unshare', [...namespaces, 'true']);
  if (code === 0) return;
  throw new TuttiError('failed-precondition', `No namespaces here: ${output.trim()}.`, {
    hint: 'Run on a machine, or in a container that is privileged.',
  });
}

/** Makes the host, prepares its engine from outside, lets the program start, and waits. */
async function runWithEngine(command: readonly string[], prepareFile?: string): Promise<number> {
  using slot = await takeSlot();
  const host = hostProgram(command, slot.directory);
  const ended = host.end();
  const engineSocket = join(slot.runDirectory, 'docker.sock');
  while (!(await engineAnswers(engineSocket))) {
    const code = await Promise.race([ended, sleep(pollMs, undefined)]);
    if (code !== undefined) return code;
  }
  if (prepareFile !== undefined) {
    const env = { ...process.env, TUTTI_TEST_ENGINE: engineSocket };
    const code = await startOnTerminal([...thisNode, prepareFile], { env }).end();
    if (code !== 0) {
      host.tellStart('');
      await ended;
      throw new TuttiError('failed-precondition', `${prepareFile} failed; see above.`);
    }
  }
  host.tellStart(startWord);
  return await ended;
}

const thisNode = [process.execPath, ...process.execArgv];

function hostProgram(command: readonly string[], directory: string): ProgramOnTerminal {
  // The first process of the host adopts what others leave, and must clear it away.
  const inside = [
    'tini',
    '-g',
    '--',
    ...thisNode,
    import.meta.filename,
    `--inside=${directory}`,
    '--',
  ];
  return startOnTerminal(['unshare', ...namespaces, ...inside, ...command], { start: 'pipe' });
}

async function runInside(command: readonly string[], directory: string): Promise<number> {
  await prepareHost();
  const onOwnHost = { ...process.env, TUTTI_OWN_HOST: '1' };
  if (directory === '') return await startOnTerminal(command, { env: onOwnHost }).end();
  await using engine = await startEngine({ directory, runDirectory: runDirectoryOf(directory) });
  const word = await text(createReadStream('', { fd: startDescriptor }));
  if (word !== startWord) return 1;
  const env = {
    ...onOwnHost,
    TUTTI_TEST_ENGINE: engine.socketPath,
    DOCKER_HOST: `unix://${engine.socketPath}`,
  };
  return await startOnTerminal(command, { env }).end();
}

/** What engines and daemons keep in fixed places of a machine gets places of its own. */
async function prepareHost(): Promise<void> {
  await expectSuccess('ip', ['link', 'set', 'lo', 'up']);
  for (const place of ownPlaces) {
    await mkdir(place, { recursive: true });
    await expectSuccess('mount', ['-t', 'tmpfs', 'tmpfs', place]);
  }
}

async function expectSuccess(program: string, parameters: readonly string[]): Promise<void> {
  const { code, output } = await runProgram(program, parameters);
  if (code !== 0) {
    throw new TuttiError('internal', `${program} ${parameters.join(' ')} failed: ${output}`);
  }
}

interface TerminalOptions {
  readonly env?: NodeJS.ProcessEnv;
  /** `pipe`: the program hears on `startDescriptor` when to start. */
  readonly start?: 'pipe' | 'ignore';
}

interface ProgramOnTerminal {
  readonly tellStart: (word: string) => void;
  /** Its exit code, or as a shell would say it for a signal. */
  readonly end: () => Promise<number>;
}

function startOnTerminal(
  [program = '', ...parameters]: readonly string[],
  { env = process.env, start = 'ignore' }: TerminalOptions = {},
): ProgramOnTerminal {
  const child = spawn(program, parameters, {
    // With a terminal to read from, `tini` would take Ctrl-C away from the programs around it.
    stdio: ['ignore', 'inherit', 'inherit', start],
    env,
  });
  // The program ends by itself, and then this cleans up; one that does not is ended.
  const forward = (signal: NodeJS.Signals) => {
    passOn(child, signal);
    setTimeout(() => passOn(child, 'SIGKILL'), endLimitMs).unref();
  };
  for (const signal of stopSignals) process.on(signal, forward);
  const ended = once(child, 'exit');
  const end = async () => {
    const [code, signal] = (await ended) as [number | null, NodeJS.Signals | null];
    for (const name of stopSignals) process.off(name, forward);
    return code ?? 128 + constants.signals[signal ?? 'SIGKILL'];
  };
  const pipe = child.stdio[startDescriptor];
  // A program that has ended hears nothing more.
  pipe?.on('error', () => undefined);
  const tellStart = (word: string) => (pipe instanceof Writable ? pipe.end(word) : undefined);
  return { tellStart, end };
}

/** `unshare` itself ignores signals: they are for the first process of the host, its child. */
function passOn(child: ChildProcess, signal: NodeJS.Signals): void {
  const { pid, spawnfile, exitCode, signalCode } = child;
  if (pid === undefined || exitCode !== null || signalCode !== null) return;
  try {
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim();
    process.kill(spawnfile === 'unshare' && children !== '' ? Number(children) : pid, signal);
  } catch (error) {
    // It ended meanwhile: that is what the signal wanted.
    if (existsSync(`/proc/${pid}`)) throw error;
  }
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (reason) {
  const { message, hint } = TuttiError.from(reason);
  process.stderr.write(`tutti: ${hint === undefined ? message : `${message} ${hint}`}\n`);
  process.exitCode = 1;
}

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Side, Step } from './step.ts';

export interface Output {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
  /** How long the step took, with its repetitions: shown where the whole takes too long. */
  readonly tookMs?: number;
}

export interface StepContext {
  readonly side: Side;
  /** Path of the docker command. */
  readonly client: string;
  /** Where the files of the scenario are. */
  readonly directory: string;
  /** Unix seconds. */
  readonly beganAt: number;
}

const commandLimitMs = 90_000;
const untilLimitMs = 60_000;
const pollMs = 400;

/** Runs a command against one side, as often as its step says. */
export async function runStep(step: Step, context: StepContext): Promise<Output> {
  const beganAt = Date.now();
  const output = await repeat(step, context);
  return { ...output, tookMs: Date.now() - beganAt };
}

async function repeat(step: Step, context: StepContext): Promise<Output> {
  const giveUpAt = Date.now() + untilLimitMs;
  for (;;) {
    const output = await runOnce(step, context);
    if (step.until === undefined || step.until.test(output.stdout)) return output;
    if (Date.now() > giveUpAt) {
      const never = `this never said ${String(step.until)}\n`;
      return { ...output, stderr: `${output.stderr}${context.side.name}: ${never}` };
    }
    await sleep(pollMs);
  }
}

async function runOnce(step: Step, context: StepContext): Promise<Output> {
  const command = await Promise.all(step.command.map((word) => expand(word, context)));
  const [program, ...parameters] = onTerminal(step, [context.client, ...command]);
  const child = spawn(program, parameters, {
    cwd: context.directory,
    env: {
      PATH: process.env['PATH'],
      HOME: context.directory,
      DOCKER_HOST: `unix://${context.side.socketPath}`,
      DOCKER_API_VERSION: '1.41',
      ...step.env,
    },
    timeout: commandLimitMs,
    killSignal: 'SIGKILL',
  });
  // A command may end without reading what it was given.
  child.stdin.on('error', () => undefined);
  child.stdin.end(step.stdin ?? '');
  const [stdout, stderr, [exitCode]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'close') as Promise<[number | null]>,
  ]);
  return { exitCode: exitCode ?? -1, stdout: shownBy(step, stdout), stderr };
}

type CommandLine = readonly [program: string, ...parameters: string[]];

/** `script` is the terminal; it takes the command as one text. */
function onTerminal(step: Step, words: CommandLine): CommandLine {
  if (step.terminal === undefined) return words;
  const quoted = words.map((word) => `'${word.replaceAll("'", `'\\''`)}'`).join(' ');
  return ['script', '--quiet', '--return', '--command', quoted, '/dev/null'];
}

function shownBy({ terminal }: Step, stdout: string): string {
  if (terminal === undefined) return stdout;
  return stdout
    .split(/\r*\n/)
    .filter((line) => terminal.test(line))
    .join('\n');
}

async function expand(word: string, context: StepContext): Promise<string> {
  if (word === '@begin') return String(context.beganAt);
  if (word === '@soon') return String(Math.ceil(Date.now() / 1000) + 1);
  if (word.startsWith('@task:')) {
    const list = ['service', 'ps', '--quiet', '--no-trunc', '--filter', 'desired-state=running'];
    return (await ask([...list, word.slice('@task:'.length)], context)).split('\n')[0] ?? '';
  }
  if (word.startsWith('@container:')) {
    const label = `label=com.docker.swarm.service.name=${word.slice('@container:'.length)}`;
    return (await ask(['ps', '--quiet', '--filter', label], context)).split('\n')[0] ?? '';
  }
  if (!word.includes('@node')) return word;
  return word.replace('@node', await ask(['info', '--format={{.Swarm.NodeID}}'], context));
}

async function ask(command: readonly string[], context: StepContext): Promise<string> {
  return (await runOnce({ command, compared: false }, context)).stdout.trim();
}

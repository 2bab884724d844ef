import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Side } from './side.ts';
import type { Step } from './step.ts';

export interface Output {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
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
const pollMs = 200;

/** Runs a command against one side, as often as its step says. */
export async function runStep(step: Step, context: StepContext): Promise<Output> {
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
  const child = spawn(context.client, command, {
    cwd: context.directory,
    env: {
      PATH: process.env['PATH'],
      HOME: context.directory,
      DOCKER_HOST: `unix://${context.side.socketPath}`,
      DOCKER_API_VERSION: '1.41',
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
  return { exitCode: exitCode ?? -1, stdout, stderr };
}

async function expand(word: string, context: StepContext): Promise<string> {
  if (word === '@begin') return String(context.beganAt);
  if (word === '@soon') return String(Math.ceil(Date.now() / 1000) + 1);
  if (!word.includes('@node')) return word;
  const info = { command: ['info', '--format={{.Swarm.NodeID}}'], compared: false };
  const { stdout } = await runOnce(info, context);
  return word.replace('@node', stdout.trim());
}

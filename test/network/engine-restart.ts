import { spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { engineAnswers } from '../../tools/engine/engine-request.ts';
import { until } from './stack.ts';

/** Ends the engine of this host and starts it as it was started; it stays for other tests. */
export async function restartEngine(
  socketPath: string,
  signal: 'SIGTERM' | 'SIGKILL',
  whileAway: () => Promise<void> = async () => undefined,
): Promise<void> {
  const [pid, command] = engineProcess(socketPath);
  process.kill(pid, signal);
  await until(
    async () => commandOf(String(pid)),
    (words) => words.length === 0,
  );
  await whileAway();
  const [program = '', ...parameters] = command;
  spawn(program, parameters, { stdio: 'ignore', detached: true }).unref();
  await until(
    () => engineAnswers(socketPath),
    (answers) => answers,
  );
}

function engineProcess(socketPath: string): readonly [number, readonly string[]] {
  for (const pid of readdirSync('/proc').filter((entry) => /^\d+$/.test(entry))) {
    const words = commandOf(pid);
    const isEngine = words[0]?.endsWith('dockerd') === true;
    if (isEngine && words.includes(`--host=unix://${socketPath}`)) return [Number(pid), words];
  }
  throw new Error(`no engine serves ${socketPath}`);
}

function commandOf(pid: string): readonly string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').filter(Boolean);
  } catch {
    // It has ended.
    return [];
  }
}

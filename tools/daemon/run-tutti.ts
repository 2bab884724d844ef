import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { tuttiCommand } from './start-daemon.ts';

/** Runs a command of `tutti` against a daemon with its progress on this terminal. */
export async function showTutti(
  parameters: readonly string[],
  { socketPath, env = {} }: { readonly socketPath: string; readonly env?: NodeJS.ProcessEnv },
): Promise<number | null> {
  const child = spawn(tuttiCommand, parameters, {
    env: { ...process.env, ...env, TUTTI_SOCKET: socketPath },
    // Its result is progress too: what this program has to say comes after it.
    stdio: ['ignore', 2, 2],
  });
  const [code] = (await once(child, 'close')) as [number | null];
  return code;
}

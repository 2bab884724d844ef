import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { tuttiCommand } from './start-daemon.ts';

export interface ShowTutti {
  /** Of the daemon. */
  readonly socketPath: string;
  readonly env?: NodeJS.ProcessEnv;
  /** When it aborts, the command is interrupted. */
  readonly signal: AbortSignal;
}

/** Runs a command of `tutti` with its progress on this terminal; resolves with its exit code. */
export async function showTutti(
  parameters: readonly string[],
  { socketPath, env = {}, signal }: ShowTutti,
): Promise<number | null> {
  const child = spawn(tuttiCommand, parameters, {
    env: { ...process.env, ...env, TUTTI_SOCKET: socketPath },
    // Its result is progress too: what this program has to say comes after it.
    stdio: ['ignore', 2, 2],
  });
  const interrupt = () => child.kill('SIGINT');
  signal.addEventListener('abort', interrupt, { once: true });
  const [code] = (await once(child, 'close')) as [number | null];
  signal.removeEventListener('abort', interrupt);
  return code;
}

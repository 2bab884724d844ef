import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, existsSync, openSync, watch } from 'node:fs';
import type { Socket } from 'node:net';
import { dirname } from 'node:path';
import { tryConnect } from './unix-socket.ts';

/** A socket is seen before it takes connections. */
const lookAgainMs = 5;

/** Starts a process in a session of its own, which outlives this one and writes to its own log. */
export function startDetached(
  command: readonly [string, ...string[]],
  { logPath }: { readonly logPath: string },
): ChildProcess {
  const log = openSync(logPath, 'a', 0o600);
  const [program, ...parameters] = command;
  const child = spawn(program, parameters, { detached: true, stdio: ['ignore', log, log] });
  closeSync(log);
  child.unref();
  return child;
}

/**
 * Waits for the socket to appear in its directory and take a connection. Undefined: the child
 * ended, or the signal came, before that.
 */
export async function whenReady(
  path: string,
  { child, signal }: { readonly child: ChildProcess; readonly signal: AbortSignal },
): Promise<Socket | undefined> {
  const { promise, resolve } = Promise.withResolvers<Socket | undefined>();
  let isOver = false;
  const look = (): void => {
    void tryConnect(path).then((socket) => {
      // A second one would keep both processes waiting for its end.
      if (isOver) socket?.destroy();
      else if (socket !== undefined) end(socket);
      else if (existsSync(path)) setTimeout(() => !isOver && look(), lookAgainMs);
    });
  };
  const end = (socket?: Socket): void => {
    isOver = true;
    resolve(socket);
  };
  const giveUp = (): void => end();
  const watcher = watch(dirname(path), look);
  child.once('exit', giveUp);
  child.once('error', giveUp);
  signal.addEventListener('abort', giveUp, { once: true });
  look();
  try {
    return await promise;
  } finally {
    watcher.close();
    child.off('exit', giveUp);
    signal.removeEventListener('abort', giveUp);
  }
}

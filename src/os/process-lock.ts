import { once } from 'node:events';
import { createServer } from 'node:net';
import { unlink } from 'node:fs/promises';
import { TuttiError } from '../lib/error.ts';
import { somebodyListens } from './unix-socket.ts';

/**
 * Makes sure that one process at a time uses a directory: holds a socket that dies with the
 * process.
 *
 * @throws TuttiError `failed-precondition` when another one lives.
 */
export async function lockDirectory(path: string, what: string): Promise<() => Promise<void>> {
  if (await somebodyListens(path)) {
    throw new TuttiError('failed-precondition', `another daemon already uses ${what}`, {
      field: '--data-dir',
      hint: 'Stop it, or choose another --data-dir.',
    });
  }
  await unlink(path).catch(() => undefined);
  const server = createServer((socket) => socket.destroy());
  server.listen(path);
  await once(server, 'listening');
  server.unref();
  return async () => {
    const closed = once(server, 'close');
    server.close();
    await closed;
  };
}

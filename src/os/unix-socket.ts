import { once } from 'node:events';
import { chmod, rm } from 'node:fs/promises';
import { connect, type Server, type Socket } from 'node:net';

/** A connection to who listens on that Unix socket; undefined: nobody does. */
export async function tryConnect(path: string): Promise<Socket | undefined> {
  const socket = connect(path);
  try {
    await once(socket, 'connect');
    // What breaks later ends with `close`.
    socket.on('error', () => undefined);
    return socket;
  } catch {
    // Nobody listens there: absence is the answer, not a failure.
    socket.destroy();
    return undefined;
  }
}

export async function somebodyListens(path: string): Promise<boolean> {
  const socket = await tryConnect(path);
  socket?.destroy();
  return socket !== undefined;
}

/** Listens on a Unix socket that its owner alone may use; what lay there before is replaced. */
export async function listenPrivately(server: Server, path: string): Promise<void> {
  await rm(path, { force: true });
  server.listen(path);
  await once(server, 'listening');
  await chmod(path, 0o600);
}

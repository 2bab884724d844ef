import { once } from 'node:events';
import { rename, unlink } from 'node:fs/promises';
import { createServer, type Socket } from 'node:net';

/**
 * A socket that says nothing: that it takes connections means that the process lives and is ready.
 */
export async function openLifeSocket(path: string): Promise<() => Promise<void>> {
  const open = new Set<Socket>();
  const server = createServer((socket) => {
    open.add(socket);
    socket.on('error', () => socket.destroy());
    socket.once('close', () => open.delete(socket));
  });
  // Between bind(2) and listen(2) the file is there and refuses: under its name it takes calls.
  const unfinished = `${path}.new`;
  await unlink(unfinished).catch(() => undefined);
  server.listen(unfinished);
  await once(server, 'listening');
  await rename(unfinished, path);
  return async () => {
    const closed = once(server, 'close');
    server.close();
    for (const socket of open) socket.destroy();
    await closed;
    await unlink(path).catch(() => undefined);
  };
}

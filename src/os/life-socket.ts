import { once } from 'node:events';
import { unlink } from 'node:fs/promises';
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
  await unlink(path).catch(() => undefined);
  server.listen(path);
  await once(server, 'listening');
  return async () => {
    const closed = once(server, 'close');
    server.close();
    for (const socket of open) socket.destroy();
    await closed;
  };
}

import { once } from 'node:events';
import { createServer } from 'node:net';

/**
 * Takes a name that one process at a time can have, in one network namespace: a socket with an
 * abstract address (unix(7)). The kernel frees it when this process ends, however that happens.
 */
export async function takeName(name: string): Promise<AsyncDisposable | undefined> {
  const server = createServer((socket) => socket.destroy());
  server.listen(`\0${name}`);
  try {
    await once(server, 'listening');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EADDRINUSE') return undefined;
    throw error;
  }
  server.unref();
  return {
    [Symbol.asyncDispose]: async () => {
      const closed = once(server, 'close');
      server.close();
      await closed;
    },
  };
}

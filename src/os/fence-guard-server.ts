import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import type { FenceHold } from '../host/fence-guard.ts';
import { readHold, receiptLine } from './fence-guard-wire.ts';
import { listenPrivately, somebodyListens } from './unix-socket.ts';

export interface FenceGuardServer {
  close(): Promise<void>;
}

/**
 * Listens for a daemon on a Unix socket. Undefined where another guard does already.
 *
 * @param on.connected Told how many daemons are there, whenever that changes.
 */
export async function serveFenceGuard(
  socketPath: string,
  on: { hold(hold: FenceHold): void; connected(count: number): void },
): Promise<FenceGuardServer | undefined> {
  if (await somebodyListens(socketPath)) return undefined;
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    on.connected(sockets.size);
    socket.on('error', () => undefined);
    socket.once('close', () => {
      sockets.delete(socket);
      on.connected(sockets.size);
    });
    createInterface({ input: socket }).on('line', (line) => {
      const hold = readHold(line);
      if (hold === undefined) return;
      on.hold(hold);
      socket.write(receiptLine(hold.number));
    });
  });
  await listenPrivately(server, socketPath);
  return {
    async close() {
      const closed = once(server, 'close');
      server.close();
      for (const socket of sockets) socket.end();
      await closed;
    },
  };
}

import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { joinStreams } from './join-streams.ts';
import type { LeaderRelay } from './leader-relay.ts';
import { listenPrivately } from './unix-socket.ts';

/**
 * A Unix socket behind which the manager that leads serves its API, wherever it runs: what is sent
 * to it is sent to nobody else. Where nobody leads, a connection ends after a while.
 */
export async function serveLeaderSocket(options: {
  readonly socketPath: string;
  readonly relay: LeaderRelay;
  /** Of this manager, for when it leads by then. */
  readonly ownSocketPath: string;
}): Promise<{ close(): Promise<void> }> {
  const { socketPath, relay, ownSocketPath } = options;
  const open = new Set<Socket>();
  const lead = async (socket: Socket): Promise<void> => {
    const gone = new AbortController();
    socket.once('close', () => gone.abort());
    const there = await relay.open('/manager.forward', gone.signal);
    joinStreams(socket, there ?? connect({ path: ownSocketPath, allowHalfOpen: true }));
  };
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    open.add(socket);
    socket.on('error', () => socket.destroy());
    socket.once('close', () => open.delete(socket));
    // Who waits at the other end is told by the end of the connection.
    lead(socket).catch(() => socket.destroy());
  });
  await listenPrivately(server, socketPath);
  return {
    async close() {
      const closed = once(server, 'close');
      server.close();
      for (const socket of open) socket.destroy();
      await closed;
    },
  };
}

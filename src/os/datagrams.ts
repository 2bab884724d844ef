import type { RemoteInfo, Socket } from 'node:dgram';

/**
 * Sends to where something came from; what cannot be sent is lost, as datagrams are. Whoever can
 * make packets may say that they come from port 0, to which nothing can be sent (RFC 768): Node
 * throws, also at a caller with a callback.
 */
export function sendBack(
  socket: Socket,
  { to, bytes }: { readonly to: RemoteInfo; readonly bytes: Uint8Array },
): void {
  if (to.port !== 0) socket.send(bytes, to.port, to.address, () => undefined);
}

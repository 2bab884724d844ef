import type { RemoteInfo, Socket } from 'node:dgram';
import { once } from 'node:events';
import { setImmediate as nextTurn } from 'node:timers/promises';

interface Datagram {
  readonly to: RemoteInfo;
  readonly bytes: Uint8Array;
}

/**
 * Sends to where something came from; what cannot be sent is lost, as datagrams are. Whoever can
 * make packets may say that they come from port 0, to which nothing can be sent (RFC 768): Node
 * throws, also at a caller with a callback.
 */
export function sendBack(socket: Socket, { to, bytes }: Datagram): void {
  if (to.port !== 0) socket.send(bytes, to.port, to.address, () => undefined);
}

/**
 * Answers on a port that another process shares (`SO_REUSEPORT`), until it leaves the port to that
 * one with nothing unanswered: datagrams that the kernel has given to a socket are lost when it is
 * closed.
 */
export class SharedPort {
  readonly #socket: Socket;
  #isShut = false;
  #hasHeard = false;
  #held: Datagram[] = [];

  /** @param socket Bound to an address of this machine, not to all. */
  constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('message', () => {
      this.#hasHeard = true;
    });
  }

  answer(datagram: Datagram): void {
    if (this.#isShut) this.#held.push(datagram);
    else sendBack(this.#socket, datagram);
  }

  /** Since it was shut, nothing was read and nothing is to be said: it may be closed. */
  get isIdle(): boolean {
    return this.#isShut && !this.#hasHeard && this.#held.length === 0;
  }

  /** The kernel gives it no new datagrams; resolves once those are read that came before. */
  async shut(): Promise<void> {
    this.#isShut = true;
    this.#hasHeard = false;
    // A connected socket gets what its peer sends and nothing else (udp(7)): this one, nothing.
    const { port, address } = this.#socket.address();
    this.#socket.connect(port, address);
    await once(this.#socket, 'connect');
    // The first turn may be over but for its end, the second one reads.
    await nextTurn();
    await nextTurn();
  }

  /** Sends what is to be said; it may get datagrams again. */
  reopen(): void {
    this.#socket.disconnect();
    this.#isShut = false;
    for (const datagram of this.#held.splice(0)) sendBack(this.#socket, datagram);
  }
}

import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { pipeline } from 'node:stream';
import { createSocket, type Socket as DatagramSocket } from 'node:dgram';
import type { PortForward, PortListeners } from '../host/network-devices.ts';
import { TuttiError } from '../lib/error.ts';

const udpIdleMs = 30_000;

interface Held {
  forward: PortForward;
  close(): Promise<void>;
}

/**
 * Binds published ports. Whoever calls from this machine is led to a back end from here; whoever
 * calls from elsewhere is led there by the packet filter, and never gets to these sockets.
 */
export class ProxyPortListeners implements PortListeners {
  readonly #held = new Map<string, Held>();

  async apply(
    forwards: readonly PortForward[],
  ): Promise<readonly { readonly forward: PortForward; readonly message: string }[]> {
    const wanted = new Map(forwards.map((one) => [`${one.protocol}/${one.port}`, one]));
    const gone = [...this.#held].filter(([key]) => !wanted.has(key));
    await Promise.all(
      gone.map(async ([key, held]) => {
        this.#held.delete(key);
        await held.close();
      }),
    );
    const problems: { readonly forward: PortForward; readonly message: string }[] = [];
    for (const [key, forward] of wanted) {
      const held = this.#held.get(key);
      if (held !== undefined) held.forward = forward;
      else {
        const message = await this.#hold(key, forward);
        if (message !== undefined) problems.push({ forward, message });
      }
    }
    return problems;
  }

  async #hold(key: string, forward: PortForward): Promise<string | undefined> {
    try {
      const held: Held = { forward, close: async () => undefined };
      if (forward.protocol === 'tcp') await holdTcp(held);
      else if (forward.protocol === 'udp') await holdUdp(held);
      this.#held.set(key, held);
      return undefined;
    } catch (reason) {
      const error = TuttiError.from(reason);
      const isTaken = reason instanceof Error && 'code' in reason && reason.code === 'EADDRINUSE';
      return isTaken
        ? `port ${forward.port}/${forward.protocol} is taken by another process of this machine`
        : `port ${forward.port}/${forward.protocol}: ${error.message}`;
    }
  }
}

function pick(forward: PortForward): PortForward['backEnds'][number] | undefined {
  return forward.backEnds[Math.floor(Math.random() * forward.backEnds.length)];
}

/**
 * A connection to one of the back ends, at random; one that does not listen (yet) is passed over.
 */
async function reach(forward: PortForward): Promise<Socket | undefined> {
  const left = [...forward.backEnds];
  while (left.length > 0) {
    const [backEnd] = left.splice(Math.floor(Math.random() * left.length), 1);
    if (backEnd === undefined) break;
    const target = connect({ host: backEnd.address, port: backEnd.port, allowHalfOpen: true });
    const isOpen = await once(target, 'connect').then(
      () => true,
      () => false,
    );
    if (isOpen) return target;
    target.destroy();
  }
  return undefined;
}

async function holdTcp(held: Held): Promise<void> {
  const open = new Set<Socket>();
  const server: Server = createServer({ allowHalfOpen: true }, (client) => {
    open.add(client);
    client.once('close', () => open.delete(client));
    client.on('error', () => client.destroy());
    void reach(held.forward).then((target) => {
      if (target === undefined || client.destroyed) {
        target?.destroy();
        client.resetAndDestroy();
        return;
      }
      const end = (): void => {
        if (!client.destroyed && !target.destroyed) return;
        client.destroy();
        target.destroy();
      };
      pipeline(client, target, end);
      pipeline(target, client, end);
    });
  });
  server.listen(held.forward.port);
  await once(server, 'listening');
  held.close = async () => {
    const closed = once(server, 'close');
    server.close();
    for (const socket of open) socket.destroy();
    await closed;
  };
}

async function holdUdp(held: Held): Promise<void> {
  const socket = createSocket({ type: 'udp6' });
  const flows = new Map<string, { readonly socket: DatagramSocket; timer: NodeJS.Timeout }>();
  socket.bind(held.forward.port);
  await once(socket, 'listening');
  const drop = (key: string): void => {
    flows.get(key)?.socket.close();
    flows.delete(key);
  };
  socket.on('message', (message, client) => {
    const key = `${client.address}/${client.port}`;
    let flow = flows.get(key);
    if (flow === undefined) {
      const backEnd = pick(held.forward);
      if (backEnd === undefined) return;
      const target = createSocket('udp4');
      target.on('error', () => drop(key));
      target.on('message', (answer) => socket.send(answer, client.port, client.address));
      target.connect(backEnd.port, backEnd.address, () => target.send(message, () => undefined));
      flow = { socket: target, timer: setTimeout(() => drop(key), udpIdleMs) };
      flows.set(key, flow);
      return;
    }
    clearTimeout(flow.timer);
    flow.timer = setTimeout(() => drop(key), udpIdleMs);
    flow.socket.send(message, () => undefined);
  });
  held.close = async () => {
    for (const [key, flow] of flows) {
      clearTimeout(flow.timer);
      drop(key);
    }
    const closed = once(socket, 'close');
    socket.close();
    await closed;
  };
}

import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { promisify } from 'node:util';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { pipeline } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { createSocket, type RemoteInfo, type Socket as DatagramSocket } from 'node:dgram';
import type { PortForward, PortListeners } from '../host/network-devices.ts';
import { TuttiError } from '../lib/error.ts';
import { sendBack } from './datagrams.ts';
import { closeShared } from './queued-connections.ts';

const run = promisify(execFile);
const udpIdleMs = 30_000;
const keepAliveMs = 30_000;
/** What a program may take from its start until it listens; who calls meanwhile waits. */
const listenLimitMs = 5_000;
const listenPollMs = 20;
/** Ports to choose from: the kernel takes none of these for connections (ip_local_port_range). */
const choosable = { first: 61_000, count: 4_000 };

type BackEnd = PortForward['backEnds'][number];

/** What one client of this machine sends, and where to. */
interface Flow {
  readonly socket: DatagramSocket;
  readonly backEnd: BackEnd;
  readonly timer: NodeJS.Timeout;
}

interface Held {
  forward: PortForward;
  close(): Promise<void>;
  /** Resolves once it was closed and all that came by it is over. */
  over: Promise<void>;
}

/**
 * Binds published ports. Whoever calls from this machine is led to a back end from here; whoever
 * calls from elsewhere is led there by the packet filter, and never gets to these sockets.
 */
export class ProxyPortListeners implements PortListeners {
  readonly #held = new Map<string, Held>();
  readonly #isShared: (forward: PortForward) => boolean;
  #isOver = false;
  #chosen = Math.floor(Math.random() * choosable.count);

  /** @param options.isShared Whether somebody holds the port who goes when this one does. */
  constructor(options: { readonly isShared?: (forward: PortForward) => boolean } = {}) {
    this.#isShared = options.isShared ?? (() => false);
  }

  /**
   * Leaves the ports to somebody else, who listens on the same ones; resolves when the connections
   * that came by here have ended, or after the time.
   */
  async handOver(limitMs: number): Promise<void> {
    this.#isOver = true;
    const all = [...this.#held.values()];
    await closeShared(() => {
      for (const held of all) void held.close();
    });
    const timer = new AbortController();
    const late = sleep(limitMs, undefined, timer).catch(() => undefined);
    await Promise.race([Promise.all(all.map(({ over }) => over)), late]);
    timer.abort();
  }

  async apply(
    forwards: readonly PortForward[],
  ): Promise<readonly { readonly forward: PortForward; readonly message: string }[]> {
    if (this.#isOver) return [];
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

  async choose(protocol: PortForward['protocol']): Promise<number> {
    for (let tries = 0; tries < choosable.count; tries += 1) {
      this.#chosen = (this.#chosen + 1) % choosable.count;
      const port = choosable.first + this.#chosen;
      if (await isFree({ protocol, port, backEnds: [] })) return port;
    }
    const last = choosable.first + choosable.count - 1;
    throw new TuttiError(
      'resource-exhausted',
      `no port from ${choosable.first} to ${last} is free on this machine`,
      { field: 'port', hint: 'Declare a port.' },
    );
  }

  async #hold(key: string, forward: PortForward): Promise<string | undefined> {
    try {
      // Sockets that share their port find out of nobody else's.
      if (!this.#isShared(forward)) await (await bind(forward, { reusePort: false })).close();
      this.#held.set(key, await bind(forward, { reusePort: true }));
      return undefined;
    } catch (reason) {
      const error = TuttiError.from(reason);
      const isTaken = reason instanceof Error && 'code' in reason && reason.code === 'EADDRINUSE';
      const port = `port ${forward.port}/${forward.protocol}`;
      return isTaken ? `${port} is taken by ${await whoHas(forward)}` : `${port}: ${error.message}`;
    }
  }
}

/** How a port is bound: alone, or such that the next daemon may listen beside this one. */
interface Binding {
  readonly reusePort: boolean;
}

async function bind(forward: PortForward, binding: Binding): Promise<Held> {
  const held: Held = { forward, close: async () => undefined, over: Promise.resolve() };
  if (forward.protocol === 'tcp') await holdTcp(held, binding);
  else if (forward.protocol === 'udp') await holdUdp(held, binding);
  return held;
}

async function isFree(forward: PortForward): Promise<boolean> {
  const held = await bind(forward, { reusePort: false }).catch(() => undefined);
  await held?.close();
  return held !== undefined;
}

/** As people know it: `nginx (process 812)`. */
async function whoHas({ protocol, port }: PortForward): Promise<string> {
  const kind = protocol === 'udp' ? '--udp' : '--tcp';
  const filter = ['sport', '=', `:${port}`];
  const somebody = 'another process of this machine';
  try {
    const { stdout } = await run('ss', ['-H', '-n', '-p', '-l', kind, ...filter]);
    const [, name, pid] = /users:\(\("([^"]+)",pid=(\d+)/.exec(stdout) ?? [];
    return name === undefined ? somebody : `${name} (process ${pid}) of this machine`;
  } catch {
    return somebody;
  }
}

function pick(forward: PortForward): BackEnd | undefined {
  return forward.backEnds[Math.floor(Math.random() * forward.backEnds.length)];
}

/**
 * A connection to a back end. While none of them takes it, one may have been started a moment ago,
 * and not listen yet: it is given some time.
 */
async function reach(held: Held, client: Socket): Promise<Socket | undefined> {
  const giveUpAt = performance.now() + listenLimitMs;
  for (;;) {
    const target = await reachOnce(held.forward);
    const isHopeless = held.forward.backEnds.length === 0 || performance.now() > giveUpAt;
    if (target !== undefined || isHopeless || client.destroyed) return target;
    await sleep(listenPollMs);
  }
}

/**
 * A connection to one of the back ends, at random; one that does not listen (yet) is passed over.
 */
async function reachOnce(forward: PortForward): Promise<Socket | undefined> {
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

async function holdTcp(held: Held, { reusePort }: Binding): Promise<void> {
  const server: Server = createServer({ allowHalfOpen: true }, (client) => {
    client.on('error', () => client.destroy());
    void reach(held, client).then((target) => {
      if (target === undefined || client.destroyed) {
        target?.destroy();
        client.resetAndDestroy();
        return;
      }
      // A back end that is gone without a word must not be waited for.
      target.setKeepAlive(true, keepAliveMs);
      const end = (): void => {
        if (!client.destroyed && !target.destroyed) return;
        client.destroy();
        target.destroy();
      };
      pipeline(client, target, end);
      pipeline(target, client, end);
    });
  });
  server.listen({ port: held.forward.port, reusePort });
  await once(server, 'listening');
  held.over = once(server, 'close').then(() => undefined);
  // The port is free at once; connections go on until their back end ends them.
  held.close = async () => void server.close();
}

async function holdUdp(held: Held, { reusePort }: Binding): Promise<void> {
  const socket = createSocket({ type: 'udp6', reusePort });
  const flows = new Map<string, Flow>();
  socket.bind(held.forward.port);
  await once(socket, 'listening');
  const drop = (key: string): void => {
    const flow = flows.get(key);
    if (flow === undefined) return;
    flows.delete(key);
    clearTimeout(flow.timer);
    flow.socket.close();
  };
  const lead = (key: string, client: RemoteInfo): Flow | undefined => {
    const backEnd = pick(held.forward);
    if (backEnd === undefined) return undefined;
    const target = createSocket('udp4');
    target.on('error', () => drop(key));
    target.on('message', (bytes) => sendBack(socket, { to: client, bytes }));
    target.connect(backEnd.port, backEnd.address);
    const flow = { socket: target, backEnd, timer: setTimeout(() => drop(key), udpIdleMs) };
    flows.set(key, flow);
    return flow;
  };
  socket.on('error', () => undefined);
  socket.on('message', (message, client) => {
    const key = `${client.address}/${client.port}`;
    const known = flows.get(key);
    if (known !== undefined && !held.forward.backEnds.some((one) => isSame(one, known.backEnd))) {
      drop(key);
    }
    const flow = flows.get(key) ?? lead(key, client);
    if (flow === undefined) return;
    flow.timer.refresh();
    whenConnected(flow.socket, () => flow.socket.send(message, () => undefined));
  });
  held.close = async () => {
    for (const key of flows.keys()) drop(key);
    const closed = once(socket, 'close');
    socket.close();
    await closed;
  };
}

function isSame(left: BackEnd, right: BackEnd): boolean {
  return left.address === right.address && left.port === right.port;
}

/** A socket that is still connecting takes no message. */
function whenConnected(socket: DatagramSocket, act: () => void): void {
  try {
    socket.remoteAddress();
    act();
  } catch {
    socket.once('connect', act);
  }
}

import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { createServer, type Socket as TcpSocket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { DnsAsker, DnsListeners, DnsPort, NameSource } from '../host/network-devices.ts';
import type { Logger } from '../host/logger.ts';
import { TuttiError } from '../lib/error.ts';
import { SharedPort } from './datagrams.ts';
import { answerAgain, encodeAnswer, type EncodedAnswer, passOn } from './dns-answers.ts';
import {
  type DnsQuery,
  emptyAnswer,
  largestQueryBytes,
  longestAnswer,
  readQuery,
} from './dns-queries.ts';
import { answerCodes } from './dns-wire.ts';
import { closeShared } from './queued-connections.ts';
import { SentAnswers } from './sent-answers.ts';
import type { UpstreamDns } from './upstream-dns.ts';

/** Of a connection on which nobody says anything. */
const connectionLimitMs = 10_000;
/** Connections of a network at the same time, of one asker, and queries on one that wait. */
const connectionsLimit = 1_024;
const connectionsOfAskerLimit = 128;
const openLimit = 64;
/** Queries of one asker for which others are asked: the rest is for the others. */
const openOfAskerLimit = 128;
/** Many ask at the same moment; while we do something else, the kernel keeps what they said. */
const receiveBufferBytes = 1 << 20;
/** Those that have an answer of ours. */
const types: ReadonlyMap<number, string> = new Map([
  [1, 'A'],
  [12, 'PTR'],
  [28, 'AAAA'],
  [33, 'SRV'],
  // "Any" is answered with what there is to tell (RFC 8482, 4.1).
  [255, 'A'],
]);

interface Asker extends DnsAsker {
  readonly overTcp: boolean;
}

interface Listener extends DnsPort {
  readonly udp: SharedPort;
  close(): void;
}

/** Who asked elsewhere meanwhile gets the answer before we close. */
const answerLimitMs = 2_000;
const answerLookMs = 10;

/** Answers DNS over UDP and TCP; what is not ours goes to the machine's resolvers. */
export class DnsServer implements DnsListeners {
  readonly #names: NameSource;
  readonly #sent: SentAnswers;
  readonly #upstream: UpstreamDns;
  readonly #logger: Logger;
  readonly #portOf: (networkId: string) => number | undefined;
  readonly #listeners = new Map<string, Promise<Listener>>();
  /** Queries that others were asked for. */
  #open = 0;
  readonly #openOf = new Map<string, number>();

  /**
   * @param options.portOf Where names of a network are answered already by whoever goes when this
   *   one is there. Packets of who asks again go on to that port.
   */
  constructor(options: {
    readonly names: NameSource;
    readonly upstream: UpstreamDns;
    readonly logger: Logger;
    readonly portOf?: (networkId: string) => number | undefined;
  }) {
    this.#portOf = options.portOf ?? (() => undefined);
    this.#names = options.names;
    this.#sent = new SentAnswers(options.names);
    this.#upstream = options.upstream;
    this.#logger = options.logger;
  }

  async open(networkId: string, address: string): Promise<DnsPort> {
    const known = this.#listeners.get(networkId);
    if (known !== undefined) return { port: (await known).port, isInherited: true };
    const opening = this.#listen(networkId, address);
    this.#listeners.set(networkId, opening);
    try {
      return await opening;
    } catch (error) {
      this.#listeners.delete(networkId);
      throw new TuttiError(
        'unavailable',
        `names cannot be served on ${address}: ${TuttiError.from(error).message}`,
        { cause: error },
      );
    }
  }

  async close(networkId: string): Promise<void> {
    const listener = await this.#listeners.get(networkId)?.catch(() => undefined);
    this.#listeners.delete(networkId);
    listener?.close();
  }

  /** Leaves the answers to somebody else, who listens on the same ports. */
  async handOver(): Promise<void> {
    const giveUpAt = performance.now() + answerLimitMs;
    await this.#untilAnswered(giveUpAt);
    const all = this.#listeners.values();
    const opened = await Promise.all([...all].map((one) => one.catch(() => undefined)));
    const listeners = opened.filter((listener) => listener !== undefined);
    // Where the address is gone, so is everybody who asked there.
    await Promise.allSettled(listeners.map(({ udp }) => this.#leave(udp, giveUpAt)));
    await closeShared(() => {
      for (const listener of listeners) listener.close();
    });
  }

  /** Every query that came is answered, also those of who asked elsewhere. */
  async #leave(port: SharedPort, giveUpAt: number): Promise<void> {
    for (;;) {
      await port.shut();
      await this.#untilAnswered(giveUpAt);
      if (port.isIdle) return;
      port.reopen();
      if (performance.now() >= giveUpAt) return;
    }
  }

  async #untilAnswered(giveUpAt: number): Promise<void> {
    while (this.#open > 0 && performance.now() < giveUpAt) await sleep(answerLookMs);
  }

  async #listen(networkId: string, address: string): Promise<Listener> {
    const taken = this.#portOf(networkId);
    if (taken !== undefined) {
      const listener = await this.#listenOn(networkId, { address, port: taken }).catch(
        (error: unknown) => {
          const { message } = TuttiError.from(error);
          this.#logger.warn('names are answered on another port than before', { error: message });
        },
      );
      if (listener !== undefined) return { ...listener, isInherited: true };
    }
    const sockets = await this.#listenOn(networkId, { address, port: await freePort(address) });
    return { ...sockets, isInherited: false };
  }

  async #listenOn(
    networkId: string,
    { address, port }: { readonly address: string; readonly port: number },
  ): Promise<Omit<Listener, 'isInherited'>> {
    // The next daemon listens beside this one before this one goes.
    const udp = createSocket({
      type: 'udp4',
      reusePort: true,
      recvBufferSize: receiveBufferBytes,
      // Addresses of clients are no names to be looked up.
      lookup: (client, _options, found) => found(null, client, 4),
    });
    await bound(udp, { port, address });
    const closing = new AbortController();
    const sharedUdp = new SharedPort(udp);
    udp.on('message', this.#onDatagram(networkId, { udp: sharedUdp, signal: closing.signal }));
    udp.on('error', (error) => this.#logger.warn('DNS over UDP', { error: error.message }));
    const connectionsOf = new Map<string, number>();
    const tcp = createServer((socket) => {
      if (holdsTooMany(socket, connectionsOf)) socket.destroy();
      else this.#onConnection(socket, networkId);
    });
    tcp.maxConnections = connectionsLimit;
    tcp.listen({ port, host: address, reusePort: true });
    try {
      await once(tcp, 'listening');
    } catch (error) {
      udp.close();
      throw error;
    }
    const close = (): void => {
      closing.abort();
      udp.close();
      tcp.close();
    };
    return { port, udp: sharedUdp, close };
  }

  #onDatagram(
    networkId: string,
    by: { readonly udp: SharedPort; readonly signal: AbortSignal },
  ): (bytes: Buffer, client: RemoteInfo) => void {
    const say = (bytes: Buffer, to: RemoteInfo): void => {
      // Others may take longer to answer than the network is there.
      if (!by.signal.aborted) by.udp.answer({ to, bytes });
    };
    return (bytes, client) => {
      const asker = { networkId, clientAddress: client.address };
      const sent = this.#sent.find(asker, bytes);
      if (sent !== undefined) return say(answerAgain(sent, bytes.readUInt16BE(0)), client);
      void this.#reply(bytes, { ...asker, overTcp: false }).then((reply) => {
        if (reply !== undefined) say(reply, client);
      });
    };
  }

  #onConnection(socket: TcpSocket, networkId: string): void {
    let rest = Buffer.alloc(0);
    let open = 0;
    const asker = { networkId, clientAddress: socket.remoteAddress ?? '', overTcp: true };
    socket.setTimeout(connectionLimitMs, () => socket.destroy());
    socket.on('error', () => socket.destroy());
    socket.on('drain', () => socket.resume());
    socket.on('data', (chunk: Buffer) => {
      rest = Buffer.concat([rest, chunk]);
      while (rest.length >= 2) {
        const end = 2 + rest.readUInt16BE(0);
        if (end > 2 + largestQueryBytes || open >= openLimit) return socket.destroy();
        if (rest.length < end) return;
        const bytes = rest.subarray(2, end);
        rest = rest.subarray(end);
        open += 1;
        void this.#reply(bytes, asker).then((reply) => {
          open -= 1;
          if (reply === undefined || socket.destroyed) return;
          // Who asks and does not read is not heard until it does: it would fill our memory.
          if (!socket.write(withLength(reply))) socket.pause();
        });
      }
    });
  }

  async #reply(bytes: Buffer, asker: Asker): Promise<Buffer | undefined> {
    const received = readQuery(bytes);
    switch (received.kind) {
      case 'nothing':
        return undefined;
      case 'wrong':
        return received.reply;
      case 'query':
        return await this.#answer(received.query, asker).catch((error: unknown) => {
          // A defect of ours: containers may not end the daemon by asking for it again and again.
          this.#logger.error('a query for a name could not be answered', {
            name: received.query.name,
            error: TuttiError.from(error).message,
          });
          return emptyAnswer(received.query, answerCodes.serverFailure);
        });
    }
  }

  async #answer(query: DnsQuery, asker: Asker): Promise<Buffer> {
    const { networkId, clientAddress, overTcp } = asker;
    const type = types.get(query.type) ?? `TYPE${query.type}`;
    const answer = this.#names.answer({ networkId, clientAddress, name: query.name, type });
    switch (answer.kind) {
      case 'forward':
        return await this.#askOthers(query, { servers: answer.nameservers, asker });
      case 'no-such-name':
        return this.#send(asker, query, withoutRecords(query, answerCodes.noSuchName));
      case 'records': {
        const longestBytes = longestAnswer(query, overTcp);
        return this.#send(asker, query, encodeAnswer(query, { ...answer, longestBytes }));
      }
    }
  }

  /** Keeps the answer for who asks the same again. */
  #send(asker: Asker, query: DnsQuery, answer: EncodedAnswer): Buffer {
    if (!asker.overTcp) this.#sent.keep(asker, { query: query.bytes, answer });
    return answerAgain(answer, query.id);
  }

  async #askOthers(
    query: DnsQuery,
    how: { readonly servers: readonly string[] | undefined; readonly asker: Asker },
  ): Promise<Buffer> {
    const { networkId, clientAddress, overTcp } = how.asker;
    const key = `${networkId}/${clientAddress}`;
    const open = this.#openOf.get(key) ?? 0;
    if (open >= openOfAskerLimit) return emptyAnswer(query, answerCodes.serverFailure);
    this.#openOf.set(key, open + 1);
    this.#open += 1;
    try {
      const message = await this.#upstream.ask(query, how.servers);
      if (message !== undefined) return passOn(query, message, overTcp);
    } finally {
      this.#open -= 1;
      const left = (this.#openOf.get(key) ?? 1) - 1;
      if (left === 0) this.#openOf.delete(key);
      else this.#openOf.set(key, left);
    }
    return emptyAnswer(query, answerCodes.serverFailure);
  }
}

function withoutRecords(query: DnsQuery, code: number): EncodedAnswer {
  return { message: emptyAnswer(query, code), addresses: { at: 0, count: 0, bytes: 0 } };
}

/** As over TCP (RFC 1035, 4.2.2). */
function withLength(message: Buffer): Buffer {
  const length = Buffer.alloc(2);
  length.writeUInt16BE(message.length);
  return Buffer.concat([length, message]);
}

/** One that nobody has, not even somebody who would share it. */
async function freePort(address: string): Promise<number> {
  const socket = createSocket({ type: 'udp4' });
  await bound(socket, { port: 0, address });
  const { port } = socket.address();
  socket.close();
  return port;
}

async function bound(
  socket: Socket,
  { port, address }: { readonly port: number; readonly address: string },
): Promise<void> {
  const listening = once(socket, 'listening');
  socket.bind(port, address);
  try {
    await listening;
  } catch (error) {
    // It is open also where it could not be bound.
    socket.close();
    throw error;
  }
}

/** Counts a connection until it ends. The rest of a network's is for its other askers. */
function holdsTooMany(socket: TcpSocket, connectionsOf: Map<string, number>): boolean {
  const { remoteAddress = '' } = socket;
  const count = connectionsOf.get(remoteAddress) ?? 0;
  if (count >= connectionsOfAskerLimit) return true;
  connectionsOf.set(remoteAddress, count + 1);
  socket.once('close', () => {
    const left = (connectionsOf.get(remoteAddress) ?? 1) - 1;
    if (left === 0) connectionsOf.delete(remoteAddress);
    else connectionsOf.set(remoteAddress, left);
  });
  return false;
}

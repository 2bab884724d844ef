import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { createServer, type Server, type Socket as TcpSocket } from 'node:net';
import { decode, encode, type Packet, type Question, RECURSION_AVAILABLE } from 'dns-packet';
import type { DnsAnswer, DnsListeners, DnsQuestion } from '../host/network-devices.ts';
import type { Logger } from '../host/logger.ts';
import { TuttiError } from '../lib/error.ts';
import type { UpstreamDns } from './upstream-dns.ts';

const noSuchName = 3;
const serverFailure = 2;
const refused = 5;
const headerBytes = 12;
const largestQueryBytes = 4_096;
/** What an answer over UDP may have without EDNS (RFC 1035, 4.2.1). */
const plainUdpBytes = 512;

interface Listener {
  readonly udp: Socket;
  readonly tcp: Server;
  readonly port: number;
}

/** Answers DNS over UDP and TCP; what is not ours goes to the machine's resolvers. */
export class DnsServer implements DnsListeners {
  readonly #answer: (question: DnsQuestion) => DnsAnswer;
  readonly #upstream: UpstreamDns;
  readonly #logger: Logger;
  readonly #listeners = new Map<string, Promise<Listener>>();

  constructor(options: {
    readonly answer: (question: DnsQuestion) => DnsAnswer;
    readonly upstream: UpstreamDns;
    readonly logger: Logger;
  }) {
    this.#answer = options.answer;
    this.#upstream = options.upstream;
    this.#logger = options.logger;
  }

  async open(networkId: string, address: string): Promise<number> {
    const known = this.#listeners.get(networkId);
    if (known !== undefined) return (await known).port;
    const opening = this.#listen(networkId, address);
    this.#listeners.set(networkId, opening);
    try {
      return (await opening).port;
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
    listener?.udp.close();
    listener?.tcp.close();
  }

  async #listen(networkId: string, address: string): Promise<Listener> {
    const udp = createSocket({ type: 'udp4' });
    udp.bind(0, address);
    await once(udp, 'listening');
    const { port } = udp.address();
    udp.on('message', (bytes, client) => void this.#onDatagram({ udp, bytes, client, networkId }));
    udp.on('error', (error) => this.#logger.warn('DNS over UDP', { error: error.message }));
    const tcp = createServer((socket) => this.#onConnection(socket, networkId));
    tcp.listen(port, address);
    await once(tcp, 'listening');
    return { udp, tcp, port };
  }

  async #onDatagram(query: {
    readonly udp: Socket;
    readonly bytes: Buffer;
    readonly client: RemoteInfo;
    readonly networkId: string;
  }): Promise<void> {
    const { udp, bytes, client, networkId } = query;
    const asked = parse(bytes);
    if (asked === undefined) return;
    const asker = { networkId, clientAddress: client.address, overTcp: false };
    const reply = await this.#reply({ bytes, asked }, asker);
    if (reply === undefined) return;
    const whole = reply.length <= longestDatagram(asked) ? reply : truncate(reply);
    udp.send(whole, client.port, client.address, () => undefined);
  }

  #onConnection(socket: TcpSocket, networkId: string): void {
    let rest = Buffer.alloc(0);
    socket.setTimeout(10_000, () => socket.destroy());
    socket.on('error', () => socket.destroy());
    socket.on('data', (chunk: Buffer) => {
      rest = Buffer.concat([rest, chunk]);
      while (rest.length >= 2) {
        const end = 2 + rest.readUInt16BE(0);
        if (end > largestQueryBytes) socket.destroy();
        if (rest.length < end) return;
        const bytes = rest.subarray(2, end);
        rest = rest.subarray(end);
        void this.#overTcp(socket, { bytes, networkId });
      }
    });
  }

  async #overTcp(
    socket: TcpSocket,
    query: { readonly bytes: Buffer; readonly networkId: string },
  ): Promise<void> {
    const clientAddress = socket.remoteAddress ?? '';
    const { bytes, networkId } = query;
    const asked = parse(bytes);
    if (asked === undefined) return;
    const asker = { networkId, clientAddress, overTcp: true };
    const reply = await this.#reply({ bytes, asked }, asker);
    if (reply === undefined || socket.destroyed) return;
    const length = Buffer.alloc(2);
    length.writeUInt16BE(reply.length);
    socket.write(Buffer.concat([length, reply]));
  }

  async #reply(
    query: { readonly bytes: Buffer; readonly asked: Packet },
    asker: Pick<DnsQuestion, 'networkId' | 'clientAddress'> & { readonly overTcp: boolean },
  ): Promise<Buffer | undefined> {
    const { bytes, asked } = query;
    const { overTcp, networkId, clientAddress } = asker;
    const question = asked.questions?.[0];
    if (question === undefined) return undefined;
    const { name, type } = question;
    const answer = this.#answer({ networkId, clientAddress, name, type });
    switch (answer.kind) {
      case 'forward': {
        const servers = answer.nameservers;
        const forwarded = await this.#upstream.ask(bytes, { servers, overTcp });
        return forwarded ?? respond(asked, { question, code: serverFailure });
      }
      case 'no-such-name':
        return respond(asked, { question, code: noSuchName });
      case 'records': {
        const answers = shuffled(answer.records).map((record) =>
          record.type === 'A'
            ? ({ type: 'A', name: record.name, ttl: 0, data: record.address } as const)
            : ({ type: 'PTR', name: record.name, ttl: 0, data: record.target } as const),
        );
        return respond(asked, { question, code: 0, answers });
      }
    }
  }
}

/** Undefined for what is no query: nothing good comes of answering that. */
function parse(bytes: Buffer): Packet | undefined {
  if (bytes.length < headerBytes || bytes.length > largestQueryBytes) return undefined;
  try {
    const packet = decode(bytes);
    return packet.type === 'query' ? packet : undefined;
  } catch {
    // Garbage from a container is no event of ours.
    return undefined;
  }
}

/** What the asker takes in one datagram: 512 bytes, or what it says (EDNS, RFC 6891, 6.2.3). */
function longestDatagram(query: Packet): number {
  const extension = query.additionals?.find((one) => one.type === 'OPT');
  const offered = extension?.type === 'OPT' ? extension.udpPayloadSize : plainUdpBytes;
  return Math.min(Math.max(offered, plainUdpBytes), largestQueryBytes);
}

function respond(
  query: Packet,
  reply: {
    readonly question: Question;
    readonly code: number;
    readonly answers?: NonNullable<Packet['answers']>;
  },
): Buffer {
  // dns-packet keeps the response code in the low bits of the flags.
  const recursionDesired = (query.flags ?? 0) & 0x0100;
  const code = query.questions?.length === 1 ? reply.code : refused;
  return encode({
    type: 'response',
    ...(query.id !== undefined && { id: query.id }),
    flags: RECURSION_AVAILABLE | recursionDesired | code,
    questions: [reply.question],
    answers: reply.answers ?? [],
  });
}

/** An answer that did not fit: header and question, and the mark that says "ask by TCP". */
function truncate(reply: Buffer): Buffer {
  const packet = decode(reply);
  return encode({
    type: 'response',
    ...(packet.id !== undefined && { id: packet.id }),
    flags: (packet.flags ?? 0) | 0x0200,
    questions: packet.questions ?? [],
  });
}

/** Clients take the first address, so its order is what spreads the load. */
function shuffled<T>(items: readonly T[]): readonly T[] {
  return items
    .map((item) => ({ item, order: Math.random() }))
    .toSorted((left, right) => left.order - right.order)
    .map(({ item }) => item);
}

import type { Http2SecureServer, ServerHttp2Session, ServerHttp2Stream } from 'node:http2';
import * as http2 from 'node:http2';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { createPublicKey } from 'node:crypto';
import type { TLSSocket } from 'node:tls';
import type {
  BoundCaller,
  ClusterCalls,
  ClusterPort,
  PortIdentity,
  Verdict,
} from '../host/cluster-port.ts';
import type { Logger } from '../host/logger.ts';
import type { ManagerCall } from '../host/managers.ts';
import type { ManagerTransportHandler, SessionPeer } from '../host/transport.ts';
import { TuttiError } from '../lib/error.ts';
import { formatHostPort, type HostPort } from '../lib/host-port.ts';
import {
  callLimitBytes,
  parseJoinCall,
  parseRenewCall,
  type WireRefusal,
} from '../wire/authority-calls.ts';
import { joinStreams } from './join-streams.ts';
import type { LeaderRelay, RelayedStream } from './leader-relay.ts';
import { maxSessionMemory, serveMessages, sessionSettings } from './session-transport.ts';
import { isBound } from './tls-binding.ts';
import { SecureServer } from './tls-server.ts';

/** How long a port that another program has is waited for, and how often it is tried. */
const portPatienceMs = 8_000;
const portRetryMs = 100;
/** Of all machines together: nodes have one each. */
const connectionLimit = 4_096;
/** Of one address: several nodes behind one, and their attempts to join. */
const addressLimit = 256;
/** Who has not shown by then that it is a node is in nobody's way any longer. */
const strangerLimitMs = 20_000;
/** Who connects before the manager has its certificate waits. */
const waitingLimit = 64;
/** What a manager says that does not lead: nothing of the request was looked at (RFC 9110). */
export const statusMisdirected = 421;
const logsCall = 'session.logs';
const managerCallLimitBytes = 1024 * 1024;
/** Of a link that carries many streams. */
const managerWindowBytes = 16 * 1024 * 1024;
const managerCalls: readonly ManagerCall[] = [
  'manager.member',
  'manager.sealing-key',
  'manager.admit',
  'manager.left',
];

/** What the port of one of several managers needs besides. */
export interface SharedPort {
  readonly relay: LeaderRelay;
  readonly isLeading: () => boolean;
  /** Where requests of clients are served that came by way of another manager. */
  readonly apiSocket: string;
}

interface Guest {
  readonly caller: BoundCaller;
  readonly call: string;
  readonly stream: ServerHttp2Stream;
}

/**
 * The TCP port of a manager: TLS 1.3, HTTP/2, one path for each call (`/authority.join`). Each call
 * is judged by itself; open streams are judged again whenever rows, roots or time changed.
 */
export class TcpClusterPort implements ClusterPort {
  readonly #calls: ClusterCalls;
  readonly #handler: ManagerTransportHandler;
  readonly #logger: Logger;
  readonly #shared: SharedPort | undefined;
  readonly #connections = new Map<Socket, string>();
  readonly #guests = new Set<Guest>();
  /** Links on which a node was seen. */
  readonly #members = new WeakSet<object>();
  #waiting: Socket[] = [];
  #listener: Server | undefined;
  #secure: SecureServer | undefined;

  constructor(options: {
    readonly calls: ClusterCalls;
    readonly handler: ManagerTransportHandler;
    readonly logger: Logger;
    /** Absent: this is the only manager. */
    readonly shared?: SharedPort;
  }) {
    this.#shared = options.shared;
    this.#calls = options.calls;
    this.#handler = options.handler;
    this.#logger = options.logger;
  }

  async reserve(address: HostPort): Promise<void> {
    const giveUpAt = performance.now() + portPatienceMs;
    for (;;) {
      try {
        this.#listener = await this.#listen(address);
        return;
      } catch (reason) {
        const error = reason as NodeJS.ErrnoException;
        // A manager that has just left this machine's cluster gives it back in a moment.
        const mayEnd = error.code === 'EADDRINUSE' && performance.now() < giveUpAt;
        if (!mayEnd) throw cannotListen(address, error);
        await sleep(portRetryMs);
      }
    }
  }

  /** Throws what the system says. */
  async #listen(address: HostPort): Promise<Server> {
    const listener = createServer((socket) => this.#connected(socket));
    listener.maxConnections = connectionLimit;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    listener.once('error', reject);
    // An empty host would be all addresses, IPv6 among them.
    const host = address.host === '' ? '0.0.0.0' : address.host;
    listener.listen({ host, port: address.port }, resolve);
    await promise;
    listener.off('error', reject);
    listener.on('error', (error) => {
      this.#logger.error('the port of the manager failed', { error: error.message });
    });
    return listener;
  }

  /** Where it listens; undefined: nowhere. */
  get port(): number | undefined {
    const address = this.#listener?.address();
    return typeof address === 'object' ? address?.port : undefined;
  }

  open(identity: PortIdentity): void {
    const credentials = { key: identity.key, certificate: identity.certificate };
    const trust = { roots: identity.roots };
    if (this.#secure !== undefined) {
      this.#secure.rotate({ credentials, trust });
      return;
    }
    this.#secure = new SecureServer({
      credentials,
      trust,
      clusterId: identity.clusterId,
      settings: sessionSettings,
      maxSessionMemory,
    });
    this.#serve(this.#secure);
    for (const socket of this.#waiting.splice(0)) this.#secure.http.emit('connection', socket);
  }

  rejudge(): void {
    for (const { caller, call, stream } of this.#guests) {
      const certificate = this.#secure?.peer(stream);
      if (this.#calls.authorise(call, { ...caller, certificate }).kind === 'node') continue;
      stream.close(http2.constants.NGHTTP2_REFUSED_STREAM);
    }
  }

  async close(): Promise<void> {
    const listener = this.#listener;
    this.#listener = undefined;
    this.#secure = undefined;
    this.#waiting = [];
    if (listener === undefined) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    listener.close(() => resolve());
    for (const socket of this.#connections.keys()) socket.destroy();
    await promise;
  }

  #connected(socket: Socket): void {
    const address = plainAddress(socket.remoteAddress);
    const others = [...this.#connections.values()].filter((one) => one === address).length;
    if (others >= addressLimit) {
      socket.destroy();
      return;
    }
    this.#connections.set(socket, address);
    socket.once('close', () => this.#connections.delete(socket));
    socket.on('error', () => socket.destroy());
    const secure = this.#secure?.http;
    if (secure !== undefined) secure.emit('connection', socket);
    else if (this.#waiting.length < waitingLimit) this.#waiting.push(socket);
    else socket.destroy();
  }

  #serve(secure: SecureServer): void {
    const server: Http2SecureServer = secure.http;
    server.on('session', (session) => this.#watchStranger(session, secure));
    server.on('stream', (stream: ServerHttp2Stream, headers) => {
      stream.on('error', () => undefined);
      const call = (headers[':path'] ?? '').slice(1);
      void this.#answer(stream, { secure, call }).catch((reason: unknown) => {
        respond(stream, failureOf(reason));
      });
    });
    for (const event of ['sessionError', 'tlsClientError'] as const) {
      server.on(event, (error: Error) => {
        this.#logger.debug('a connection to the manager failed', { error: error.message });
      });
    }
  }

  #watchStranger(session: ServerHttp2Session, secure: SecureServer): void {
    session.on('error', () => undefined);
    const timer = setTimeout(() => {
      // A manager's link may have had nothing to carry yet.
      const certificate = secure.peer({ session });
      const address = plainAddress(session.socket.remoteAddress);
      const isNode = (): boolean =>
        certificate !== undefined &&
        this.#calls.authorise('session.open', { certificate, address }).kind === 'node';
      if (!this.#members.has(session) && !isNode()) session.destroy();
    }, strangerLimitMs);
    timer.unref();
    session.once('close', () => clearTimeout(timer));
  }

  async #answer(
    stream: ServerHttp2Stream,
    asked: { readonly secure: SecureServer; readonly call: string },
  ): Promise<void> {
    const caller = callerOf(stream, asked.secure);
    const [call = '', argument = ''] = asked.call.split('/');
    const verdict = this.#calls.authorise(call, caller);
    if (verdict.kind === 'refused') {
      respond(stream, { status: 403, body: verdict });
      return;
    }
    switch (call) {
      case 'authority.root':
        respond(stream, { status: 200, body: this.#calls.root() });
        return;
      case 'authority.join': {
        const text = await readText(stream);
        const from = { ...caller, isBound: boundTo(stream, requestOf(text)) };
        reply(stream, await this.#calls.join(parseJoinCall(parseJson(text)), from));
        return;
      }
      case 'authority.renew': {
        const text = await readText(stream);
        const from = { ...caller, isBound: boundTo(stream, requestOf(text)) };
        reply(stream, await this.#calls.renew(parseRenewCall(parseJson(text)), from));
        return;
      }
      default:
        await this.#answerNode(stream, { caller, call, argument, verdict });
    }
  }

  async #answerNode(
    stream: ServerHttp2Stream,
    asked: {
      readonly caller: BoundCaller;
      readonly call: string;
      readonly argument: string;
      readonly verdict: Verdict;
    },
  ): Promise<void> {
    const { caller, call, argument, verdict } = asked;
    const { session } = stream;
    if (verdict.kind !== 'node' || session === undefined) {
      respond(stream, { status: 404, body: { message: `nobody answers ${call}` } });
      return;
    }
    this.#members.add(session);
    if (call === 'node.leave') {
      this.#calls.left(verdict.nodeId);
      respond(stream, { status: 200, body: {} });
      return;
    }
    if (isManagerCall(call)) {
      const body = parseJson(await readText(stream, managerCallLimitBytes));
      const from = { nodeId: verdict.nodeId };
      respond(stream, { status: 200, body: await this.#calls.manager(call, body, from) });
      return;
    }
    if (call === 'manager.forward' || call === 'manager.relay') {
      await this.#serveManager(stream, { caller, call, argument, nodeId: verdict.nodeId });
      return;
    }
    if (call !== 'session.open' && call !== logsCall) {
      respond(stream, { status: 404, body: { message: `nobody answers ${call}` } });
      return;
    }
    const { rootId = '', role } = caller.certificate ?? {};
    const peer: SessionPeer = {
      nodeId: verdict.nodeId,
      address: caller.address,
      rootId,
      ...(role !== undefined && { role }),
    };
    this.#remember({ caller, call, stream });
    const relay = this.#shared?.relay;
    const common = {
      handler: this.#handler,
      logger: this.#logger,
      peer,
      ...(relay !== undefined && { relay }),
    };
    await serveMessages(
      stream,
      call === logsCall
        ? { ...common, kind: 'logs', requestId: decodeURIComponent(argument) }
        : { ...common, kind: 'session' },
    );
  }

  #remember(guest: Guest): void {
    this.#guests.add(guest);
    guest.stream.once('close', () => this.#guests.delete(guest));
  }

  /** What another manager passes on, which this one serves if it leads. */
  async #serveManager(
    stream: ServerHttp2Stream,
    asked: {
      readonly caller: BoundCaller;
      readonly call: string;
      readonly argument: string;
      readonly nodeId: string;
    },
  ): Promise<void> {
    const { caller, call, argument, nodeId } = asked;
    const shared = this.#shared;
    if (shared?.isLeading() !== true) {
      const body = { message: 'this manager does not lead' };
      respond(stream, { status: statusMisdirected, body });
      return;
    }
    stream.session?.setLocalWindowSize(managerWindowBytes);
    this.#remember({ caller, call, stream });
    const logger = this.#logger;
    if (call === 'manager.relay') {
      const relayed = readRelayed(argument);
      await serveMessages(stream, { handler: this.#handler, logger, ...relayed });
      return;
    }
    stream.respond({ ':status': 200 });
    stream.once('data', (chunk: Buffer) => {
      logger.debug('forwarded', { nodeId, address: caller.address, request: firstLine(chunk) });
    });
    joinStreams(stream, connect({ path: shared.apiSocket, allowHalfOpen: true }));
  }
}

/** @throws TuttiError `invalid-argument` */
function readRelayed(argument: string): RelayedStream {
  const value = parseJson(Buffer.from(argument, 'base64url').toString()) as RelayedStream;
  const { nodeId, address, rootId, role = 'worker' } = value.peer;
  const texts = [nodeId, address, rootId, role, value.kind === 'logs' ? value.requestId : ''];
  if (texts.every((text) => typeof text === 'string')) return value;
  throw new TuttiError('invalid-argument', 'who is relayed is not said');
}

function isManagerCall(call: string): call is ManagerCall {
  return managerCalls.some((one) => one === call);
}

/** The method and path of a request as it goes over a tunnel. */
function firstLine(chunk: Buffer): string {
  return chunk.subarray(0, 200).toString('latin1').split(' HTTP/', 1)[0] ?? '';
}

function callerOf(stream: ServerHttp2Stream, secure: SecureServer): BoundCaller {
  return {
    certificate: secure.peer(stream),
    address: plainAddress(stream.session?.socket.remoteAddress),
    isBound: () => false,
  };
}

interface Bound {
  readonly request: string;
  readonly proof: string;
}

function boundTo(stream: ServerHttp2Stream, { request, proof }: Bound) {
  return (publicKey: string): boolean => {
    const { session } = stream;
    if (session === undefined || session.destroyed) return false;
    const key = { key: Buffer.from(publicKey, 'base64'), format: 'der', type: 'spki' } as const;
    const socket = session.socket as TLSSocket;
    return isBound(socket, { request, proof, publicKey: createPublicKey(key) });
  };
}

function requestOf(text: string): Bound {
  const { request, proof } = parseRenewCall(parseJson(text));
  return { request, proof };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new TuttiError('invalid-argument', 'the body of the call is no JSON', { cause });
  }
}

async function readText(stream: ServerHttp2Stream, limitBytes = callLimitBytes): Promise<string> {
  const chunks: Buffer[] = [];
  let sizeBytes = 0;
  for await (const chunk of stream.iterator({ destroyOnReturn: false })) {
    const bytes = chunk as Buffer;
    sizeBytes += bytes.length;
    if (sizeBytes > limitBytes) {
      throw new TuttiError('invalid-argument', `a call has at most ${limitBytes} bytes`);
    }
    chunks.push(bytes);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function reply(stream: ServerHttp2Stream, said: { readonly kind: string } | WireRefusal): void {
  respond(stream, { status: said.kind === 'refused' ? 403 : 200, body: said });
}

function respond(
  stream: ServerHttp2Stream,
  with_: { readonly status: number; readonly body: object },
): void {
  if (stream.destroyed || stream.closed || stream.headersSent) return;
  stream.respond({ ':status': with_.status, 'content-type': 'application/json' });
  stream.end(JSON.stringify(with_.body));
  // What is still coming is read by nobody.
  stream.resume();
}

function failureOf(reason: unknown): { readonly status: number; readonly body: object } {
  const { code, message, hint } = TuttiError.from(reason);
  const status = code === 'invalid-argument' ? 400 : 503;
  return { status, body: { code, message, ...(hint !== undefined && { hint }) } };
}

/** IPv4 in IPv6 is IPv4 to people. */
function plainAddress(address: string | undefined): string {
  return (address ?? '').replace(/^::ffff:(?=\d+\.)/, '');
}

function cannotListen(address: HostPort, error: NodeJS.ErrnoException): TuttiError {
  const where = formatHostPort(address);
  const why =
    error.code === 'EADDRINUSE'
      ? 'another program listens there already'
      : error.code === 'EADDRNOTAVAIL'
        ? 'this machine does not have that address'
        : error.message;
  return new TuttiError(
    'failed-precondition',
    `the manager cannot listen on ${where} (TCP): ${why}`,
    {
      field: 'ListenAddr',
      hint: 'End that program, or choose another address: docker swarm init --listen-addr.',
      cause: error,
    },
  );
}

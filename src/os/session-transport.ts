import { chmod, rm } from 'node:fs/promises';
import * as http2 from 'node:http2';
import { connect } from 'node:net';
import type { Logger } from '../host/logger.ts';
import type { AgentTransport, ManagerTransportHandler, SessionPeer } from '../host/transport.ts';
import { TuttiError } from '../lib/error.ts';
import { messageLimitBytes } from '../wire/ndjson.ts';
import { parseAgentMessage, parseLogMessage, parseManagerMessage } from '../wire/parse.ts';
import { joinStreams } from './join-streams.ts';
import type { LeaderRelay } from './leader-relay.ts';
import { endSide, messageStream } from './message-stream.ts';

/*
 * Sessions between agents and a manager: HTTP/2 over a Unix socket, lines of JSON both ways. One
 * stream is the session, every log that is read has one more, so that a slow reader of logs holds
 * up nothing.
 */

const sessionPath = '/session';
const logsPath = '/logs/';
/** A manager that hangs takes connections all the same; the one on this machine is near. */
const headLimitMs = 1_000;
export const sessionSettings: http2.Settings = {
  initialWindowSize: 1024 * 1024,
  enablePush: false,
};
/** Room for a whole message on its way and streams beside it; by default those would be refused. */
export const maxSessionMemory = Math.ceil((3 * messageLimitBytes) / 1e6);

export interface SessionServer {
  /** Ends every session and takes no more. */
  close(): Promise<void>;
}

/**
 * Listens on a Unix socket that only its owner may open, replacing what a dead process left there.
 */
export async function serveSessions(options: {
  readonly socketPath: string;
  readonly handler: ManagerTransportHandler;
  readonly logger: Logger;
  /** Of one of several managers. */
  readonly relay?: LeaderRelay;
}): Promise<SessionServer> {
  const server = http2.createServer({ settings: sessionSettings, maxSessionMemory });
  const connections = new Set<http2.ServerHttp2Session>();
  server.on('session', (connection) => {
    connections.add(connection);
    connection.on('error', (error) => {
      options.logger.debug('session connection failed', { error: error.message });
    });
    connection.once('close', () => connections.delete(connection));
  });
  server.on('stream', (stream: http2.ServerHttp2Stream, headers) => {
    void serveStream(stream, { path: headers[':path'] ?? '', ...options });
  });
  await listen(server, options.socketPath);
  return {
    async close() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      for (const connection of connections) connection.destroy();
      await closed;
    },
  };
}

/** An agent's way to the manager that listens on the socket. One connection carries all streams. */
export function sessionClient(options: { readonly socketPath: string }): AgentTransport {
  let current: Connection | undefined;
  const open = async (path: string, signal: AbortSignal): Promise<http2.ClientHttp2Stream> => {
    if (current === undefined || current.session.closed || current.session.destroyed) {
      current = openConnection(options.socketPath);
    }
    return await openStream(current, { path, signal });
  };
  return {
    async openSession(signal) {
      return messageStream(await open(sessionPath, signal), parseManagerMessage);
    },
    async openLogs(requestId, signal) {
      const path = logsPath + encodeURIComponent(requestId);
      return messageStream(await open(path, signal), refuseMessage);
    },
  };
}

async function serveStream(
  stream: http2.ServerHttp2Stream,
  request: {
    readonly path: string;
    readonly handler: ManagerTransportHandler;
    readonly logger: Logger;
    readonly relay?: LeaderRelay;
  },
): Promise<void> {
  const { path, ...common } = request;
  if (path === sessionPath) await serveMessages(stream, { kind: 'session', ...common });
  else if (path.startsWith(logsPath)) {
    const requestId = decodeURIComponent(path.slice(logsPath.length));
    await serveMessages(stream, { kind: 'logs', requestId, ...common });
  } else stream.respond({ ':status': 404 }, { endStream: true });
}

/** A stream of messages that somebody opened, and who that is. */
export type ServeMessages = {
  readonly handler: ManagerTransportHandler;
  readonly logger: Logger;
  readonly peer?: SessionPeer;
  /** Of one of several managers: to the one that leads. */
  readonly relay?: LeaderRelay;
} & ({ readonly kind: 'session' } | { readonly kind: 'logs'; readonly requestId: string });

/** Answers with 200 and hands the messages over; resolves when that is over. */
export async function serveMessages(
  stream: http2.ServerHttp2Stream,
  request: ServeMessages,
): Promise<void> {
  const { kind, handler, logger, peer, relay } = request;
  // What becomes of it is told by whoever reads it, which may be nobody yet.
  stream.on('error', () => undefined);
  stream.respond({ ':status': 200, 'content-type': 'application/x-ndjson' });
  try {
    const upstream = await relay?.openStream(request, { peer, signal: whileOpen(stream) });
    if (upstream !== undefined) {
      joinStreams(stream, upstream);
      return;
    }
    if (kind === 'session') {
      await handler.onSession(messageStream(stream, parseAgentMessage), peer);
    } else {
      await handler.onLogs(request.requestId, messageStream(stream, parseLogMessage), peer);
    }
    endSide(stream);
  } catch (error) {
    const { code, message } = TuttiError.from(error);
    logger.warn('a stream of an agent ended with an error', {
      kind,
      nodeId: peer?.nodeId,
      code,
      error: message,
    });
    stream.close(http2.constants.NGHTTP2_INTERNAL_ERROR);
  }
}

function whileOpen(stream: http2.ServerHttp2Stream): AbortSignal {
  const closed = new AbortController();
  stream.once('close', () => closed.abort());
  return closed.signal;
}

async function listen(server: http2.Http2Server, socketPath: string): Promise<void> {
  await rm(socketPath, { force: true });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(socketPath, () => {
      server.off('error', reject);
      resolve();
    });
  });
  await chmod(socketPath, 0o600);
}

/** The connection ends with its last stream, so that nothing keeps a process alive that is done. */
export interface Connection {
  readonly session: http2.ClientHttp2Session;
  streams: number;
}

function openConnection(socketPath: string): Connection {
  const session = http2.connect('http://manager', {
    settings: sessionSettings,
    maxSessionMemory,
    createConnection: () => connect(socketPath),
  });
  session.on('error', () => undefined); // every stream reports the loss to its own user
  return { session, streams: 0 };
}

async function openStream(
  connection: Connection,
  options: { readonly path: string; readonly signal: AbortSignal },
): Promise<http2.ClientHttp2Stream> {
  const { path, signal } = options;
  signal.throwIfAborted();
  const { stream, status } = await requestStream(connection, { path, signal, headLimitMs });
  if (status === 200) return stream;
  stream.close(http2.constants.NGHTTP2_CANCEL);
  throw new TuttiError('unimplemented', `the manager answers ${path} with status ${status}`);
}

/**
 * Opens a stream on a connection, which ends with its last one, and waits for the answer's head.
 *
 * @throws TuttiError `unavailable` where none comes.
 */
export async function requestStream(
  connection: Connection,
  options: {
    readonly path: string;
    readonly signal: AbortSignal;
    /** All that is said; absent: more follows. */
    readonly text?: string;
    /** For the answer's head; absent: what the signal says. */
    readonly headLimitMs?: number;
  },
): Promise<{ readonly stream: http2.ClientHttp2Stream; readonly status: number }> {
  const { path, signal, text, headLimitMs } = options;
  const headers = { ':method': 'POST', ':path': path };
  const stream = connection.session.request(headers, { endStream: false });
  connection.streams += 1;
  const abort = (): void => stream.close(http2.constants.NGHTTP2_CANCEL);
  signal.addEventListener('abort', abort, { once: true });
  stream.once('close', () => {
    signal.removeEventListener('abort', abort);
    connection.streams -= 1;
    if (connection.streams === 0) connection.session.close();
  });
  if (text !== undefined) stream.end(text);
  const late = headLimitMs === undefined ? undefined : setTimeout(abort, headLimitMs);
  stream.once('response', () => clearTimeout(late));
  stream.once('close', () => clearTimeout(late));
  const status = await new Promise<number>((resolve, reject) => {
    stream.once('response', (head) => resolve(head[':status'] ?? 0));
    stream.once('error', (error) => reject(noAnswer(error)));
    stream.once('close', () => reject(noAnswer(signal.reason)));
  });
  return { stream, status };
}

function noAnswer(cause: unknown): TuttiError {
  const detail = cause instanceof Error ? `: ${cause.message}` : '';
  return new TuttiError('unavailable', `the manager does not answer${detail}`, { cause });
}

export function refuseMessage(): never {
  throw new TuttiError('invalid-argument', 'a log stream carries no messages to the agent');
}

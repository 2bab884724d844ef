import {
  Agent,
  type ClientRequest,
  type IncomingMessage,
  type OutgoingHttpHeaders,
  request as httpRequest,
  type ServerResponse,
} from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { HttpForward } from '../host/http.ts';
import { TuttiError } from '../lib/error.ts';
import { takeUpgradeBody } from './http-body.ts';

export type ForwardOutcome = 'done' | 'unreachable';

interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
}

interface UpgradeExchange extends Exchange {
  readonly socket: Duplex;
  /** What the client sent behind its headers: first the body, then the upgraded stream. */
  readonly head: Buffer;
}

/** Headers that belong to one connection, not to the message (RFC 9110, 7.6.1). */
const connectionHeaders = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

const upgradeBodyLimitBytes = 1024 * 1024;

/**
 * Passes requests on to servers behind Unix sockets: bodies stream both ways, nothing is held back.
 */
export class HttpProxy {
  readonly #agent = new Agent({ keepAlive: true, maxFreeSockets: 16 });

  close(): void {
    this.#agent.destroy();
  }

  /** Resolves when the reply is complete; `unreachable`: nothing was sent to the client. */
  async forward(forward: HttpForward, exchange: Exchange): Promise<ForwardOutcome> {
    const { request, response } = exchange;
    const hasBody = forward.body === undefined && carriesBody(request);
    for (let attempt = 1; ; attempt += 1) {
      const outgoing = this.#open(forward, request, forward.isAlone === true ? false : this.#agent);
      const abandon = (): void => void outgoing.destroy();
      response.once('close', abandon);
      try {
        const answer = firstAnswer(outgoing);
        if (hasBody) sendBody(request, outgoing);
        else outgoing.end(forward.body);
        const incoming = await answer;
        if (incoming.kind !== 'response')
          throw new TuttiError('internal', 'an upgrade unasked for');
        await relay(incoming.message, response, forward);
        return 'done';
      } catch (error) {
        if (response.headersSent || response.destroyed) throw error;
        // A kept connection that the server closed meanwhile says nothing about the server.
        if (attempt === 1 && outgoing.reusedSocket && !hasBody) continue;
        return 'unreachable';
      } finally {
        response.removeListener('close', abandon);
      }
    }
  }

  /** The same for a request that asks for an upgrade: after 101 the two sockets are joined. */
  async forwardUpgrade(forward: HttpForward, exchange: UpgradeExchange): Promise<ForwardOutcome> {
    const { request, response, socket } = exchange;
    const { body, rest } = await takeUpgradeBody(exchange, upgradeBodyLimitBytes);
    const outgoing = this.#open(forward, request, false);
    outgoing.setHeader('Connection', 'Upgrade');
    outgoing.setHeader('Upgrade', request.headers.upgrade ?? 'tcp');
    outgoing.setHeader('Content-Length', String(body.byteLength));
    socket.once('close', () => outgoing.destroy());
    const answer = firstAnswer(outgoing);
    outgoing.end(body);
    let incoming: Answer;
    try {
      incoming = await answer;
    } catch {
      return 'unreachable';
    }
    if (incoming.kind === 'response') {
      await relay(incoming.message, response, forward);
      return 'done';
    }
    response.detachSocket(socket as Socket);
    socket.write(switchingProtocols(incoming.message));
    joinStreams({ socket, first: rest }, { socket: incoming.socket, first: incoming.head });
    return 'done';
  }

  #open(forward: HttpForward, request: IncomingMessage, agent: Agent | false): ClientRequest {
    const headers = endToEndHeaders(request);
    if (forward.body !== undefined) headers['content-length'] = forward.body.byteLength;
    else if (request.headers['transfer-encoding'] !== undefined) {
      headers['transfer-encoding'] = 'chunked';
    }
    return httpRequest({
      socketPath: forward.socketPath,
      path: forward.target,
      method: request.method,
      headers,
      agent,
      setHost: false,
    });
  }
}

/** A header that came several times goes on several times: joined, it would be another value. */
function endToEndHeaders(message: IncomingMessage): OutgoingHttpHeaders {
  const headers: OutgoingHttpHeaders = {};
  for (const [name, values = []] of Object.entries(message.headersDistinct)) {
    if (!connectionHeaders.has(name)) headers[name] = values.length === 1 ? values[0] : values;
  }
  return headers;
}

type Answer =
  | { readonly kind: 'response'; readonly message: IncomingMessage }
  | {
      readonly kind: 'upgrade';
      readonly message: IncomingMessage;
      readonly socket: Duplex;
      readonly head: Buffer;
    };

function firstAnswer(outgoing: ClientRequest): Promise<Answer> {
  return new Promise((resolve, reject) => {
    outgoing.on('error', reject);
    outgoing.once('response', (message) => resolve({ kind: 'response', message }));
    outgoing.once('upgrade', (message, socket: Duplex, head) =>
      resolve({ kind: 'upgrade', message, socket, head }),
    );
  });
}

function carriesBody(request: IncomingMessage): boolean {
  const length = request.headers['content-length'];
  return (
    request.headers['transfer-encoding'] !== undefined || (length !== undefined && length !== '0')
  );
}

/**
 * The server may answer and close before it read everything: the answer decides, not the upload.
 */
function sendBody(request: IncomingMessage, outgoing: ClientRequest): void {
  request.pipe(outgoing);
  request.once('error', (error) => outgoing.destroy(error));
}

async function relay(
  message: IncomingMessage,
  response: ServerResponse,
  forward: HttpForward,
): Promise<void> {
  const headers = endToEndHeaders(message);
  for (const [name, value] of Object.entries(forward.replyHeaders)) {
    delete headers[name.toLowerCase()];
    headers[name] = value;
  }
  response.writeHead(message.statusCode ?? 502, headers);
  // A stream may stay silent for long; its headers are news by themselves.
  response.flushHeaders();
  await pipeline(message, response);
}

function switchingProtocols(message: IncomingMessage): string {
  const lines = [`HTTP/1.1 101 ${message.statusMessage ?? 'Switching Protocols'}`];
  for (let index = 0; index + 1 < message.rawHeaders.length; index += 2) {
    lines.push(`${message.rawHeaders[index]}: ${message.rawHeaders[index + 1]}`);
  }
  return `${lines.join('\r\n')}\r\n\r\n`;
}

interface End {
  readonly socket: Duplex;
  /** Bytes that arrived already. */
  readonly first: Uint8Array;
}

/** Each side's end of input is passed on by itself: `docker run -i` closes stdin and reads on. */
function joinStreams(left: End, right: End): void {
  for (const [from, to] of [
    [left, right],
    [right, left],
  ] as const) {
    from.socket.on('error', () => to.socket.destroy());
    from.socket.once('close', () => to.socket.end(() => to.socket.destroy()));
    if (from.first.byteLength > 0) to.socket.write(from.first);
    from.socket.pipe(to.socket);
  }
}

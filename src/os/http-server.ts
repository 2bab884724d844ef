import { once } from 'node:events';
import { chmod, lstat, unlink } from 'node:fs/promises';
import { createServer, type IncomingMessage, ServerResponse, type Server } from 'node:http';
import type { Socket } from 'node:net';
import { type Duplex, Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { HttpForward, HttpHandler, HttpReply, HttpRequest } from '../host/http.ts';
import type { Logger } from '../host/logger.ts';
import { TuttiError } from '../lib/error.ts';
import { HttpProxy } from './http-proxy.ts';
import { readBody, takeUpgradeBody, skipBody } from './http-body.ts';
import { somebodyListens } from './unix-socket.ts';

export interface HttpServerOptions {
  readonly socketPath: string;
  /** Permissions of the socket; default: its owner alone. */
  readonly socketMode?: number;
  /** Largest body that is held in memory; what is only passed on has no limit. */
  readonly bodyLimitBytes?: number;
  readonly logger: Logger;
  readonly handle: HttpHandler;
}

const defaultBodyLimitBytes = 4 * 1024 * 1024;

/**
 * A small HTTP/1.1 server on a Unix socket. Routing is the handler's business; passing a request
 * on, with upgrades and streaming, is done here where the handler asks for it.
 */
export class HttpServer {
  readonly #server: Server;
  readonly #proxy = new HttpProxy();
  readonly #options: HttpServerOptions;
  readonly #upgraded = new Set<Duplex>();

  private constructor(options: HttpServerOptions) {
    this.#options = options;
    // An upload (an image, a build context) may take longer than any fixed limit on a whole
    // request.
    this.#server = createServer({ requestTimeout: 0, keepAliveTimeout: 0, keepAlive: true });
    this.#server.on('request', (request, response) => void this.#answer(request, response));
    this.#server.on('upgrade', (request, socket: Duplex, head: Buffer) =>
      this.#upgrade(request, socket, head),
    );
    this.#server.on('clientError', (_error, socket) => {
      if (!socket.destroyed) socket.end('HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n');
    });
  }

  /**
   * Listens. A socket file that nobody listens on any more is replaced.
   * @throws TuttiError `already-exists` when another process listens there, `unavailable` when the
   *   path cannot be used.
   */
  static async listen(options: HttpServerOptions): Promise<HttpServer> {
    const server = new HttpServer(options);
    await clearStaleSocket(options.socketPath);
    try {
      server.#server.listen(options.socketPath);
      await once(server.#server, 'listening');
      await chmod(options.socketPath, options.socketMode ?? 0o600);
    } catch (error) {
      throw new TuttiError(
        'unavailable',
        `cannot listen on ${options.socketPath}: ${TuttiError.from(error).message}`,
        { hint: 'Choose a path in a directory that exists and may be written to.', cause: error },
      );
    }
    return server;
  }

  /** Stops listening and ends every connection, also those that stream. */
  async close(): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.#server.closeAllConnections();
    for (const socket of this.#upgraded) socket.destroy();
    this.#proxy.close();
    await closed;
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    this.#upgraded.add(socket);
    socket.once('close', () => this.#upgraded.delete(socket));
    // A client that breaks off mid-stream is no event of ours; without a listener it would end the
    // process.
    socket.on('error', () => socket.destroy());
    const response = new ServerResponse(request);
    response.shouldKeepAlive = false;
    // Newer Node wraps the socket; a response only writes to it.
    response.assignSocket(socket as Socket);
    response.once('finish', () => socket.end());
    void this.#answer(request, response, { socket, head });
  }

  async #answer(
    request: IncomingMessage,
    response: ServerResponse,
    upgrade?: { readonly socket: Duplex; readonly head: Buffer },
  ): Promise<void> {
    const gone = new AbortController();
    response.once('close', () => {
      if (!response.writableFinished) gone.abort(new TuttiError('cancelled', 'the client left'));
    });
    try {
      const reply = await this.#options.handle(this.#toRequest(request, gone.signal, upgrade));
      if (reply.kind === 'forward') await this.#forward({ request, response, reply, upgrade });
      else await send(reply, { request, response, signal: gone.signal });
    } catch (error) {
      this.#fail(request, response, error);
    }
  }

  async #forward(exchange: {
    readonly request: IncomingMessage;
    readonly response: ServerResponse;
    readonly reply: HttpForward;
    readonly upgrade: { readonly socket: Duplex; readonly head: Buffer } | undefined;
  }): Promise<void> {
    const { request, response, reply, upgrade } = exchange;
    const outcome =
      upgrade === undefined
        ? await this.#proxy.forward(reply, { request, response })
        : await this.#proxy.forwardUpgrade(reply, { request, response, ...upgrade });
    if (outcome === 'done') return;
    const instead = await reply.instead?.();
    if (instead?.kind === 'forward') {
      await this.#forward({ ...exchange, reply: instead });
      return;
    }
    const unreachable = instead ?? reply.unreachable;
    if (unreachable.kind === 'forward') throw new TuttiError('internal', 'a forward to nowhere');
    await send(unreachable, { request, response, signal: new AbortController().signal });
  }

  #toRequest(
    request: IncomingMessage,
    signal: AbortSignal,
    upgrade: { readonly socket: Duplex; readonly head: Buffer } | undefined,
  ): HttpRequest {
    const url = request.url ?? '/';
    const mark = url.indexOf('?');
    const limitBytes = this.#options.bodyLimitBytes ?? defaultBodyLimitBytes;
    return {
      method: request.method ?? 'GET',
      path: mark < 0 ? url : url.slice(0, mark),
      query: new URLSearchParams(mark < 0 ? '' : url.slice(mark + 1)),
      headers: joinHeaders(request),
      signal,
      body: async () =>
        upgrade === undefined
          ? await readBody(request, limitBytes)
          : (await takeUpgradeBody({ request, ...upgrade }, limitBytes)).body,
    };
  }

  #fail(request: IncomingMessage, response: ServerResponse, error: unknown): void {
    const failure = TuttiError.from(error);
    if (failure.code !== 'cancelled' && !isGone(error)) {
      this.#options.logger.error('a request failed unexpectedly', {
        method: request.method,
        path: request.url?.split('?')[0],
        error: failure.stack ?? failure.message,
      });
    }
    if (response.headersSent || response.destroyed) {
      response.destroy();
      return;
    }
    response.writeHead(500, { 'Content-Type': 'application/json', Connection: 'close' });
    response.end(JSON.stringify({ message: `internal error: ${failure.message}` }));
  }
}

async function send(
  reply: Exclude<HttpReply, HttpForward>,
  exchange: {
    readonly request: IncomingMessage;
    readonly response: ServerResponse;
    readonly signal: AbortSignal;
  },
): Promise<void> {
  const { request, response, signal } = exchange;
  if (reply.kind === 'whole') {
    const body = reply.body ?? '';
    const sizeBytes = typeof body === 'string' ? Buffer.byteLength(body) : body.byteLength;
    const headers: Record<string, string> = { ...reply.headers };
    if (reply.status !== 204 && headers['Content-Length'] === undefined) {
      headers['Content-Length'] = String(sizeBytes);
    }
    // What was not read of the body would be taken for the next request.
    if (!(await skipBody(request))) headers['Connection'] = 'close';
    response.writeHead(reply.status, headers);
    response.end(request.method === 'HEAD' || reply.status === 204 ? undefined : body);
    return;
  }
  response.writeHead(reply.status, reply.headers);
  response.flushHeaders();
  await pipeline(Readable.from(reply.chunks, { objectMode: false }), response, { signal });
}

function joinHeaders(request: IncomingMessage): Readonly<Record<string, string>> {
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(request.headers)) {
    if (value !== undefined) headers[name] = Array.isArray(value) ? value.join(', ') : value;
  }
  return headers;
}

/** The client broke off while we were writing: its right, and no fault of ours. */
function isGone(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return code === 'ERR_STREAM_PREMATURE_CLOSE' || code === 'EPIPE' || code === 'ECONNRESET';
}

async function clearStaleSocket(socketPath: string): Promise<void> {
  if (await somebodyListens(socketPath)) {
    throw new TuttiError('already-exists', `another process listens on ${socketPath}`, {
      field: 'socket',
      hint: 'Stop it, or choose another path.',
    });
  }
  try {
    // What is no socket is somebody's file.
    if ((await lstat(socketPath)).isSocket()) await unlink(socketPath);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
  }
}

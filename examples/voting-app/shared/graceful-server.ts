import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { hostname } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { describeError } from './describe-error.ts';
import { drainDelayMs } from './drain.ts';
import type { DrainRules } from './drain.ts';
import { textReply } from './reply.ts';
import type { Handler, PageRequest, Reply } from './reply.ts';

const bodyLimitBytes = 4_096;
const keepAliveCommentMs = 15_000;
const defaultDrain: DrainRules = { quietMs: 250, limitMs: 5_000 };

export interface GracefulServerOptions {
  readonly port: number;
  readonly handler: Handler;
  readonly drain?: DrainRules;
}

/** An HTTP server that can go away without failing a request. */
export interface GracefulServer {
  readonly port: number;
  /**
   * Goes away: answers what is in flight, ends event streams and kept connections, and keeps the
   * listener open as `drainDelayMs` says.
   */
  stop(): Promise<void>;
}

/** Starts to listen on all addresses; rejects when the port cannot be had. */
export async function startServer(options: GracefulServerOptions): Promise<GracefulServer> {
  const stopping = new AbortController();
  let lastArrivalAtMs = 0;
  const arrived = (): void => {
    lastArrivalAtMs = performance.now();
  };
  const server = createServer((request, response) => {
    // On a connection that is kept, too: whoever asks next is told to open another one.
    arrived();
    void answer({ request, response, handler: options.handler, stopping: stopping.signal });
  });
  server.on('connection', arrived);
  const port = await listen(server, options.port);
  return {
    port,
    stop: async () => {
      const stopRequestedAtMs = performance.now();
      stopping.abort();
      for (;;) {
        const view = { nowMs: performance.now(), stopRequestedAtMs, lastArrivalAtMs };
        const delayMs = drainDelayMs(view, options.drain ?? defaultDrain);
        if (delayMs === 0) break;
        await sleep(delayMs);
      }
      await close(server);
    },
  };
}

interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly handler: Handler;
  readonly stopping: AbortSignal;
}

async function answer({ request, response, handler, stopping }: Exchange): Promise<void> {
  try {
    const body = await readBody(request);
    const reply =
      body === undefined
        ? textReply(413, `A request may have at most ${bodyLimitBytes} bytes.`)
        : await handler(readRequest(request, body));
    sendReply({ request, response, stopping }, reply);
  } catch (error) {
    console.error(`${request.method} ${request.url} failed: ${describeError(error)}`);
    if (response.headersSent) response.destroy();
    else sendReply({ request, response, stopping }, textReply(500, 'Something went wrong here.'));
  }
}

function readRequest(request: IncomingMessage, body: string): PageRequest {
  return {
    method: request.method ?? 'GET',
    path: (request.url ?? '/').split('?', 1)[0] ?? '/',
    cookie: request.headers.cookie ?? '',
    body,
  };
}

/** The body as text; undefined when it is larger than the limit. */
async function readBody(request: IncomingMessage): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  let sizeBytes = 0;
  for await (const chunk of request) {
    sizeBytes += (chunk as Buffer).length;
    if (sizeBytes > bodyLimitBytes) return undefined;
    chunks.push(chunk as Buffer);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function sendReply(exchange: Omit<Exchange, 'handler'>, reply: Reply): void {
  const { request, response, stopping } = exchange;
  response.setHeader('x-served-by', hostname());
  response.setHeader('x-content-type-options', 'nosniff');
  // A kept connection would come back to a server that is about to go.
  if (stopping.aborted || !request.complete) response.setHeader('connection', 'close');
  if (reply.kind === 'events') {
    sendEvents(exchange, reply.open);
    return;
  }
  response.writeHead(reply.status, {
    ...reply.headers,
    'content-length': Buffer.byteLength(reply.body),
  });
  response.end(request.method === 'HEAD' ? undefined : reply.body);
}

/** https://html.spec.whatwg.org/multipage/server-sent-events.html */
function sendEvents(
  { response, stopping }: Omit<Exchange, 'handler'>,
  open: Extract<Reply, { kind: 'events' }>['open'],
): void {
  response.writeHead(200, {
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-store',
    'x-accel-buffering': 'no',
  });
  // How soon the browser comes back after it lost the stream, in milliseconds.
  response.write('retry: 500\n\n');
  const closed = new AbortController();
  const comment = setInterval(() => response.write(': still here\n\n'), keepAliveCommentMs);
  const end = () => response.end();
  response.once('close', () => {
    clearInterval(comment);
    stopping.removeEventListener('abort', end);
    closed.abort();
  });
  if (stopping.aborted) {
    end();
    return;
  }
  stopping.addEventListener('abort', end);
  open((data) => response.write(`data: ${data}\n\n`), closed.signal);
}

async function listen(server: Server, port: number): Promise<number> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, () => {
      server.off('error', reject);
      resolve();
    });
  });
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : port;
}

async function close(server: Server): Promise<void> {
  await new Promise<void>((resolve) => {
    // Also closes idle kept connections, and waits for the busy ones.
    server.close(() => resolve());
  });
}

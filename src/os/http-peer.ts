import { Agent, type IncomingMessage, request as httpRequest } from 'node:http';
import type {
  HttpAnswer,
  HttpAnswerStream,
  HttpCall,
  HttpHeaders,
  HttpPeer,
} from '../host/http.ts';
import { TuttiError } from '../lib/error.ts';
import { readBody } from './http-body.ts';

/** What is read whole into memory is small by nature (inspect, info, lists); more is a fault. */
const answerLimitBytes = 64 * 1024 * 1024;

/** Calls a server behind a Unix socket. */
export class UnixSocketPeer implements HttpPeer {
  readonly socketPath: string;
  readonly #agent = new Agent({ keepAlive: true, maxFreeSockets: 8 });

  constructor(socketPath: string) {
    this.socketPath = socketPath;
  }

  close(): void {
    this.#agent.destroy();
  }

  async call(call: HttpCall): Promise<HttpAnswer> {
    const message = await this.#send(call);
    try {
      const body = await readBody(message, answerLimitBytes);
      return { status: message.statusCode ?? 0, headers: toHeaders(message), body };
    } catch (error) {
      throw this.#unavailable(call, error);
    }
  }

  async open(call: HttpCall): Promise<HttpAnswerStream> {
    const message = await this.#send(call);
    return {
      status: message.statusCode ?? 0,
      headers: toHeaders(message),
      chunks: message as AsyncIterable<Uint8Array>,
    };
  }

  async #send(call: HttpCall): Promise<IncomingMessage> {
    for (let attempt = 1; ; attempt += 1) {
      const outgoing = httpRequest({
        socketPath: this.socketPath,
        path: call.target,
        method: call.method,
        headers: { host: 'localhost', ...call.headers, ...contentLength(call) },
        agent: this.#agent,
        signal: call.signal,
      });
      try {
        return await new Promise<IncomingMessage>((resolve, reject) => {
          outgoing.on('error', reject);
          outgoing.once('response', resolve);
          outgoing.end(call.body);
        });
      } catch (error) {
        // A kept connection that the server closed meanwhile says nothing about the server.
        if (attempt === 1 && outgoing.reusedSocket && call.method === 'GET') continue;
        throw this.#unavailable(call, error);
      }
    }
  }

  #unavailable(call: HttpCall, error: unknown): TuttiError {
    if (call.signal.aborted) return new TuttiError('cancelled', 'the request was given up');
    const cause = TuttiError.from(error);
    return new TuttiError(
      'unavailable',
      `nothing answers on ${this.socketPath}: ${cause.message}`,
      { cause: error },
    );
  }
}

function contentLength(call: HttpCall): HttpHeaders {
  return call.body === undefined ? {} : { 'content-length': String(Buffer.byteLength(call.body)) };
}

function toHeaders(message: IncomingMessage): HttpHeaders {
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(message.headers)) {
    if (value !== undefined) headers[name] = Array.isArray(value) ? value.join(', ') : value;
  }
  return headers;
}

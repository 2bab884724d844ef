import { type IncomingMessage, request as httpRequest } from 'node:http';
import { type ErrorCode, errorCodes, TuttiError } from '../lib/error.ts';

export interface ApiCall {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** Path and query. */
  readonly path: string;
  /** Sent as JSON. */
  readonly body?: unknown;
  readonly signal?: AbortSignal;
}

export interface OpenReply {
  readonly contentType: string;
  /** Ends with the reply, or when the signal of the call aborts. */
  readonly bytes: AsyncGenerator<Uint8Array>;
}

const unixScheme = 'unix://';
/** Of the path of a Unix socket (unix(7)), without the byte that ends it. */
const longestSocketPath = 107;

/** Talks to a daemon over its Unix socket: the Docker-compatible API and Tutti's own. */
export class ApiClient {
  readonly socketPath: string;

  /** @param socket Its path, with or without `unix://`. */
  constructor(socket: string) {
    this.socketPath = socket.startsWith(unixScheme) ? socket.slice(unixScheme.length) : socket;
  }

  /**
   * The reply's JSON; undefined for an empty reply.
   *
   * @throws TuttiError as the daemon said it; `unavailable` when no daemon answers.
   */
  async call<Reply>(call: ApiCall): Promise<Reply> {
    const response = await this.#send(call);
    const text = await readText(response);
    if ((response.statusCode ?? 500) >= 400) throw toError(response, text);
    return (text === '' ? undefined : JSON.parse(text)) as Reply;
  }

  /**
   * Each line of a streamed reply, parsed. Ends with the reply, or when the signal aborts.
   *
   * @throws TuttiError `unavailable` when the connection breaks in the middle.
   */
  async *lines<Line>(call: ApiCall): AsyncGenerator<Line> {
    const decoder = new TextDecoder();
    let rest = '';
    for await (const chunk of this.bytes(call)) {
      rest += decoder.decode(chunk, { stream: true });
      const lines = rest.split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) if (line !== '') yield JSON.parse(line) as Line;
    }
  }

  /** The reply's bytes as they come; ends and throws as `lines` does. */
  async *bytes(call: ApiCall): AsyncGenerator<Uint8Array> {
    yield* (await this.open(call)).bytes;
  }

  /**
   * A reply that is read as it comes.
   *
   * @throws TuttiError as the daemon said it; `unavailable` when no daemon answers.
   */
  async open(call: ApiCall): Promise<OpenReply> {
    const response = await this.#send(call);
    if ((response.statusCode ?? 500) >= 400) throw toError(response, await readText(response));
    const contentType = response.headers['content-type'] ?? '';
    return { contentType, bytes: this.#read(response, call) };
  }

  async *#read(response: IncomingMessage, call: ApiCall): AsyncGenerator<Uint8Array> {
    try {
      for await (const chunk of response) yield chunk as Uint8Array;
    } catch (error) {
      if (call.signal?.aborted !== true) throw this.#broken(error);
    } finally {
      response.destroy();
    }
  }

  #send(call: ApiCall): Promise<IncomingMessage> {
    const body = call.body === undefined ? undefined : JSON.stringify(call.body);
    const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
    const request = httpRequest(
      {
        socketPath: this.socketPath,
        method: call.method,
        path: call.path,
        headers: {
          Host: 'tutti',
          ...(body !== undefined && {
            'Content-Type': 'application/json',
            'Content-Length': Buffer.byteLength(body),
          }),
        },
        ...(call.signal !== undefined && { signal: call.signal }),
      },
      resolve,
    );
    request.once('error', (error) => reject(this.#unreachable(error, call.signal)));
    request.end(body);
    return promise;
  }

  #broken(error: unknown): TuttiError {
    const { message } = TuttiError.from(error);
    return new TuttiError('unavailable', `the connection to ${this.socketPath} broke: ${message}`, {
      cause: error,
    });
  }

  #unreachable(error: Error, signal: AbortSignal | undefined): TuttiError {
    if (signal?.aborted === true) {
      return new TuttiError('cancelled', 'the request was given up', { cause: error });
    }
    return connectError(this.socketPath, error);
  }
}

/** Says what a person can do about a socket that cannot be reached. */
function connectError(socketPath: string, error: Error): TuttiError {
  const code = 'code' in error ? error.code : undefined;
  if (code === 'EACCES' || code === 'EPERM') {
    return new TuttiError('permission-denied', `you may not use the socket ${socketPath}`, {
      field: '--socket',
      hint: 'Use sudo, or let the owner of the socket give you access.',
      cause: error,
    });
  }
  const isTooLong = Buffer.byteLength(socketPath) > longestSocketPath;
  if (isTooLong || socketPath === '' || code === 'ENOTSOCK' || code === 'ENOTDIR') {
    const why = isTooLong ? `longer than ${longestSocketPath} bytes` : 'no socket';
    return new TuttiError('unavailable', `--socket: "${socketPath}" is ${why}`, {
      field: '--socket',
      hint: 'Name the socket of a daemon with --socket or TUTTI_SOCKET.',
      cause: error,
    });
  }
  const why =
    code === 'ENOENT'
      ? 'it is not there'
      : code === 'ECONNREFUSED'
        ? 'nobody listens'
        : error.message;
  return new TuttiError('unavailable', `no daemon answers on ${socketPath}: ${why}`, {
    hint: 'Start one with `tutti daemon`, or name its socket with --socket or TUTTI_SOCKET.',
    cause: error,
  });
}

async function readText(response: IncomingMessage): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of response) chunks.push(chunk as Uint8Array);
  return Buffer.concat(chunks).toString('utf8');
}

interface ErrorBody {
  readonly message?: string;
  readonly code?: string;
  readonly field?: string;
  readonly hint?: string;
}

function toError(response: IncomingMessage, text: string): TuttiError {
  const body = parseBody(text);
  const code = errorCodes.find((one) => one === body.code) ?? codeOfStatus(response.statusCode);
  return new TuttiError(
    code,
    body.message ?? `the daemon answered ${response.statusCode}: ${text}`,
    {
      ...(body.field !== undefined && { field: body.field }),
      ...(body.hint !== undefined && { hint: body.hint }),
    },
  );
}

function parseBody(text: string): ErrorBody {
  try {
    return JSON.parse(text) as ErrorBody;
  } catch {
    // A reply that is no JSON is told as it is.
    return {};
  }
}

const codesByStatus: Readonly<Record<number, ErrorCode>> = {
  400: 'invalid-argument',
  401: 'unauthenticated',
  403: 'permission-denied',
  404: 'not-found',
  409: 'conflict',
  501: 'unimplemented',
  503: 'unavailable',
  507: 'resource-exhausted',
};

function codeOfStatus(status: number | undefined): ErrorCode {
  return codesByStatus[status ?? 500] ?? 'internal';
}

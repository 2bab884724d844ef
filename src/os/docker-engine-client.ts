import type { HttpAnswer, HttpAnswerStream, HttpCall } from '../host/http.ts';
import { type ErrorCode, TuttiError } from '../lib/error.ts';
import { UnixSocketPeer } from './http-peer.ts';

export interface EngineRequest {
  readonly method: HttpCall['method'];
  /** Path below the API version, with its query. */
  readonly path: string;
  /** The least that knows what is asked, such as `v1.44`; absent: every engine does. */
  readonly apiVersion?: string;
  /** Sent as JSON. */
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
}

/** Oldest Engine API that is enough: that of Docker 20.10. */
const oldestApiVersion = 'v1.41';

const codeOfStatus: Readonly<Record<number, ErrorCode>> = {
  400: 'invalid-argument',
  401: 'unauthenticated',
  403: 'permission-denied',
  404: 'not-found',
  409: 'conflict',
  500: 'internal',
  503: 'unavailable',
};

/** Calls the Docker Engine API on its Unix socket and turns its failures into TuttiErrors. */
export class DockerEngineClient {
  readonly #peer: UnixSocketPeer;

  constructor(socketPath: string) {
    this.#peer = new UnixSocketPeer(socketPath);
  }

  close(): void {
    this.#peer.close();
  }

  /**
   * The reply's JSON; undefined for an empty one.
   *
   * @throws TuttiError with the engine's own message
   */
  async call<Reply>(request: EngineRequest): Promise<Reply> {
    const answer = await this.#peer.call(toCall(request));
    if (answer.status >= 400) throw toError(answer);
    const text = Buffer.from(answer.body).toString('utf8');
    return (text === '' ? undefined : JSON.parse(text)) as Reply;
  }

  /** As `call`, where `not-found` is an answer. */
  async find<Reply>(request: EngineRequest): Promise<Reply | undefined> {
    try {
      return await this.call<Reply>(request);
    } catch (error) {
      if (error instanceof TuttiError && error.code === 'not-found') return undefined;
      throw error;
    }
  }

  /** A reply that is read as it comes. */
  async open(request: EngineRequest): Promise<HttpAnswerStream> {
    const answer = await this.#peer.open(toCall(request));
    if (answer.status < 400) return answer;
    const chunks: Uint8Array[] = [];
    for await (const chunk of answer.chunks) chunks.push(chunk);
    throw toError({ ...answer, body: Buffer.concat(chunks) });
  }

  /** Each JSON value of a reply that streams them one after the other, a line each. */
  async *lines<Line>(request: EngineRequest): AsyncGenerator<Line> {
    const answer = await this.open(request);
    const decoder = new TextDecoder();
    let rest = '';
    for await (const chunk of answer.chunks) {
      rest += decoder.decode(chunk, { stream: true });
      const lines = rest.split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) if (line.trim() !== '') yield JSON.parse(line) as Line;
    }
    if (rest.trim() !== '') yield JSON.parse(rest) as Line;
  }
}

function toCall(request: EngineRequest): HttpCall {
  return {
    method: request.method,
    target: `/${request.apiVersion ?? oldestApiVersion}${request.path}`,
    signal: request.signal,
    headers: {
      ...request.headers,
      ...(request.body !== undefined && { 'content-type': 'application/json' }),
    },
    ...(request.body !== undefined && { body: JSON.stringify(request.body) }),
  };
}

function toError(answer: HttpAnswer): TuttiError {
  const text = Buffer.from(answer.body).toString('utf8');
  return new TuttiError(codeOfStatus[answer.status] ?? 'internal', messageOf(text));
}

function messageOf(text: string): string {
  try {
    const body = JSON.parse(text) as { readonly message?: string };
    return body.message ?? text;
  } catch {
    // Not every proxy in front of an engine speaks JSON.
    return text.trim();
  }
}

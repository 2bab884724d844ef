/**
 * HTTP as a surface sees it: requests in, replies out. Sockets, back-pressure and upgrades are the
 * business of `os`, so that every route can be tested without a socket.
 */
export interface HttpRequest {
  /** Upper case. */
  readonly method: string;
  /** As it was sent, without the query; still percent-encoded. */
  readonly path: string;
  readonly query: URLSearchParams;
  /** By lower-case name; repeated headers are joined by `, `. */
  readonly headers: Readonly<Record<string, string>>;
  /** Aborts when the client went away before its reply was complete. */
  readonly signal: AbortSignal;
  /**
   * The whole body.
   * @throws TuttiError `resource-exhausted` with field `body` when it is larger than the server's
   *   limit.
   */
  body(): Promise<Uint8Array>;
}

export type HttpHeaders = Readonly<Record<string, string>>;

export type HttpReply =
  | {
      readonly kind: 'whole';
      readonly status: number;
      readonly headers: HttpHeaders;
      readonly body?: string | Uint8Array;
    }
  /** Headers go out at once, chunks as they come; ends when the client goes away. */
  | {
      readonly kind: 'stream';
      readonly status: number;
      readonly headers: HttpHeaders;
      readonly chunks: AsyncIterable<string | Uint8Array>;
    }
  | HttpForward;

/** The request goes on as it is to the server behind another Unix socket, upgrades included. */
export interface HttpForward {
  readonly kind: 'forward';
  readonly socketPath: string;
  /** Path and query there. */
  readonly target: string;
  /** The body, where it was read already; else it is streamed through. */
  readonly body?: Uint8Array;
  /** Set on the reply, over what the other server says. */
  readonly replyHeaders: HttpHeaders;
  /** What to say where nothing answers on that socket. */
  readonly unreachable: HttpReply;
  /** Asked for what to do instead, before that is said; undefined: nothing. */
  readonly instead?: () => Promise<HttpReply | undefined>;
  /** It gets a connection of its own. */
  readonly isAlone?: boolean;
}

/** Answers one request. It must not throw: what it throws is a defect and becomes a bare 500. */
export type HttpHandler = (request: HttpRequest) => Promise<HttpReply>;

export interface HttpCall {
  readonly method: string;
  /** Path and query. */
  readonly target: string;
  readonly headers?: HttpHeaders;
  readonly body?: string | Uint8Array;
  readonly signal: AbortSignal;
}

export interface HttpAnswer {
  readonly status: number;
  readonly headers: HttpHeaders;
  readonly body: Uint8Array;
}

export interface HttpAnswerStream {
  readonly status: number;
  readonly headers: HttpHeaders;
  readonly chunks: AsyncIterable<Uint8Array>;
}

/**
 * A server behind a Unix socket. Calls throw TuttiError `unavailable` where nothing answers there.
 */
export interface HttpPeer {
  readonly socketPath: string;
  call(call: HttpCall): Promise<HttpAnswer>;
  open(call: HttpCall): Promise<HttpAnswerStream>;
}

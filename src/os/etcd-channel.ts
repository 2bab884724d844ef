import * as http2 from 'node:http2';
import { connect as connectSocket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { TuttiError } from '../lib/error.ts';

/** Where an etcd member answers clients. */
export type EtcdEndpoint =
  | { readonly kind: 'socket'; readonly path: string }
  | {
      readonly kind: 'tcp';
      readonly host: string;
      readonly port: number;
      /** All in PEM; absent: in the clear, for tests. */
      readonly tls?: { readonly key: string; readonly certificate: string; readonly ca: string };
    };

/** How one attempt at a call went; `status` is a gRPC status code. */
export type EtcdAttempt =
  | { readonly kind: 'reply'; readonly message: Buffer }
  | { readonly kind: 'status'; readonly status: number; readonly text: string }
  /** Nothing was sent. */
  | { readonly kind: 'unreachable'; readonly text: string }
  /** It was sent, and no answer came. */
  | { readonly kind: 'lost'; readonly text: string };

export interface EtcdStream {
  write(message: Buffer): void;
  close(): void;
}

/** The way to one member: `EtcdChannel`, or a simulated one. */
export interface EtcdLink {
  /** One message there, one back. `method` is such as `etcdserverpb.KV/Txn`. Never throws. */
  call(
    method: string,
    options: { readonly message: Buffer; readonly limitMs: number },
  ): Promise<EtcdAttempt>;
  /**
   * A stream of messages both ways. `onEnd` is called once, and not after `close`.
   *
   * @throws TuttiError `unavailable`.
   */
  open(
    method: string,
    listener: {
      readonly onMessage: (message: Buffer) => void;
      readonly onEnd: (why: string) => void;
    },
  ): Promise<EtcdStream>;
  /** Whether the member answers on this connection within the limit. */
  ping(limitMs: number): Promise<boolean>;
  /** Breaks the connection; the next call makes a new one. */
  reset(): void;
}

/** gRPC prefixes each message with a flag for compression and its length. */
const framePrefixBytes = 5;
const streamWindowBytes = 4 * 1024 * 1024;
const sessionWindowBytes = 16 * 1024 * 1024;
const connectLimitMs = 1_000;

/** One HTTP/2 connection to one member of etcd, made when it is needed: gRPC over node:http2. */
export class EtcdChannel implements EtcdLink {
  readonly #endpoint: EtcdEndpoint;
  #session: http2.ClientHttp2Session | undefined;
  #connecting: Promise<http2.ClientHttp2Session> | undefined;

  constructor(endpoint: EtcdEndpoint) {
    this.#endpoint = endpoint;
  }

  async call(
    method: string,
    { message, limitMs }: { readonly message: Buffer; readonly limitMs: number },
  ): Promise<EtcdAttempt> {
    let session: http2.ClientHttp2Session;
    try {
      session = await this.#connected();
    } catch (reason) {
      return { kind: 'unreachable', text: TuttiError.from(reason).message };
    }
    // A member that has no leader says so at once.
    const stream = session.request({ ...headersOf(method), hasleader: 'true' });
    const { promise, resolve } = Promise.withResolvers<EtcdAttempt>();
    const timer = setTimeout(() => {
      resolve({ kind: 'lost', text: `etcd gave no answer within ${limitMs} ms` });
      stream.close(http2.constants.NGHTTP2_CANCEL);
    }, limitMs);
    let reply: Buffer | undefined;
    listen(stream, {
      onMessage: (received) => {
        reply = received;
      },
      onEnd: (end) => {
        clearTimeout(timer);
        if (end.kind === 'lost') resolve(end);
        else if (end.status !== 0) resolve(end);
        else if (reply === undefined) resolve({ kind: 'lost', text: 'etcd sent no reply' });
        else resolve({ kind: 'reply', message: reply });
      },
    });
    stream.end(framed(message));
    return await promise;
  }

  async open(
    method: string,
    { onMessage, onEnd }: StreamListener & { readonly onEnd: (why: string) => void },
  ): Promise<EtcdStream> {
    const session = await this.#connected();
    const stream = session.request({ ...headersOf(method), hasleader: 'true' });
    let closed = false;
    listen(stream, {
      onMessage: (message) => {
        if (!closed) onMessage(message);
      },
      onEnd: ({ text }) => {
        if (!closed) onEnd(text);
        closed = true;
      },
    });
    return {
      write: (message) => void stream.write(framed(message)),
      close: () => {
        closed = true;
        stream.close(http2.constants.NGHTTP2_CANCEL);
      },
    };
  }

  async ping(limitMs: number): Promise<boolean> {
    const session = this.#session;
    if (session === undefined || session.closed || session.destroyed) return false;
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const timer = setTimeout(() => resolve(false), limitMs);
    const onClose = (): void => resolve(false);
    session.once('close', onClose);
    session.ping((error) => resolve(error === null));
    const answered = await promise;
    clearTimeout(timer);
    session.off('close', onClose);
    return answered;
  }

  reset(): void {
    this.#session?.destroy();
    this.#session = undefined;
  }

  async #connected(): Promise<http2.ClientHttp2Session> {
    const known = this.#session;
    if (known !== undefined && !known.closed && !known.destroyed) return known;
    this.#connecting ??= this.#connect().finally(() => {
      this.#connecting = undefined;
    });
    return await this.#connecting;
  }

  async #connect(): Promise<http2.ClientHttp2Session> {
    const endpoint = this.#endpoint;
    const session = http2.connect('http://etcd', {
      createConnection: () => openSocket(endpoint),
      settings: { initialWindowSize: streamWindowBytes },
    });
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const timer = setTimeout(() => reject(new Error('no connection in time')), connectLimitMs);
    session.once('connect', () => resolve());
    session.once('close', () => reject(new Error('the connection was closed')));
    // Later ones are reported by the streams that they break.
    session.on('error', reject);
    try {
      await promise;
    } catch (reason) {
      session.destroy();
      const why = TuttiError.from(reason).message;
      throw new TuttiError(
        'unavailable',
        `etcd at ${describe(endpoint)} cannot be reached: ${why}`,
      );
    } finally {
      clearTimeout(timer);
    }
    session.setLocalWindowSize(sessionWindowBytes);
    // An open link keeps no process alive; calls do, by their timers.
    session.unref();
    this.#session = session;
    return session;
  }
}

function describe(endpoint: EtcdEndpoint): string {
  return endpoint.kind === 'socket' ? endpoint.path : `${endpoint.host}:${endpoint.port}`;
}

function openSocket(endpoint: EtcdEndpoint) {
  if (endpoint.kind === 'socket') return connectSocket(endpoint.path);
  const { host, port, tls } = endpoint;
  if (tls === undefined) return connectSocket({ host, port, noDelay: true });
  return connectTls({
    host,
    port,
    key: tls.key,
    cert: tls.certificate,
    ca: tls.ca,
    servername: 'swarm-manager',
    ALPNProtocols: ['h2'],
    minVersion: 'TLSv1.3',
  });
}

function headersOf(method: string): http2.OutgoingHttpHeaders {
  return {
    ':method': 'POST',
    ':path': `/${method}`,
    'content-type': 'application/grpc',
    te: 'trailers',
  };
}

interface StreamListener {
  readonly onMessage: (message: Buffer) => void;
}

type StreamEnd =
  | { readonly kind: 'status'; readonly status: number; readonly text: string }
  | { readonly kind: 'lost'; readonly text: string };

/** `onEnd` is called once, after the last message. */
function listen(
  stream: http2.ClientHttp2Stream,
  { onMessage, onEnd }: StreamListener & { readonly onEnd: (end: StreamEnd) => void },
): void {
  let status: number | undefined;
  let text = '';
  let failure = 'the link to etcd broke';
  const read = (headers: http2.IncomingHttpHeaders): void => {
    if (headers['grpc-status'] === undefined) return;
    status = Number(headers['grpc-status']);
    text = decodeURIComponent(String(headers['grpc-message'] ?? ''));
  };
  const frames = new Frames(onMessage);
  stream.on('response', read);
  stream.on('trailers', read);
  stream.on('data', (chunk: Buffer) => frames.push(chunk));
  stream.on('error', (error) => {
    failure = error.message;
  });
  stream.on('close', () => {
    onEnd(
      status === undefined ? { kind: 'lost', text: failure } : { kind: 'status', status, text },
    );
  });
}

function framed(message: Buffer): Buffer {
  const frame = Buffer.allocUnsafe(framePrefixBytes + message.length);
  frame.writeUInt8(0, 0);
  frame.writeUInt32BE(message.length, 1);
  message.copy(frame, framePrefixBytes);
  return frame;
}

/** Puts messages together again from the pieces in which they arrive. */
class Frames {
  readonly #onMessage: (message: Buffer) => void;
  #pieces: Buffer[] = [];
  #waitingBytes = 0;
  /** Of the frame that the pieces begin with; undefined while its prefix is not whole. */
  #frameBytes: number | undefined;

  constructor(onMessage: (message: Buffer) => void) {
    this.#onMessage = onMessage;
  }

  push(piece: Buffer): void {
    this.#pieces.push(piece);
    this.#waitingBytes += piece.length;
    for (;;) {
      if (this.#frameBytes === undefined) {
        if (this.#waitingBytes < framePrefixBytes) return;
        this.#frameBytes = framePrefixBytes + this.#joined().readUInt32BE(1);
      }
      if (this.#waitingBytes < this.#frameBytes) return;
      const all = this.#joined();
      const message = all.subarray(framePrefixBytes, this.#frameBytes);
      const rest = all.subarray(this.#frameBytes);
      this.#pieces = rest.length === 0 ? [] : [rest];
      this.#waitingBytes = rest.length;
      this.#frameBytes = undefined;
      this.#onMessage(message);
    }
  }

  #joined(): Buffer {
    const [first] = this.#pieces;
    const all =
      first !== undefined && this.#pieces.length === 1 ? first : Buffer.concat(this.#pieces);
    this.#pieces = [all];
    return all;
  }
}

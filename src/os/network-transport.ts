import type { ClientHttp2Stream } from 'node:http2';
import * as http2 from 'node:http2';
import type { NodeIdentity } from '../host/node-identity.ts';
import type { Random } from '../host/random.ts';
import type { AgentTransport } from '../host/transport.ts';
import { TuttiError } from '../lib/error.ts';
import { formatHostPort, type HostPort } from '../lib/host-port.ts';
import type { KnownManager } from '../model/known-manager.ts';
import { readRefusal, type WireRefusal } from '../wire/authority-calls.ts';
import type { AgentMessage, LogMessage, ManagerMessage } from '../wire/messages.ts';
import { parseManagerMessage } from '../wire/parse.ts';
import { addressesOf, linkOf } from './manager-calls.ts';
import { messageStream } from './message-stream.ts';
import {
  type Connection,
  maxSessionMemory,
  refuseMessage,
  requestStream,
  sessionSettings,
} from './session-transport.ts';
import { endInSilence } from './silent-connections.ts';
import { SecureClient } from './tls-client.ts';

/** For a handshake, where there are others to be asked. */
const connectLimitMs = 1_500;
/** For the first word of an answer. */
const headLimitMs = 3_000;
const refusalLimitBytes = 16 * 1024;

/**
 * An agent's way to the managers of its cluster, over mTLS. One connection carries all streams; a
 * new one goes to a manager drawn at random, then to the others.
 */
export class NetworkTransport implements AgentTransport {
  #identity: NodeIdentity;
  readonly #random: Random;
  readonly #client: SecureClient;
  readonly #onRefused: (refusal: WireRefusal) => void;
  readonly #closed = new AbortController();
  #current: Connection | undefined;
  /** Who was asked last is asked last of all the next time: it may hang. */
  #askedLast: string | undefined;

  constructor(options: {
    readonly identity: NodeIdentity;
    readonly random: Random;
    /** A manager refused this node by its certificate. */
    readonly onRefused: (refusal: WireRefusal) => void;
  }) {
    this.#identity = options.identity;
    this.#random = options.random;
    this.#onRefused = options.onRefused;
    this.#client = new SecureClient({
      ...linkOf(options.identity),
      settings: sessionSettings,
      maxSessionMemory,
    });
  }

  async openSession(signal: AbortSignal) {
    const stream = await this.#open('/session.open', signal);
    return messageStream<AgentMessage, ManagerMessage>(stream, parseManagerMessage);
  }

  async openLogs(requestId: string, signal: AbortSignal) {
    const path = `/session.logs/${encodeURIComponent(requestId)}`;
    return messageStream<LogMessage, never>(await this.#open(path, signal), refuseMessage);
  }

  useManagers(managers: readonly KnownManager[]): void {
    const { membership } = this.#identity;
    if (membership === undefined) return;
    this.#identity = { ...this.#identity, membership: { ...membership, managers } };
  }

  managerAddress(): HostPort | undefined {
    const { session } = this.#current ?? {};
    if (session === undefined || session.destroyed) return undefined;
    const { remoteAddress: host, remotePort: port } = session.socket;
    return host === undefined || port === undefined ? undefined : { host, port };
  }

  /** Ends all streams; no other is opened. */
  close(): void {
    this.#closed.abort(new TuttiError('cancelled', 'the node has another certificate now'));
    this.#current?.session.destroy();
  }

  async #open(path: string, given: AbortSignal): Promise<ClientHttp2Stream> {
    const signal = AbortSignal.any([given, this.#closed.signal]);
    signal.throwIfAborted();
    const connection = await this.#connection(signal);
    const { stream, status } = await requestStream(connection, { path, signal, headLimitMs });
    if (status === 200) return stream;
    const refusal = status === 403 ? await readRefused(stream) : undefined;
    stream.close(http2.constants.NGHTTP2_CANCEL);
    if (refusal === undefined) {
      throw new TuttiError('unimplemented', `the manager answers ${path} with status ${status}`);
    }
    this.#onRefused(refusal);
    throw new TuttiError('unauthenticated', refusal.message, { hint: refusal.hint });
  }

  async #connection(signal: AbortSignal): Promise<Connection> {
    const { session } = this.#current ?? {};
    if (this.#current !== undefined && session?.closed === false && !session.destroyed) {
      return this.#current;
    }
    const addresses = addressesOf(this.#identity);
    const first = Math.floor(this.#random.fraction() * addresses.length);
    let last: unknown = new TuttiError('unavailable', 'this node knows no manager');
    const isLast = (address: HostPort): boolean => formatHostPort(address) === this.#askedLast;
    const drawn = [...addresses.slice(first), ...addresses.slice(0, first)];
    const ordered = [...drawn.filter((one) => !isLast(one)), ...drawn.filter(isLast)];
    for (const address of ordered) {
      const limit = addresses.length > 1 ? [AbortSignal.timeout(connectLimitMs)] : [];
      this.#askedLast = formatHostPort(address);
      try {
        const connected = await this.#client.connect(address, AbortSignal.any([signal, ...limit]));
        endInSilence(connected, () => addressesOf(this.#identity).length > 1);
        this.#current = { session: connected, streams: 0 };
        return this.#current;
      } catch (error) {
        last = error;
      }
    }
    throw last;
  }
}

async function readRefused(stream: ClientHttp2Stream): Promise<WireRefusal | undefined> {
  let text = '';
  for await (const chunk of stream.setEncoding('utf8')) {
    text += String(chunk);
    if (text.length > refusalLimitBytes) return undefined;
  }
  try {
    return readRefusal(JSON.parse(text));
  } catch {
    // No refusal of ours: the status says enough.
    return undefined;
  }
}

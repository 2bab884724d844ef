import type { ClientHttp2Session, ClientHttp2Stream } from 'node:http2';
import type { Clock } from '../host/clock.ts';
import type { Logger } from '../host/logger.ts';
import type { ManagerCall } from '../host/managers.ts';
import type { NodeIdentity } from '../host/node-identity.ts';
import { errorCodes, TuttiError } from '../lib/error.ts';
import { parseHostPort } from '../lib/host-port.ts';
import type { KnownManager } from '../model/known-manager.ts';
import { statusMisdirected } from './cluster-port.ts';
import { linkOf } from './manager-calls.ts';
import {
  type Connection,
  maxSessionMemory,
  requestStream,
  sessionSettings,
} from './session-transport.ts';
import { SecureClient } from './tls-client.ts';

const firstRetryMs = 100;
const longestRetryMs = 1_000;
const connectLimitMs = 1_000;
const pingEveryMs = 500;
/** A link that answers no ping for this long is broken: the manager at its end may be frozen. */
const silenceLimitMs = 1_500;
const callLimitMs = 10_000;
const answerLimitBytes = 1024 * 1024;
/** Many streams share one link. */
const windowBytes = 16 * 1024 * 1024;

export interface ManagerLinksOptions {
  /** Of this manager: the others are linked. */
  readonly nodeId: string;
  /** With a certificate of role manager; asked for each connection. */
  readonly identity: () => NodeIdentity;
  readonly managers: () => readonly KnownManager[];
  readonly clock: Clock;
  readonly logger: Logger;
  /** A link came or went. */
  readonly onChange: () => void;
}

/** One connection over mTLS to each other manager, kept and watched. */
export class ManagerLinks {
  readonly #options: ManagerLinksOptions;
  readonly #links = new Map<string, ManagerLink>();
  #isStopped = false;

  constructor(options: ManagerLinksOptions) {
    this.#options = options;
  }

  /** Looks who the managers are now. */
  look(): void {
    if (this.#isStopped) return;
    const { nodeId: own, managers } = this.#options;
    const wanted = new Map(managers().map(({ nodeId, address }) => [nodeId, address]));
    wanted.delete(own);
    for (const [nodeId, link] of this.#links) {
      if (wanted.get(nodeId) === link.address) continue;
      this.#links.delete(nodeId);
      link.close();
    }
    for (const [nodeId, address] of wanted) {
      if (this.#links.has(nodeId)) continue;
      this.#links.set(nodeId, new ManagerLink({ ...this.#options, nodeId, address }));
    }
  }

  isReachable(nodeId: string): boolean {
    return nodeId === this.#options.nodeId || this.#links.get(nodeId)?.connection !== undefined;
  }

  /**
   * Opens a stream; undefined where that manager does not lead and says so.
   *
   * @throws TuttiError `unavailable`, or what it was refused with.
   */
  async open(
    nodeId: string,
    path: string,
    signal: AbortSignal,
  ): Promise<ClientHttp2Stream | undefined> {
    const { stream, status } = await requestStream(this.#connection(nodeId), { path, signal });
    if (status === 200) return stream;
    if (status === statusMisdirected) {
      stream.close();
      return undefined;
    }
    throw refusalOf(status, await readAnswer(stream));
  }

  /** @throws TuttiError `unavailable`, or what the other side threw. */
  async call(nodeId: string, call: ManagerCall, body: object): Promise<object> {
    const signal = AbortSignal.timeout(callLimitMs);
    const text = JSON.stringify(body);
    const connection = this.#connection(nodeId);
    const { stream, status } = await requestStream(connection, { path: `/${call}`, signal, text });
    const answer = await readAnswer(stream);
    if (status === 200) return answer;
    throw refusalOf(status, answer);
  }

  close(): void {
    this.#isStopped = true;
    for (const link of this.#links.values()) link.close();
    this.#links.clear();
  }

  #connection(nodeId: string): Connection {
    const connection = this.#links.get(nodeId)?.connection;
    if (connection !== undefined) return connection;
    throw new TuttiError('unavailable', `the manager on node ${nodeId} cannot be reached`);
  }
}

/** Connects again and again, until it is closed. */
class ManagerLink {
  readonly address: string;
  readonly #options: ManagerLinksOptions & { readonly nodeId: string };
  readonly #stop = new AbortController();
  #connection: Connection | undefined;

  constructor(
    options: ManagerLinksOptions & { readonly nodeId: string; readonly address: string },
  ) {
    this.#options = options;
    this.address = options.address;
    void this.#run(this.#stop.signal);
  }

  get connection(): Connection | undefined {
    return this.#connection;
  }

  close(): void {
    this.#stop.abort();
    this.#connection?.session.destroy();
  }

  async #run(signal: AbortSignal): Promise<void> {
    const { clock, logger, nodeId, onChange } = this.#options;
    let retryMs = firstRetryMs;
    while (!signal.aborted) {
      try {
        const certificate = this.#certificate();
        const session = await this.#connect(signal);
        // The link lives longer than its streams.
        this.#connection = { session, streams: 1 };
        logger.info('linked to a manager', { nodeId });
        retryMs = firstRetryMs;
        onChange();
        await this.#watch(session, () => this.#certificate() !== certificate);
        this.#connection = undefined;
        if (!signal.aborted && session.destroyed) {
          logger.warn('the link to a manager broke', { nodeId });
        }
        onChange();
      } catch (error) {
        logger.debug('a manager cannot be reached', {
          nodeId,
          error: TuttiError.from(error).message,
        });
      }
      await clock.sleep(retryMs, signal).catch(() => undefined);
      retryMs = Math.min(retryMs * 2, longestRetryMs);
    }
  }

  async #connect(signal: AbortSignal): Promise<ClientHttp2Session> {
    const address = parseHostPort(this.address);
    if (address === undefined) {
      throw new TuttiError('failed-precondition', `${this.address} is no address of a manager`);
    }
    const options = linkOf(this.#options.identity());
    const client = new SecureClient({ ...options, settings: sessionSettings, maxSessionMemory });
    const limited = AbortSignal.any([signal, AbortSignal.timeout(connectLimitMs)]);
    const session = await client.connect(address, limited);
    session.setLocalWindowSize(windowBytes);
    return session;
  }

  #certificate(): string | undefined {
    return this.#options.identity().membership?.certificate;
  }

  /**
   * Resolves when the connection is over, or goes on with what it carries for as long as it is
   * accepted: the certificate that it showed was replaced.
   */
  async #watch(session: ClientHttp2Session, isOld: () => boolean): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    session.once('close', () => resolve());
    if (session.destroyed) return;
    let answeredAt = performance.now();
    const timer = setInterval(() => {
      // It may be over before its socket is, which an absent manager never closes.
      if (session.destroyed) resolve();
      else if (performance.now() - answeredAt > silenceLimitMs) session.destroy();
      else if (isOld()) {
        session.close();
        resolve();
      } else session.ping(() => (answeredAt = performance.now()));
    }, pingEveryMs);
    await promise;
    clearInterval(timer);
  }
}

async function readAnswer(stream: ClientHttp2Stream): Promise<object> {
  let text = '';
  for await (const chunk of stream.setEncoding('utf8')) {
    text += String(chunk);
    if (text.length > answerLimitBytes) {
      throw new TuttiError('unavailable', 'the answer of the other manager is too long');
    }
  }
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null) return value;
  } catch {
    // Said below.
  }
  throw new TuttiError('unavailable', 'the answer of the other manager is no JSON object');
}

function refusalOf(status: number, said: object): TuttiError {
  const text = 'message' in said ? String(said.message) : `it answered with status ${status}`;
  const hint = 'hint' in said ? { hint: String(said.hint) } : {};
  const named = 'code' in said ? errorCodes.find((code) => code === said.code) : undefined;
  return new TuttiError(
    named ?? (status === 403 ? 'permission-denied' : 'unavailable'),
    text,
    hint,
  );
}

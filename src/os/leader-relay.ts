import type { ClientHttp2Stream } from 'node:http2';
import type { Clock } from '../host/clock.ts';
import type { SessionPeer } from '../host/transport.ts';
import { TuttiError } from '../lib/error.ts';
import { cutStream } from './join-streams.ts';

/** How long a request waits for a leader; more than a change of it takes. */
const patienceMs = 6_000;
const retryMs = 100;

export interface LeaderRelayOptions {
  readonly clock: Clock;
  /** Who serves now: this manager, another one, or nobody that is known. */
  readonly serving: () => 'here' | { readonly nodeId: string } | undefined;
  /** Calls the listener when that may be different, or when a manager can be reached. */
  readonly onChange: (listener: () => void) => () => void;
  readonly isReachable: (nodeId: string) => boolean;
  /** Undefined: that manager does not lead, and has read nothing. */
  readonly open: (
    nodeId: string,
    path: string,
    signal: AbortSignal,
  ) => Promise<ClientHttp2Stream | undefined>;
  /** What is said to those who waited in vain. */
  readonly nobodyLeads: () => TuttiError;
  /** Of this manager's own agent. */
  readonly self: () => SessionPeer;
}

/** Where an agent's stream goes: a session, or a log that it uploads. */
export type RelayedStream =
  | { readonly kind: 'session'; readonly peer: SessionPeer }
  | { readonly kind: 'logs'; readonly requestId: string; readonly peer: SessionPeer };

/**
 * Leads to the manager that leads. What was opened to one that leads no more is cut off; whoever
 * comes while nobody leads waits for a while.
 */
export class LeaderRelay {
  readonly #options: LeaderRelayOptions;
  readonly #open = new Map<ClientHttp2Stream, string>();

  constructor(options: LeaderRelayOptions) {
    this.#options = options;
    options.onChange(() => this.#cutOld());
  }

  /**
   * Waits until somebody serves.
   *
   * @throws TuttiError `unavailable` that says how many managers answer.
   */
  async whoServes(signal: AbortSignal): Promise<'here' | 'there'> {
    if (this.#options.serving() === 'here') return 'here';
    return await this.#patiently(signal, async () => {
      const serving = this.#options.serving();
      if (serving === 'here') return 'here';
      if (serving === undefined || !this.#options.isReachable(serving.nodeId)) return undefined;
      return await Promise.resolve('there');
    });
  }

  /**
   * Opens a stream at the leader; undefined where that is this manager.
   *
   * @throws TuttiError `unavailable` that says how many managers answer.
   */
  async open(path: string, signal: AbortSignal): Promise<ClientHttp2Stream | undefined> {
    if (this.#options.serving() === 'here') return undefined;
    const opened = await this.#patiently(signal, async (attempt) => {
      const serving = this.#options.serving();
      if (serving === 'here') return 'here';
      if (serving === undefined || !this.#options.isReachable(serving.nodeId)) return undefined;
      return await this.#attempt(serving.nodeId, path, attempt);
    });
    return opened === 'here' ? undefined : opened;
  }

  /** A stream of an agent; undefined where it is served here. */
  async openStream(
    stream: { readonly kind: 'session' } | { readonly kind: 'logs'; readonly requestId: string },
    from: { readonly peer: SessionPeer | undefined; readonly signal: AbortSignal },
  ): Promise<ClientHttp2Stream | undefined> {
    const peer = from.peer ?? this.#options.self();
    const relayed: RelayedStream =
      stream.kind === 'session'
        ? { kind: 'session', peer }
        : { kind: 'logs', requestId: stream.requestId, peer };
    const argument = Buffer.from(JSON.stringify(relayed)).toString('base64url');
    return await this.open(`/manager.relay/${argument}`, from.signal);
  }

  async #attempt(
    nodeId: string,
    path: string,
    signal: AbortSignal,
  ): Promise<ClientHttp2Stream | undefined> {
    // Of the attempt: a stream that was opened lives on.
    const attempt = new AbortController();
    const giveUp = (): void => attempt.abort();
    signal.addEventListener('abort', giveUp, { once: true });
    try {
      const stream = await this.#options.open(nodeId, path, attempt.signal);
      if (stream === undefined) return undefined;
      this.#open.set(stream, nodeId);
      stream.once('close', () => this.#open.delete(stream));
      return stream;
    } catch (error) {
      // It was lost before it said that it leads: nothing was sent.
      if (TuttiError.from(error).code === 'unavailable') return undefined;
      throw error;
    } finally {
      signal.removeEventListener('abort', giveUp);
    }
  }

  async #patiently<T>(
    signal: AbortSignal,
    attempt: (signal: AbortSignal) => Promise<T | undefined>,
  ): Promise<T> {
    const late = new AbortController();
    const done = new AbortController();
    this.#options.clock.sleep(patienceMs, done.signal).then(
      () => late.abort(),
      () => undefined,
    );
    try {
      const found = await this.#again(AbortSignal.any([signal, late.signal]), attempt);
      if (found !== undefined) return found;
    } finally {
      done.abort();
    }
    if (signal.aborted) throw new TuttiError('cancelled', 'the request was given up');
    throw this.#options.nobodyLeads();
  }

  /** Whenever something changed, and now and then, until the signal. */
  async #again<T>(
    signal: AbortSignal,
    attempt: (signal: AbortSignal) => Promise<T | undefined>,
  ): Promise<T | undefined> {
    const { clock, onChange } = this.#options;
    while (!signal.aborted) {
      const changed = new AbortController();
      const stopListening = onChange(() => changed.abort());
      const stop = AbortSignal.any([signal, changed.signal]);
      try {
        const found = await attempt(stop);
        if (found !== undefined) return found;
        await clock.sleep(retryMs, stop).catch(() => undefined);
      } finally {
        stopListening();
      }
    }
    return undefined;
  }

  /** Whoever waits there for an answer of an old leader would wait for ever, or be told lies. */
  #cutOld(): void {
    const serving = this.#options.serving();
    if (serving === undefined) return;
    for (const [stream, nodeId] of this.#open) {
      if (serving === 'here' || serving.nodeId !== nodeId) cutStream(stream);
    }
  }
}

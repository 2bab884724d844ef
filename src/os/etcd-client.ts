import { setTimeout as sleep } from 'node:timers/promises';
import type { Clock } from '../host/clock.ts';
import { TuttiError } from '../lib/error.ts';
import { EtcdChannel, type EtcdEndpoint, type EtcdLink, type EtcdStream } from './etcd-channel.ts';
import {
  decodeRangeReply,
  decodeTransactionReply,
  decodeWatchReply,
  encodeCompaction,
  encodeRange,
  encodeTransaction,
  encodeWatch,
  type EtcdKey,
  type EtcdRange,
  type EtcdRangeReply,
  type EtcdTransaction,
  type EtcdTransactionReply,
  type EtcdWatchReply,
} from './etcd-messages.ts';

/** What came of a call that was tried until it was answered. */
export type EtcdOutcome =
  | {
      readonly kind: 'reply';
      readonly message: Buffer;
      /** An earlier attempt had no answer, and may have been carried out too. */
      readonly repeated: boolean;
    }
  /**
   * etcd said no, and nothing was done, unless an earlier attempt was, or it has no space: the
   * write that reaches the limit is carried out all the same. gRPC status code.
   */
  | {
      readonly kind: 'status';
      readonly status: number;
      readonly text: string;
      readonly repeated: boolean;
    }
  /** Nobody answered in time; `sent`: it may have been done. */
  | { readonly kind: 'lost'; readonly text: string; readonly sent: boolean };

export interface EtcdClientOptions {
  /** In order of preference; not empty. */
  readonly endpoints: readonly [EtcdEndpoint, ...EtcdEndpoint[]];
  /** For how long a call is tried again. */
  readonly limitMs?: number;
  /** Makes the way to a member. */
  readonly connect?: (endpoint: EtcdEndpoint) => EtcdLink;
  /** Of this process; its `now` never jumps. */
  readonly clock?: Pick<Clock, 'now' | 'sleep'>;
}

/**
 * A healthy member answers in some milliseconds. Who waits for a dead leader of etcd does it for
 * nothing, so the first attempts are short; the later ones leave time to a slow disk.
 */
const firstAttemptMs = 400;
const longestAttemptMs = 3_200;
const pauseMs = 40;
const defaultLimitMs = 8_000;
const pingMs = 2_000;

/** gRPC statuses after which another attempt, or another member, may do better. */
const passing: ReadonlySet<number> = new Set([
  1, // cancelled
  2, // unknown: a proposal that was dropped, among others
  4, // deadline exceeded
  13, // internal
  14, // unavailable
]);

/** What can be called off keeps no process alive. */
const steadyClock: Pick<Clock, 'now' | 'sleep'> = {
  now: () => performance.now(),
  sleep: async (delayMs, signal) =>
    await sleep(delayMs, undefined, signal === undefined ? {} : { signal, ref: false }),
};

/**
 * Calls etcd, another member where one does not answer, until a limit. Each call may reach etcd
 * several times, so it must be one that does no harm twice: a read, or a guarded transaction.
 */
export class EtcdClient {
  readonly #channels: readonly EtcdLink[];
  readonly #limitMs: number;
  readonly #clock: Pick<Clock, 'now' | 'sleep'>;
  #current = 0;
  #closed = false;

  constructor(options: EtcdClientOptions) {
    const { endpoints, limitMs = defaultLimitMs, clock = steadyClock } = options;
    const connect = options.connect ?? ((endpoint) => new EtcdChannel(endpoint));
    this.#channels = endpoints.map(connect);
    this.#limitMs = limitMs;
    this.#clock = clock;
  }

  /** Whether it was closed. */
  get closed(): boolean {
    return this.#closed;
  }

  /** Never throws. `attemptMs`: how long to wait for the first answer. */
  async call(
    method: string,
    options: { readonly message: Buffer; readonly attemptMs?: number; readonly limitMs?: number },
  ): Promise<EtcdOutcome> {
    const { message, limitMs = this.#limitMs } = options;
    let attemptMs = options.attemptMs ?? firstAttemptMs;
    let sent = false;
    let text = 'the client is closed';
    for (let leftMs = limitMs; leftMs > 0 && !this.#closed; ) {
      const startedAt = this.#clock.now();
      const attempt = await this.#channel().call(method, {
        message,
        limitMs: Math.min(attemptMs, leftMs),
      });
      if (attempt.kind === 'reply') return { ...attempt, repeated: sent };
      if (attempt.kind === 'status' && !passing.has(attempt.status)) {
        return { ...attempt, repeated: sent };
      }
      if (attempt.kind !== 'unreachable') sent = true;
      if (attempt.kind === 'lost') attemptMs = Math.min(attemptMs * 2, longestAttemptMs);
      ({ text } = attempt);
      this.#current = (this.#current + 1) % this.#channels.length;
      await this.#clock.sleep(pauseMs);
      leftMs -= this.#clock.now() - startedAt;
    }
    return { kind: 'lost', text, sent };
  }

  /**
   * Like `call`, for what is only read or may be repeated.
   *
   * @throws TuttiError.
   */
  async ask(
    method: string,
    options: { readonly message: Buffer; readonly attemptMs?: number; readonly limitMs?: number },
  ): Promise<Buffer> {
    const outcome = await this.call(method, options);
    if (outcome.kind === 'reply') return outcome.message;
    throw etcdError(outcome);
  }

  /** @throws TuttiError. */
  async range(range: EtcdRange): Promise<EtcdRangeReply> {
    const message = encodeRange(range);
    return decodeRangeReply(
      await this.ask('etcdserverpb.KV/Range', { message, attemptMs: longestAttemptMs }),
    );
  }

  /** For transactions that may be repeated. @throws TuttiError. */
  async transact(transaction: EtcdTransaction): Promise<EtcdTransactionReply> {
    const message = encodeTransaction(transaction);
    return decodeTransactionReply(await this.ask('etcdserverpb.KV/Txn', { message }));
  }

  /** Forgets all history before that revision of etcd. @throws TuttiError. */
  async compact(etcdRevision: number): Promise<void> {
    await this.ask('etcdserverpb.KV/Compact', {
      message: encodeCompaction(etcdRevision),
      attemptMs: longestAttemptMs,
    });
  }

  /**
   * Tells all changes of the keys from that revision of etcd on. `onEnd` is called once when the
   * stream breaks, also by silence; a new watch then goes on where this one ended.
   *
   * @throws TuttiError `unavailable`.
   */
  async watch(options: {
    readonly key: EtcdKey;
    readonly end: EtcdKey;
    readonly fromEtcdRevision: number;
    readonly onReply: (reply: EtcdWatchReply) => void;
    readonly onEnd: (why: string) => void;
  }): Promise<EtcdStream> {
    const channel = this.#channel();
    const over = new AbortController();
    const end = (why: string): void => {
      over.abort();
      options.onEnd(why);
    };
    const stream = await channel.open('etcdserverpb.Watch/Watch', {
      onMessage: (message) => options.onReply(decodeWatchReply(message)),
      onEnd: end,
    });
    void this.#watchOver(channel, over.signal);
    stream.write(encodeWatch(options));
    return {
      write: (message) => stream.write(message),
      close: () => {
        over.abort();
        stream.close();
      },
    };
  }

  /** Has the next call ask another member, after a moment. */
  async turnAway(): Promise<void> {
    this.#current = (this.#current + 1) % this.#channels.length;
    await this.#clock.sleep(pauseMs);
  }

  close(): void {
    this.#closed = true;
    for (const channel of this.#channels) channel.reset();
  }

  /** A frozen member closes nothing. */
  async #watchOver(channel: EtcdLink, signal: AbortSignal): Promise<void> {
    for (;;) {
      await this.#clock.sleep(pingMs, signal).catch(() => undefined);
      if (signal.aborted) return;
      const answered = await channel.ping(pingMs);
      if (!answered && !signal.aborted) channel.reset();
    }
  }

  #channel(): EtcdLink {
    const channel = this.#channels[this.#current];
    if (channel === undefined || this.#closed) {
      throw new TuttiError('unavailable', 'the connection to etcd is closed');
    }
    return channel;
  }
}

/** gRPC status of a call for which etcd has no room. */
const statusResourceExhausted = 8;
/** What etcd says once its file has reached the limit. */
const noSpaceText = /database space exceeded/;

export function isNoSpace(outcome: { readonly status: number; readonly text: string }): boolean {
  return outcome.status === statusResourceExhausted && noSpaceText.test(outcome.text);
}

/** A call that had no reply, as an error for people. */
export function etcdError(outcome: Exclude<EtcdOutcome, { kind: 'reply' }>): TuttiError {
  if (outcome.kind === 'lost') {
    return new TuttiError('unavailable', `etcd does not answer: ${outcome.text}`, {
      hint: 'A majority of the managers must be up and reach each other.',
    });
  }
  if (isNoSpace(outcome)) {
    return new TuttiError('resource-exhausted', 'the store of the managers is full', {
      hint: 'Remove what is no longer needed, or raise the limit of the store.',
    });
  }
  return new TuttiError('unavailable', `etcd refused: ${outcome.text}`);
}

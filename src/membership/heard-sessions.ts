import type { Clock } from '../host/clock.ts';
import type { AgentTransport } from '../host/transport.ts';
import type { Instant } from '../model/instant.ts';

/** Whoever changes managers has heard of the next one by then. */
const lostAfterMs = 5_000;

type Session = Awaited<ReturnType<AgentTransport['openSession']>>;

export interface HeardSessionsOptions {
  readonly clock: Clock;
  /** To the manager of this machine. */
  readonly localTransport: AgentTransport;
  /** Whether that one is asked first. */
  isLocalFirst(): boolean;
  /** With whichever manager of the cluster. */
  openElsewhere(signal: AbortSignal): Promise<Session>;
}

/** The sessions of a node: the manager of its own machine goes first, unless it says nothing. */
export class HeardSessions {
  readonly #options: HeardSessionsOptions;
  /** The last session with the manager of this machine came to nothing. */
  #isLocalDeaf = false;
  /** Undefined: a manager speaks. */
  #silentSince: Instant | undefined;
  #speaking = Promise.withResolvers<void>();

  constructor(options: HeardSessionsOptions) {
    this.#options = options;
    this.#silentSince = options.clock.now();
  }

  /** Whether a manager speaks, or begins to in that time. */
  async heardWithin(limitMs: number): Promise<boolean> {
    const over = new AbortController();
    const late = this.#options.clock.sleep(limitMs, over.signal).catch(() => undefined);
    await Promise.race([this.#speaking.promise, late]);
    over.abort();
    return this.#silentSince === undefined;
  }

  /** Whether nobody has spoken for longer than a change of managers takes. */
  get isLost(): boolean {
    const since = this.#silentSince;
    return since !== undefined && this.#options.clock.now() - since > lostAfterMs;
  }

  /** The manager of this machine is asked again. */
  trustLocal(): void {
    this.#isLocalDeaf = false;
  }

  async open(signal: AbortSignal): Promise<Session> {
    const { localTransport } = this.#options;
    const isLocal = this.#options.isLocalFirst() && !this.#isLocalDeaf;
    this.#isLocalDeaf = false;
    const elsewhere = async (): Promise<Session> => await this.#options.openElsewhere(signal);
    // Where nobody listens on this machine, others do.
    const session = isLocal
      ? await localTransport.openSession(signal).catch(elsewhere)
      : await elsewhere();
    return {
      send: async (message) => await session.send(message),
      close: () => session.close(),
      incoming: this.#listening(session.incoming, isLocal),
    };
  }

  /** A manager that is cut off from all others takes sessions, and says nothing. */
  async *#listening<T>(
    incoming: AsyncIterable<T>,
    isLocal: boolean,
  ): AsyncGenerator<T, void, undefined> {
    let hasSpoken = false;
    try {
      for await (const message of incoming) {
        if (!hasSpoken) this.#heard();
        hasSpoken = true;
        yield message;
      }
    } finally {
      this.#isLocalDeaf = isLocal && !hasSpoken;
      if (hasSpoken) this.#fallSilent();
    }
  }

  #fallSilent(): void {
    this.#silentSince = this.#options.clock.now();
    this.#speaking = Promise.withResolvers<void>();
  }

  #heard(): void {
    this.#silentSince = undefined;
    this.#speaking.resolve();
  }
}

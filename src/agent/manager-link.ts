import type { Clock } from '../host/clock.ts';
import type { Logger } from '../host/logger.ts';
import type { Random } from '../host/random.ts';
import type { AgentTransport, MessageStream } from '../host/transport.ts';
import { TuttiError } from '../lib/error.ts';
import type { Instant } from '../model/instant.ts';
import * as contact from '../task/contact.ts';
import type { AgentMessage, ManagerMessage } from '../wire/messages.ts';
import { Answers } from './answers.ts';
import type { Reporter } from './reporter.ts';

const firstReconnectMs = 50;
const longestReconnectMs = 5_000;
/** Who lost a session that lived this long comes back at once. */
const healthySessionMs = 1_000;
/** How long a manager may take to hear that this daemon ends. */
const farewellLimitMs = 1_000;

type Session = MessageStream<AgentMessage, ManagerMessage>;

export interface LinkSignals {
  /** The session is over. */
  readonly session: AbortSignal;
  /** Nobody holds sessions any more. */
  readonly link: AbortSignal;
}

export interface ManagerLinkOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly transport: AgentTransport;
  readonly reporter: Reporter;
  /** A session is open and nothing was said in it yet. Returns what is said first. */
  opened(): Extract<AgentMessage, { readonly kind: 'hello' }>;
  /** The first word was said. */
  greeted(): void;
  /** Whether the daemon ends because its machine goes down. */
  isMachineStopping(): Promise<boolean>;
  /** Resolves with false after the last message of a session. */
  receive(message: ManagerMessage, signals: LinkSignals): Promise<boolean>;
  /** The session is over. */
  ended(): void;
}

/** Keeps a session with a manager, and knows how long none has been heard. */
export class ManagerLink {
  readonly answers = new Answers();
  readonly #options: ManagerLinkOptions;
  /** Of the session that is open, or being opened: aborting it ends it at once. */
  #session = new AbortController();
  #stream: Session | undefined;
  #contact: contact.Contact;

  constructor(options: ManagerLinkOptions) {
    this.#options = options;
    this.#contact = contact.noContact(options.clock.now());
  }

  get isOpen(): boolean {
    return this.#contact.kind !== 'none' && !this.#session.signal.aborted;
  }

  /** From when on the agent decides by itself; undefined: it holds a session. */
  get aloneFrom(): Instant | undefined {
    return contact.aloneFrom(this.#contact);
  }

  /** Nothing was heard before now. */
  begin(): void {
    this.#contact = contact.noContact(this.#options.clock.now());
  }

  /** Waits for nothing: who is cut off, or hangs, would never say that it has heard of the end. */
  end(why: string): void {
    this.#options.logger.info('this node ends its session', { why });
    this.#session.abort(new TuttiError('unavailable', why));
  }

  /** One session after another, until the signal; then a manager is told. */
  async run(signal: AbortSignal): Promise<void> {
    const over = new AbortController();
    signal.addEventListener('abort', () => void this.#sayFarewell(over.signal), { once: true });
    await this.#holdSessions(signal).finally(() => over.abort());
  }

  async #sayFarewell(over: AbortSignal): Promise<void> {
    const [stream, session] = [this.#stream, this.#session];
    if (stream !== undefined) {
      const stops = await this.#options.isMachineStopping();
      stream.send({ kind: 'farewell', returns: !stops }).catch(() => undefined);
      stream.close();
      await this.#options.clock.sleep(farewellLimitMs, over).catch(() => undefined);
    }
    session.abort(new TuttiError('cancelled', 'the daemon stops'));
  }

  async #holdSessions(signal: AbortSignal): Promise<void> {
    const { clock, random, logger, transport } = this.#options;
    let delayMs = firstReconnectMs;
    while (!signal.aborted) {
      let openedAt: number | undefined;
      this.#session = new AbortController();
      const life = this.#session.signal;
      try {
        const session = await transport.openSession(life);
        openedAt = clock.now();
        await this.#speak(session, { life, link: signal });
        delayMs = firstReconnectMs;
        logger.info('the session ended');
      } catch (error) {
        if (signal.aborted) return;
        logger.debug('no session', { error: TuttiError.from(error).message });
      }
      const livedMs = openedAt === undefined ? 0 : clock.now() - openedAt;
      if (livedMs >= healthySessionMs) delayMs = firstReconnectMs;
      const jitterMs = delayMs * (0.5 + random.fraction());
      await clock.sleep(jitterMs, signal).catch(() => undefined);
      delayMs = Math.min(delayMs * 2, longestReconnectMs);
    }
  }

  async #speak(
    session: Session,
    { life, link }: { readonly life: AbortSignal; readonly link: AbortSignal },
  ): Promise<void> {
    const { clock, reporter } = this.#options;
    const ended = new AbortController();
    const signal = AbortSignal.any([life, ended.signal]);
    signal.addEventListener('abort', () => session.close(), { once: true });
    this.#contact = contact.opened(this.#contact, clock.now());
    this.answers.opened(clock.now());
    try {
      const hello = this.#options.opened();
      // Before it is sent: what is observed meanwhile is not in it, and has to be said after it.
      reporter.connected();
      await session.send(hello);
      this.#stream = session;
      this.#options.greeted();
      const sending = reporter.run(session, { signal });
      // A link that breaks may be noticed here first; receiving then ends the session.
      sending.catch(() => session.close());
      void this.#endInSilence(signal);
      for await (const message of session.incoming) {
        if (link.aborted) continue;
        this.#hear(message);
        if (await this.#options.receive(message, { session: signal, link })) continue;
        await session.send({ kind: 'left' });
        break;
      }
      ended.abort();
      await sending;
    } finally {
      this.#stream = undefined;
      ended.abort();
      this.#contact = contact.ended(this.#contact, clock.now());
      this.#options.ended();
    }
  }

  #hear(message: ManagerMessage): void {
    this.answers.heard();
    const periodMs = message.kind === 'beat' ? message.periodMs : undefined;
    this.#contact = contact.heard(this.#contact, { now: this.#options.clock.now(), periodMs });
  }

  /** A manager that hangs keeps its sessions: what is said in them is heard by nobody. */
  async #endInSilence(signal: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    while (!signal.aborted) {
      const silentAt = Math.min(contact.silentAt(this.#contact), this.answers.silentAt);
      const leftMs = silentAt - clock.now();
      if (leftMs <= 0) this.end('the manager has said nothing for too long');
      else await clock.sleep(leftMs, signal).catch(() => undefined);
    }
  }
}

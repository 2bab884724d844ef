import type { Clock } from '../src/host/clock.ts';
import type {
  AgentTransport,
  ManagerTransportHandler,
  MessageStream,
  SessionPeer,
} from '../src/host/transport.ts';
import { BoundedQueue } from '../src/lib/bounded-queue.ts';
import { TuttiError } from '../src/lib/error.ts';
import type { Prng } from '../src/lib/prng.ts';

/** How the simulated link between agents and the manager behaves. */
export interface LinkModel {
  /** Each message takes between these, drawn anew; messages of one direction stay in order. */
  readonly minimumDelayMs: number;
  readonly maximumDelayMs: number;
  /** Chance that sending a message breaks its link instead, 0 … 1. */
  readonly breakChance: number;
  /** Messages on their way in one direction before the sender waits. */
  readonly windowMessages: number;
}

const steadyLink: LinkModel = {
  minimumDelayMs: 0,
  maximumDelayMs: 0,
  breakChance: 0,
  windowMessages: 64,
};

type Direction = 'up' | 'down';

const uncut = { up: false, down: false };

const connectTimeoutMs = 2_000;
/** How soon after a cut is healed what was sent meanwhile arrives. */
const resendMs = 200;

interface Link {
  readonly break: () => void;
  /** One side has heard all that comes. */
  readonly drained: () => void;
}

/**
 * Agents and a manager in one process. Messages are copied as JSON, so that what would not survive
 * the real wire does not survive here. The same seed and the same calls give the same delays and
 * breaks.
 */
export class SimulatedTransport {
  readonly #clock: Clock;
  readonly #dice: Prng;
  readonly #links = new Set<Link>();
  /** May be changed while links are up. */
  model: LinkModel;
  /** What is sent in a direction that is cut arrives once it is not, as TCP sends it again. */
  readonly cut: { up: boolean; down: boolean };
  /** The manager reads nothing before this is resolved. */
  listening: (() => Promise<void>) | undefined;
  /** Who the managers take the next agent for; undefined: one of their own machine. */
  peer: SessionPeer | undefined;
  #handler: ManagerTransportHandler | undefined;

  constructor(options: {
    readonly clock: Clock;
    readonly dice: Prng;
    readonly model?: Partial<LinkModel>;
    /** Where both are decided elsewhere, all the while. */
    readonly ways?: { readonly model: LinkModel; readonly cut: Readonly<typeof uncut> };
  }) {
    this.#clock = options.clock;
    this.#dice = options.dice;
    this.model = options.ways?.model ?? { ...steadyLink, ...options.model };
    this.cut = options.ways?.cut ?? { ...uncut };
  }

  /** The manager is up: agents reach it from now on. */
  serve(handler: ManagerTransportHandler): void {
    this.#handler = handler;
  }

  /** The manager is down: all links break, and nobody answers. */
  stop(): void {
    this.#handler = undefined;
    this.breakAll();
  }

  /** Every link breaks now; what was on its way is lost. */
  breakAll(): void {
    for (const link of this.#links) link.break();
  }

  get linkCount(): number {
    return this.#links.size;
  }

  /** One agent's way to whoever serves at the time. */
  agent(): AgentTransport {
    return {
      openSession: async (signal) =>
        await this.#connect(
          signal,
          async (handler, stream) => await handler.onSession(stream, this.peer),
        ),
      openLogs: async (requestId, signal) =>
        await this.#connect(signal, async (handler, stream) => {
          await handler.onLogs(requestId, stream);
        }),
    };
  }

  async #connect<Up, Down>(
    signal: AbortSignal,
    serve: (handler: ManagerTransportHandler, stream: MessageStream<Down, Up>) => Promise<void>,
  ): Promise<MessageStream<Up, Down>> {
    await this.#delay();
    if (this.cut.up || this.cut.down) {
      await this.#clock.sleep(connectTimeoutMs, signal);
      if (this.cut.up || this.cut.down) throw new TuttiError('unavailable', 'nobody answers');
    }
    signal.throwIfAborted();
    const handler = this.#handler;
    if (handler === undefined) throw new TuttiError('unavailable', 'the manager does not answer');
    const up = this.#pipe<Up>('up');
    const down = this.#pipe<Down>('down');
    let drainedSides = 0;
    const link: Link = {
      drained: () => {
        drainedSides += 1;
        if (drainedSides < 2) return;
        this.#links.delete(link);
        signal.removeEventListener('abort', giveUp);
      },
      break: () => {
        this.#links.delete(link);
        signal.removeEventListener('abort', giveUp);
        up.fail(brokenLink());
        down.fail(brokenLink());
      },
    };
    /** The agent does not wait until the other side has heard of it. */
    const giveUp = (): void => {
      down.fail(brokenLink());
      if (this.cut.up) void this.#passable('up').then(() => link.break());
      else link.break();
    };
    this.#links.add(link);
    signal.addEventListener('abort', giveUp, { once: true });
    void serve(handler, this.#end(link, { outgoing: down, incoming: up })).then(
      () => down.close(),
      () => {
        if (this.cut.down) void this.#passable('down').then(() => link.break());
        else link.break();
      },
    );
    return this.#end(link, { outgoing: up, incoming: down });
  }

  #end<Outgoing, Incoming>(
    link: Link,
    pipes: { readonly outgoing: Pipe<Outgoing>; readonly incoming: Pipe<Incoming> },
  ): MessageStream<Outgoing, Incoming> {
    const { outgoing, incoming } = pipes;
    const receive = async function* (): AsyncGenerator<Incoming, void, undefined> {
      for await (const message of incoming.arrived) yield message;
      outgoing.close();
      link.drained();
    };
    return {
      send: async (message) => {
        if (this.#dice.chance(this.model.breakChance)) link.break();
        await outgoing.send(message);
      },
      incoming: receive(),
      close: () => outgoing.close(),
    };
  }

  #pipe<Message>(direction: Direction): Pipe<Message> {
    const departed = new BoundedQueue<string>(this.model.windowMessages);
    const arrived = new BoundedQueue<Message>(this.model.windowMessages);
    const carry = async (): Promise<void> => {
      for await (const text of departed) {
        await this.#delay();
        // No turn is taken where nothing is to be waited for: seeds find what they found.
        if (this.cut[direction]) await this.#passable(direction);
        if (direction === 'up' && this.listening !== undefined) await this.listening();
        await arrived.push(JSON.parse(text) as Message);
      }
      if (this.cut[direction]) await this.#passable(direction);
      arrived.close();
    };
    carry().catch((error: unknown) => arrived.fail(TuttiError.from(error)));
    return {
      arrived,
      send: async (message) => await departed.push(JSON.stringify(message)),
      close: () => departed.close(),
      fail: (error) => {
        departed.fail(error);
        arrived.fail(error);
      },
    };
  }

  /** Resolves when the direction is not cut. */
  async #passable(direction: Direction): Promise<void> {
    while (this.cut[direction]) await this.#clock.sleep(resendMs);
  }

  async #delay(): Promise<void> {
    const { minimumDelayMs, maximumDelayMs } = this.model;
    const spreadMs = maximumDelayMs - minimumDelayMs;
    const delayMs = minimumDelayMs + Math.floor(this.#dice.fraction() * spreadMs);
    if (delayMs > 0) await this.#clock.sleep(delayMs);
  }
}

interface Pipe<Message> {
  readonly arrived: BoundedQueue<Message>;
  send(message: Message): Promise<void>;
  close(): void;
  fail(error: TuttiError): void;
}

function brokenLink(): TuttiError {
  return new TuttiError('unavailable', 'the link to the other side broke');
}

import type { Clock } from '../host/clock.ts';
import type { MessageStream, SessionPeer } from '../host/transport.ts';
import { TuttiError } from '../lib/error.ts';
import type { NodeDescription } from '../model/node.ts';
import type { AgentMessage, ManagerMessage } from '../wire/messages.ts';
import type { NodeAssignments } from './node-assignments.ts';
import type { Farewell } from './node-monitor.ts';

/** Requests that may wait for an agent which does not read; one more ends its session. */
const requestLimit = 1_024;
/** An agent says that it lives at least this often, whatever the manager's own period is. */
const agentBeatMs = 5_000;
/** Periods without a word after which an agent counts as unreachable, as in Swarm. */
const silentPeriods = 3;
/** Rounds that are told apart while the agent has not said that it knows them. */
const unknownLimit = 64;
/** Changes in one message, except in the first, which holds everything. */
const changesPerMessage = 2_000;

type Assign = Extract<ManagerMessage, { readonly kind: 'assign' }>;

/**
 * The manager's end of one session. What the agent has to know is computed when it can be sent:
 * while the link is slow, marks gather, not messages, so a session never holds more than one node
 * view.
 */
export class AgentSession {
  readonly nodeId: string;
  readonly assignments: NodeAssignments;
  /** In another cluster than this manager, by its own word. */
  readonly isStranger: boolean;
  /** Undefined: the agent of this machine. */
  readonly peer: SessionPeer | undefined;
  /** What it said of itself when it ended in order. */
  farewell: Farewell | undefined;
  readonly ended = Promise.withResolvers<void>();
  readonly #stream: MessageStream<ManagerMessage, AgentMessage>;
  readonly #clock: Clock;
  readonly #clusterId: () => string | undefined;
  readonly #mayAct: () => boolean;
  readonly #epoch: () => number;
  readonly #requests: ManagerMessage[] = [];
  readonly #stop = new AbortController();
  #description: NodeDescription;
  #heardAt: number;
  #sequence = 0;
  /** How often everything marked was taken to be sent. */
  #round = 0;
  /** Those that the agent has not said it knows, with the last message of each. */
  readonly #unknown: { readonly round: number; readonly sequence: number }[] = [];
  #confirm: number | undefined;
  #woken = Promise.withResolvers<void>();

  constructor(options: {
    readonly nodeId: string;
    readonly description: NodeDescription;
    readonly stream: MessageStream<ManagerMessage, AgentMessage>;
    readonly assignments: NodeAssignments;
    readonly clock: Clock;
    readonly clusterId: () => string | undefined;
    /** While it may not, nothing is said; `wake` tells that it may again. */
    readonly mayAct: () => boolean;
    readonly epoch: () => number;
    readonly isStranger: boolean;
    readonly peer: SessionPeer | undefined;
  }) {
    this.peer = options.peer;
    this.isStranger = options.isStranger;
    this.nodeId = options.nodeId;
    this.assignments = options.assignments;
    this.#description = options.description;
    this.#stream = options.stream;
    this.#clock = options.clock;
    this.#clusterId = options.clusterId;
    this.#mayAct = options.mayAct;
    this.#epoch = options.epoch;
    this.#heardAt = options.clock.now();
  }

  get description(): NodeDescription {
    return this.#description;
  }

  describe(description: NodeDescription): void {
    const { peer } = this;
    this.#description =
      peer === undefined ? description : { ...description, address: peer.address };
  }

  /** The agent said something: it lives. */
  heard(): void {
    this.#heardAt = this.#clock.now();
  }

  /** There may be something to send. */
  wake(): void {
    this.#woken.resolve();
  }

  /**
   * The agent is asked to say when it shows what is marked now. Returns what it answers with; as
   * little as possible is asked, for each answer is a message.
   */
  askToConfirm(): number {
    this.#confirm = this.#round + 1;
    return this.#confirm;
  }

  /** The round that takes what is marked now. */
  get nextRound(): number {
    return this.#round + 1;
  }

  /** The agent knows all messages up to this one. Returns the round that it knows all of. */
  known(sequence: number): number {
    let round = 0;
    while ((this.#unknown[0]?.sequence ?? Number.POSITIVE_INFINITY) <= sequence) {
      round = this.#unknown.shift()?.round ?? round;
    }
    return round;
  }

  /** Sends a message that is no assignment, before any assignment that waits. */
  request(message: ManagerMessage): void {
    if (this.#requests.length >= requestLimit) {
      this.stop(
        new TuttiError(
          'resource-exhausted',
          `${requestLimit} requests wait for node ${this.nodeId}`,
        ),
      );
      return;
    }
    this.#requests.push(message);
    this.wake();
  }

  /** Ends the session; `run` throws the error. */
  stop(error: TuttiError): void {
    this.#stop.abort(error);
    this.wake();
  }

  get signal(): AbortSignal {
    return this.#stop.signal;
  }

  /**
   * Sends what there is to send until the session is stopped or the link breaks, and then throws.
   */
  async sendLoop(): Promise<never> {
    for (;;) {
      this.#stop.signal.throwIfAborted();
      this.#woken = Promise.withResolvers<void>();
      await this.#sendRequests();
      if (this.#nothingToSend()) await this.#woken.promise;
      else await this.#sendAssignments();
    }
  }

  /**
   * Says now and then that the manager lives, and throws `unavailable` when the agent was silent
   * for three periods. `periodMs` is asked each time, because it can be changed while the session
   * lasts.
   */
  async beatLoop(periodMs: () => number): Promise<never> {
    for (;;) {
      const waitMs = periodMs();
      await this.#clock.sleep(waitMs, this.#stop.signal);
      const silentMs = this.#clock.now() - this.#heardAt;
      if (silentMs >= Math.max(waitMs, agentBeatMs) * silentPeriods) {
        throw new TuttiError(
          'unavailable',
          `node ${this.nodeId} has said nothing for ${silentMs} ms`,
        );
      }
      this.request({ kind: 'beat', sentAt: this.#clock.now(), periodMs: waitMs });
    }
  }

  async #sendRequests(): Promise<void> {
    while (this.#mayAct()) {
      const request = this.#requests.shift();
      if (request === undefined) return;
      await this.#stream.send(request);
    }
  }

  #nothingToSend(): boolean {
    if (this.#stop.signal.aborted) return false;
    if (!this.#mayAct()) return true;
    if (this.#requests.length > 0) return false;
    if (this.#clusterId() === undefined) return true;
    return this.#sequence > 0 && !this.assignments.hasMarks && this.#confirm === undefined;
  }

  async #sendAssignments(): Promise<void> {
    const clusterId = this.#clusterId();
    if (clusterId === undefined) return;
    const full = this.#sequence === 0;
    const changes = this.assignments.takeChanges();
    this.#round += 1;
    const confirm = this.#confirm;
    this.#confirm = undefined;
    const mustSpeak = full || confirm !== undefined;
    const length = Math.max(changes.length, mustSpeak ? 1 : 0);
    const partLength = full ? length : changesPerMessage;
    for (let start = 0; start < length; start += partLength) {
      const isLast = start + partLength >= length;
      await this.#assign(clusterId, {
        full,
        changes: changes.slice(start, start + partLength),
        ...(isLast && confirm !== undefined && { confirm }),
      });
    }
    // Of too many the last stands for those before it.
    this.#unknown[Math.min(this.#unknown.length, unknownLimit - 1)] = {
      round: this.#round,
      sequence: this.#sequence,
    };
  }

  async #assign(
    clusterId: string,
    content: Pick<Assign, 'full' | 'changes' | 'confirm'>,
  ): Promise<void> {
    this.#sequence += 1;
    const sequence = this.#sequence;
    const epoch = this.#epoch();
    await this.#stream.send({ kind: 'assign', clusterId, epoch, sequence, ...content });
  }
}

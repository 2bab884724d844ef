import type { Clock } from '../host/clock.ts';
import type { Logger } from '../host/logger.ts';
import { unreachable } from '../lib/assert.ts';
import { type Channel, Leases, type Transition } from '../liveness/leases.ts';
import type { Hold } from '../liveness/mass-loss.ts';
import { leaseTerms } from '../liveness/terms.ts';
import type { Instant } from '../model/instant.ts';
import type { View } from '../store/view.ts';
import type { ObservedState } from './observed-state.ts';

/** How long nodes may take to connect to a manager that has started: they may be starting too. */
const startPatienceMs = 30_000;
/** The same where another manager led until now: nodes are awake, and turn from it within 5 s. */
const takeoverPatienceMs = 8_000;
/** A daemon that ended in order is there again soon, or its machine goes down. */
export type Farewell = 'returns' | 'goes';

/** How long a daemon that said that it goes may take to come back. */
const farewellPatienceMs = 10_000;
/** How long tasks of nodes that were given up wait until it is known who could take them. */
const heirPatienceMs = 5_000;
const tickMs = 200;
const soonMs = 100;
/** A node that is connected and alone has nobody to whom its tasks could be given. */
const aloneMs = 2_000;

/** Stands between the leases and the rest of the manager. */
export interface NodeMonitorEvents {
  /** What is observed of the node is different now. */
  nodeChanged(nodeId: string): void;
  /** The node is given up: what it says next it has to say in a new session. */
  endSession(nodeId: string, why: string): void;
}

/**
 * Says which nodes live. A node is `ready` while it has a session and a lease, `down` when the
 * lease is over and nothing speaks for the fault being ours, and `unreachable` in between.
 */
export class NodeMonitor {
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #view: View;
  readonly #observed: ObservedState;
  readonly #events: NodeMonitorEvents;
  readonly #leases: Leases;
  readonly #mayAct: () => boolean;
  readonly #connectPatienceMs: number;
  /** Nodes that have a session. */
  readonly #sessions = new Set<string>();
  readonly #stop = new AbortController();
  #since: Instant = 0;

  constructor(options: {
    readonly clock: Clock;
    readonly logger: Logger;
    readonly view: View;
    readonly observed: ObservedState;
    readonly events: NodeMonitorEvents;
    readonly leases?: Leases | undefined;
    /** Whoever may not act judges nobody; absent: it always may. */
    readonly mayAct?: (() => boolean) | undefined;
    /** Another manager led until now. */
    readonly isTakeover?: boolean | undefined;
  }) {
    this.#clock = options.clock;
    this.#logger = options.logger;
    this.#view = options.view;
    this.#observed = options.observed;
    this.#events = options.events;
    this.#mayAct = options.mayAct ?? (() => true);
    this.#connectPatienceMs = options.isTakeover === true ? takeoverPatienceMs : startPatienceMs;
    this.#leases = options.leases ?? new Leases(leaseTerms);
  }

  /**
   * Watches until `stop`. After a start nothing is known of the nodes, and that is not held against
   * them for a while.
   */
  async run(): Promise<void> {
    const since = this.#clock.now();
    this.#since = since;
    const message = 'the manager has started and has not heard of the node yet';
    for (const { id: nodeId, leftAt } of this.#view.nodes.all()) {
      if (leftAt !== undefined) {
        this.left(nodeId);
        continue;
      }
      this.#observed.setNode({ nodeId, state: 'unknown', since, message });
    }
    while (!this.#stop.signal.aborted) {
      // Time that passes meanwhile counts for as much as a tick that is late.
      if (this.#mayAct()) this.#tick();
      await this.#clock.sleep(this.#delayMs, this.#stop.signal).catch(() => undefined);
    }
  }

  get #delayMs(): number {
    const nodeCount = this.#view.nodes.size;
    if (nodeCount < 2 && this.#sessions.size === nodeCount) return aloneMs;
    return this.#leases.isAnybodyLate ? soonMs : tickMs;
  }

  stop(): void {
    this.#stop.abort();
  }

  /** A sign of life of a node. */
  heard(nodeId: string, by: Channel): void {
    if (by === 'datagram' && this.#view.nodes.get(nodeId) === undefined) return;
    const change = this.#leases.heard(nodeId, { now: this.#clock.now(), by });
    if (change !== undefined) this.#apply(change);
  }

  /** The node lives, and says that it hears nobody. */
  deaf(nodeId: string): void {
    const change = this.#leases.deaf(nodeId, this.#clock.now());
    if (change !== undefined) this.#apply(change);
  }

  /** The node said everything that it observes: it can be worked with. */
  connected(nodeId: string): void {
    this.#sessions.add(nodeId);
    this.#leases.greeted(nodeId);
    this.#leases.heard(nodeId, { now: this.#clock.now(), by: 'session' });
    this.#ready(nodeId);
  }

  /** The session is over. */
  disconnected(
    nodeId: string,
    how: { readonly farewell: Farewell | undefined; readonly why: string },
  ): void {
    this.#sessions.delete(nodeId);
    if (this.#view.nodes.get(nodeId) === undefined) {
      this.forget(nodeId);
      return;
    }
    const now = this.#clock.now();
    if (how.farewell === 'returns') {
      this.#leases.farewell(nodeId, { now, patienceMs: farewellPatienceMs });
    }
    if (how.farewell === 'goes') this.#leases.goes(nodeId);
    if (this.#observed.node(nodeId)?.state === 'down') return;
    this.#unreachable(nodeId, how.why);
  }

  /** The node left by its own word: nothing is waited for. */
  left(nodeId: string): void {
    const row = this.#view.nodes.get(nodeId);
    if (row === undefined) return;
    const now = this.#clock.now();
    this.#leases.giveUp(nodeId, now);
    const message =
      row.givenUp === true
        ? 'the node was given up when the cluster was recovered without it'
        : 'the node left the cluster';
    if (!this.#observed.setNode({ nodeId, state: 'down', since: now, message, fenced: true })) {
      return;
    }
    this.#events.nodeChanged(nodeId);
  }

  /** The node is no member any more. */
  forget(nodeId: string): void {
    if (this.#sessions.has(nodeId)) return;
    this.#leases.forget(nodeId);
    this.#observed.forgetNode(nodeId);
  }

  /** There is no cluster any more. */
  clear(): void {
    this.#leases.clear();
  }

  #tick(): void {
    for (const nodeId of this.#leases.nodeIds()) {
      if (this.#view.nodes.get(nodeId) === undefined) this.forget(nodeId);
    }
    const view = this.#view;
    const now = this.#clock.now();
    for (const { id } of view.nodes.all()) {
      if (!this.#leases.has(id))
        this.#leases.expect(id, { now, patienceMs: this.#connectPatienceMs });
    }
    const surroundings = {
      taskCount: (nodeId: string) => view.tasks.count('node', nodeId),
      isReleased: (nodeId: string) => view.nodes.get(nodeId)?.spec.availability === 'drain',
    };
    for (const change of this.#leases.tick(now, surroundings)) this.#apply(change);
    this.#giveUp(now);
  }

  /** Those that a recovery went on without, as soon as it is known who could take their tasks. */
  #giveUp(now: Instant): void {
    const unknown = [...this.#view.nodes.all()].filter(
      ({ id }) => this.#observed.node(id)?.state === 'unknown',
    );
    const isEarly = now < this.#since + heirPatienceMs;
    if (isEarly && unknown.some(({ givenUp }) => givenUp !== true)) return;
    for (const { id, givenUp } of unknown) if (givenUp === true) this.left(id);
  }

  #apply(change: Transition): void {
    const { nodeId } = change;
    switch (change.kind) {
      case 'alive':
        if (this.#sessions.has(nodeId)) this.#ready(nodeId);
        return;
      case 'silent': {
        const heard = lossText(change);
        this.#unreachable(nodeId, change.hold === undefined ? heard : holdText(change.hold, heard));
        return;
      }
      case 'down':
        this.#down(nodeId, change);
        return;
      default:
        unreachable(change);
    }
  }

  #ready(nodeId: string): void {
    const since = this.#clock.now();
    if (!this.#observed.setNode({ nodeId, state: 'ready', since, message: '' })) return;
    this.#events.nodeChanged(nodeId);
  }

  #unreachable(nodeId: string, message: string): void {
    const since = this.#clock.now();
    const before = this.#observed.node(nodeId);
    if (!this.#observed.setNode({ nodeId, state: 'unreachable', since, message })) return;
    if (before?.state !== 'unreachable')
      this.#logger.warn('a node is unreachable', { nodeId, message });
    this.#events.nodeChanged(nodeId);
  }

  #down(nodeId: string, change: Extract<Transition, { readonly kind: 'down' }>): void {
    const since = this.#clock.now();
    const message = lossText(change);
    const fenced = change.fenced ? { fenced: true } : {};
    this.#observed.setNode({ nodeId, state: 'down', since, message, ...fenced });
    this.#logger.warn('a node is down, its tasks are run elsewhere', {
      nodeId,
      silentMs: change.silentMs,
      deaf: change.deaf === true,
      fenced: change.fenced,
    });
    this.#events.endSession(nodeId, message);
    this.#events.nodeChanged(nodeId);
  }
}

function lossText(change: Exclude<Transition, { readonly kind: 'alive' }>): string {
  const heard = `nothing was heard of the node for ${seconds(change.silentMs)}`;
  return change.deaf === true ? 'the node says that it hears nothing of the managers' : heard;
}

function holdText(hold: Hold, heard: string): string {
  switch (hold.kind) {
    case 'mass':
      return (
        `${heard}; ${hold.silent} of ${hold.known} nodes fell silent together, so that the fault ` +
        'may be here: no task is moved until enough of them are back, or they are drained or removed'
      );
    case 'nobody-left':
      return `${heard}, and no other node is left: no task is moved`;
    case 'rate':
      return `${heard}; tasks of other nodes are being moved first`;
    default:
      return unreachable(hold);
  }
}

function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(1)} s`;
}

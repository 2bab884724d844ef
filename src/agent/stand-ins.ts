import type { Clock } from '../host/clock.ts';
import type { Logger } from '../host/logger.ts';
import type { Guest } from '../host/agent-disk.ts';
import type { TaskAssignment } from '../model/assignment.ts';
import { taskContainerName } from '../model/container-name.ts';
import type { Instant } from '../model/instant.ts';
import type { StandIn } from '../model/stand-in.ts';
import type { ObservedTask, TaskAddress } from '../model/task.ts';
import { isEndState } from '../model/task-state.ts';
import { decideStandIn, startsAloneAt, type StandInDecision } from '../task/stand-in.ts';
import type { NodeState } from './node-state.ts';

/** Ended ones of a place that are kept to be told: what is missing is history, never a count. */
const keptOfPlace = 5;

export interface StandInsOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly state: NodeState;
  nodeId(): string;
  newId(): string;
  /** Since when this agent decides by itself; undefined: a manager does. */
  aloneFrom(): Instant | undefined;
  observed(taskId: string): ObservedTask | undefined;
  /** Resolves when what is known now is on disk. */
  saved(): Promise<void>;
  /** These tasks are assigned, or are no more. */
  assigned(taskIds: readonly string[]): void;
}

/**
 * Makes tasks in the place of those that end while no manager is in reach, and keeps them until one
 * has heard of them.
 */
export class StandIns {
  readonly #options: StandInsOptions;
  /** In the order in which they were made. */
  readonly #made = new Map<string, StandIn>();
  /** They were said in a session: a manager may know them. */
  readonly #told = new Set<string>();
  /**
   * The same and those that managers took over or know nothing of, until they are over: each with
   * the addresses of its container.
   */
  readonly #guests = new Map<string, readonly TaskAddress[]>();
  #wake = Promise.withResolvers<void>();

  constructor(options: StandInsOptions) {
    this.#options = options;
  }

  /** Those that no manager has yet. */
  all(): readonly StandIn[] {
    return [...this.#made.values()];
  }

  /** The same, for a manager who is about to hear of them. */
  tell(): readonly StandIn[] {
    for (const taskId of this.#made.keys()) this.#told.add(taskId);
    return this.all();
  }

  /** Those of which something may be left here. */
  guests(): readonly Guest[] {
    return Array.from(this.#guests, ([taskId, addresses]) => ({ taskId, addresses }));
  }

  remember(standIns: readonly StandIn[], guests: readonly Guest[] = []): void {
    for (const { taskId, addresses } of guests) this.#guests.set(taskId, addresses);
    for (const standIn of standIns) {
      this.#made.set(standIn.taskId, standIn);
      this.#told.add(standIn.taskId);
      const { addresses = [] } = this.#options.state.tasks.get(standIn.taskId) ?? {};
      this.#guests.set(standIn.taskId, addresses);
    }
  }

  /** A manager has said what becomes of all that it was told. */
  settled(): void {
    this.#made.clear();
    this.#told.clear();
  }

  /**
   * Whether the task is to wait for one that stood in and still runs: for its slot, or where the
   * address of the task before is given to another by now.
   */
  isHeldUp(taskId: string): boolean {
    const { state } = this.#options;
    const task = state.tasks.get(taskId);
    if (task === undefined) return false;
    for (const [guestId, addresses] of this.#guests) {
      if (guestId === taskId || this.#isOver(guestId)) continue;
      const guest = state.tasks.get(guestId);
      const isGoing = guest?.desired === 'shutdown' || guest?.desired === 'removed';
      if (guest !== undefined && isGoing && isOfSlot(guest, task)) return true;
      if ((guest === undefined || isGoing) && shareAddress(addresses, task.addresses)) return true;
    }
    return false;
  }

  #isOver(guestId: string): boolean {
    const guest = this.#options.state.tasks.get(guestId);
    const seen = this.#options.observed(guestId);
    // One that nobody knows is removed: it is over when there is nothing left to observe.
    if (guest === undefined) return seen === undefined || isEndState(seen.state);
    return guest.ended || (seen !== undefined && isEndState(seen.state));
  }

  /** Nothing of the task is left on this node. */
  gone(taskId: string): void {
    if (!this.#guests.delete(taskId)) return;
    this.#options.assigned([...this.#options.state.tasks.keys()]);
  }

  /** A task changed: what stood in for its slot may be over. */
  observed({ taskId, state }: ObservedTask): void {
    this.look();
    const task = this.#options.state.tasks.get(taskId);
    if (task === undefined || !isEndState(state) || !this.#guests.has(taskId)) return;
    this.#options.assigned([...this.#options.state.tasks.keys()]);
  }

  /** Something changed: a task, or who decides. */
  look(): void {
    this.#wake.resolve();
  }

  async run(signal: AbortSignal): Promise<void> {
    signal.addEventListener('abort', () => this.look(), { once: true });
    while (!signal.aborted) {
      this.#wake = Promise.withResolvers<void>();
      const nextAt = await this.#makeDue();
      await this.#sleep(nextAt);
    }
  }

  /** Returns when the next one is due. */
  async #makeDue(): Promise<Instant | undefined> {
    const { state } = this.#options;
    let nextAt: Instant | undefined;
    const made: string[] = [];
    for (const taskId of this.#latest()) {
      const startAt = this.#startsAt(taskId);
      if (startAt !== undefined && startAt > this.#options.clock.now()) {
        nextAt = Math.min(nextAt ?? startAt, startAt);
      } else if (startAt !== undefined) this.#startAlone(taskId);
      const decision = this.#decide(taskId);
      if (decision.kind === 'wait') nextAt = Math.min(nextAt ?? decision.until, decision.until);
      if (decision.kind === 'make') made.push(this.#make(taskId, decision.counters));
    }
    if (made.length === 0) return nextAt;
    // What is not on disk would be made once more by the next agent.
    await this.#options.saved();
    this.#options.assigned(made.filter((taskId) => state.tasks.has(taskId)));
    return this.#options.clock.now();
  }

  /** Of each place the task that was there last, while this agent decides. */
  #latest(): readonly string[] {
    const { state } = this.#options;
    if (this.#options.aloneFrom() === undefined) return [];
    const replaced = new Set<string>();
    const latestOf = new Map<string, string>();
    for (const { taskId, originId } of this.#made.values()) {
      replaced.add(latestOf.get(originId) ?? originId);
      latestOf.set(originId, taskId);
    }
    return [...state.tasks.keys()].filter((taskId) => !replaced.has(taskId));
  }

  #decide(taskId: string): StandInDecision {
    const { state, clock } = this.#options;
    const assignment = state.tasks.get(taskId);
    const observed = this.#options.observed(taskId);
    if (assignment === undefined || observed === undefined) return { kind: 'leave' };
    return decideStandIn({
      assignment,
      observed,
      policy: state.templates.get(assignment.templateId)?.spec.restart,
      past: this.#made.get(taskId) ?? { attempts: 0, restarts: [] },
      aloneFrom: this.#options.aloneFrom(),
      now: clock.now(),
    });
  }

  #startsAt(taskId: string): Instant | undefined {
    const { state } = this.#options;
    const assignment = state.tasks.get(taskId);
    if (assignment === undefined) return undefined;
    return startsAloneAt(assignment, {
      aloneFrom: this.#options.aloneFrom(),
      hasEnded: (otherId) => {
        const other = state.tasks.get(otherId);
        const seen = this.#options.observed(otherId);
        return other?.ended === true || (seen !== undefined && isEndState(seen.state));
      },
    });
  }

  #startAlone(taskId: string): void {
    const { state, logger } = this.#options;
    const assignment = state.tasks.get(taskId);
    if (assignment?.alone === undefined) return;
    const { desired } = assignment.alone;
    state.apply([{ put: 'task', value: { ...assignment, desired } }]);
    const { serviceName } = assignment;
    logger.info('a prepared task is started without a manager', { serviceName, taskId });
    this.#options.assigned([taskId]);
  }

  #make(replacedId: string, counters: Pick<StandIn, 'attempts' | 'restarts'>): string {
    const { state, clock, logger } = this.#options;
    const replaced = state.tasks.get(replacedId);
    const taskId = this.#options.newId();
    if (replaced === undefined) return taskId;
    const originId = this.#made.get(replacedId)?.originId ?? replacedId;
    const task = { ...replaced, taskId };
    state.apply([{ put: 'task', value: task }]);
    const entry = state.catalogTasks.get(replacedId);
    if (entry !== undefined) {
      const name = taskContainerName(task, this.#options.nodeId());
      state.apply([
        { put: 'catalog-task', value: { ...entry, taskId, name } },
        { drop: 'catalog-task', id: replacedId },
      ]);
    }
    this.#made.set(taskId, { taskId, originId, createdAt: clock.now(), ...counters });
    this.#guests.set(taskId, task.addresses);
    this.#forgetOldest(originId);
    const { serviceName } = replaced;
    logger.info('a task is restarted without a manager', { serviceName, replacedId, taskId });
    return taskId;
  }

  #forgetOldest(originId: string): void {
    const { state } = this.#options;
    const ofPlace = this.all().filter((one) => one.originId === originId);
    const surplus = ofPlace.slice(0, -(keptOfPlace + 1));
    for (const { taskId } of surplus) {
      if (this.#told.has(taskId)) continue;
      this.#made.delete(taskId);
      this.#guests.delete(taskId);
      state.apply([{ drop: 'task', id: taskId }]);
      this.#options.assigned([taskId]);
    }
  }

  /** The end of the agent wakes, too. */
  async #sleep(until: Instant | undefined): Promise<void> {
    if (until === undefined) return await this.#wake.promise;
    const timer = new AbortController();
    const delayMs = Math.max(0, until - this.#options.clock.now());
    const expired = this.#options.clock.sleep(delayMs, timer.signal).catch(() => undefined);
    await Promise.race([this.#wake.promise, expired]);
    timer.abort();
  }
}

function shareAddress(some: readonly TaskAddress[], others: readonly TaskAddress[]): boolean {
  return some.some((one) =>
    others.some((other) => other.networkId === one.networkId && other.address === one.address),
  );
}

function isOfSlot(one: TaskAssignment, other: TaskAssignment): boolean {
  return one.serviceId === other.serviceId && one.slot === other.slot;
}

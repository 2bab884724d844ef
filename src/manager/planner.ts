import type { Clock } from '../host/clock.ts';
import type { Logger } from '../host/logger.ts';
import { unreachable } from '../lib/assert.ts';
import { TuttiError } from '../lib/error.ts';
import type { Instant } from '../model/instant.ts';
import type { Reason } from '../model/reason.ts';
import { isEndState } from '../model/task-state.ts';
import type { Unit } from '../orchestrator/unit.ts';
import { allUnits, slotUnit, unitsOfChange, unitsOfObserved } from '../orchestrator/unit.ts';
import { hasStaticAddress } from '../store/schema.ts';
import type { Store } from '../store/store.ts';
import type { Change, Commit, Transaction } from '../store/view.ts';
import type { ObservedState } from './observed-state.ts';
import { type Placing, PlannerWork, type WorkLimits } from './planner-work.ts';
import type { ReportedEnd, RoundContext, RoundOutcome, Rounds } from './round.ts';
import { TimerHeap } from './timer-heap.ts';
import type { Write, WriteContext, Writer } from './writer.ts';

/**
 * Steps of one transaction at most; the rest waits for the next, and others have their turn between
 * the two. Some 50 ms for the slowest kind of steps.
 */
const defaultStepLimit = 500;
const firstRetryMs = 100;
const longestRetryMs = 5_000;
/** Rounds that follow from one another without anything happening. */
const rehearsalLimit = 100;
const retryAll = 'retry/all';

interface Round {
  readonly work: PlannerWork;
  outcome?: RoundOutcome;
}

/**
 * Keeps the desired state true to what was declared: looks at what changed, what was observed and
 * what is due, and writes what follows, one transaction after the other. Nothing is polled and
 * nothing waits on purpose: the first event is planned at once, and what comes meanwhile shares the
 * next transaction.
 */
export class Planner implements Writer {
  readonly #store: Store;
  readonly #observed: ObservedState;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #newId: () => string;
  readonly #rounds: Rounds;
  readonly #onStoreFailure: () => void;
  readonly #stepLimit: number;
  readonly #timers: TimerHeap;
  /** What a timer's key stands for. */
  readonly #timed = new Map<string, PlannerWork>();
  readonly #refusals = new Map<string, { readonly reason: Reason; readonly since: Instant }>();
  /** How often in a row a part of the work threw. */
  readonly #failures = new Map<string, number>();
  #work = new PlannerWork();
  /** Rounds that wait for the store to run them. */
  #waitingRounds = 0;
  #activeRounds = 0;
  /** The last back-off after a failed commit; 0 after one that succeeded. */
  #retryMs = 0;
  #backingOff = false;
  #stopped = false;
  #suspended = false;
  #idle: PromiseWithResolvers<void> | undefined;

  constructor(options: {
    readonly store: Store;
    readonly observed: ObservedState;
    readonly clock: Clock;
    readonly logger: Logger;
    readonly newId: () => string;
    readonly rounds: Rounds;
    /** An update of the store failed: it may have to be loaded again. */
    readonly onStoreFailure: () => void;
    /** Steps of one transaction; absent: 500. */
    readonly stepLimit?: number | undefined;
  }) {
    this.#store = options.store;
    this.#observed = options.observed;
    this.#clock = options.clock;
    this.#logger = options.logger;
    this.#newId = options.newId;
    this.#rounds = options.rounds;
    this.#onStoreFailure = options.onStoreFailure;
    this.#stepLimit = options.stepLimit ?? defaultStepLimit;
    this.#timers = new TimerHeap(options.clock, (keys) => this.#due(keys));
  }

  write<T>(run: Write<T>): Promise<T> {
    if (this.#stopped) {
      return Promise.reject(new TuttiError('unavailable', 'this manager stops to lead'));
    }
    if (this.#suspended) {
      return Promise.reject(new TuttiError('unavailable', 'this cluster is being left'));
    }
    const written = this.#store.update((tx) => {
      const touched = new PlannerWork();
      const result = run(tx, this.#writeContext(touched));
      this.#work.add(touched);
      return result;
    });
    // Behind the write in the store's queue: both share a commit.
    this.#enqueueRound();
    written.catch(() => this.#onStoreFailure());
    return written;
  }

  /** The store was loaded anew: what is derived from it is, too. */
  reloaded(): void {
    this.#rounds.reload();
    this.everything();
  }

  /** Looks at everything: what a manager does when it starts. */
  everything(): void {
    const { view } = this.#store;
    this.#work.addUnits(allUnits(view));
    for (const task of view.tasks.all()) {
      const observed = task.end === undefined ? this.#observed.task(task.id) : undefined;
      if (observed !== undefined && isEndState(observed.state)) this.#work.ends.add(task.id);
    }
    this.#placeWaiting('anew');
    this.#kick();
  }

  committed(commit: Commit): void {
    const { view } = this.#store;
    const room = new Set<string>();
    let roomier: Placing | undefined;
    for (const change of commit.changes) {
      this.#rounds.committed(change);
      this.#work.addUnits(unitsOfChange(view, change));
      if (makesRoom(change)) roomier ??= 'room';
      // It may refuse for another reason now, and that is to be said.
      if (change.table === 'nodes') roomier = 'anew';
      const nodeId = change.table === 'tasks' ? change.before?.nodeId : undefined;
      if (nodeId !== undefined) room.add(nodeId);
      if (change.table === 'services') this.#placeAgain(change.id);
      if (change.table === 'tasks') this.#forgetRefusal(change);
    }
    if (roomier !== undefined) this.#placeWaiting(roomier, room);
    this.#kick();
  }

  observed(taskIds: readonly string[]): void {
    const { view } = this.#store;
    for (const taskId of taskIds) {
      const observed = this.#observed.task(taskId);
      if (observed !== undefined && isEndState(observed.state)) this.#work.ends.add(taskId);
      this.#work.addUnits(unitsOfObserved(view, taskId));
    }
    this.#kick();
  }

  /** Their addresses may be given again. */
  endsSeen(taskIds: readonly string[]): void {
    const { addressReuse } = this.#rounds;
    for (const taskId of taskIds) {
      if (this.#store.view.tasks.get(taskId) === undefined) addressReuse.releaseRemoved(taskId);
      else addressReuse.endSeen(taskId);
    }
    const lacksAddress = [...this.#refusals.values()].some(
      ({ reason: { code } }) => code === 'addresses-exhausted' || code === 'address-in-use',
    );
    if (lacksAddress) this.#placeWaiting('anew');
    this.#kick();
  }

  nodeChanged(nodeId: string): void {
    this.#work.addUnits([{ kind: 'node', nodeId }]);
    this.#placeWaiting('anew');
    this.#kick();
  }

  /** Why a task could not be placed when it was tried last. */
  placementRefusal(taskId: string): Reason | undefined {
    return this.#refusals.get(taskId)?.reason;
  }

  /**
   * Runs the write and all that follows from it at this moment in a transaction that is dropped,
   * and returns what `look` makes of it.
   */
  rehearse<T>(
    run: Write<void>,
    look: (tx: Transaction, refusals: ReadonlyMap<string, Reason>) => T,
  ): T {
    return this.#store.rehearse((tx) => {
      const work = new PlannerWork();
      run(tx, this.#writeContext(work));
      const refusals = new Map<string, Reason>();
      const outcomes: RoundOutcome[] = [];
      let next = work;
      while (!next.isEmpty && outcomes.length < rehearsalLimit) {
        const outcome = this.#run(tx, next, { limit: Number.POSITIVE_INFINITY });
        outcomes.push(outcome);
        for (const [taskId, reason] of outcome.refusals) refusals.set(taskId, reason);
        next = leftOver(outcome);
      }
      for (const outcome of outcomes) outcome.undo();
      return look(tx, refusals);
    });
  }

  /** Resolves when there is nothing to do until somebody says something or a timer fires. */
  async idle(): Promise<void> {
    if (this.#isIdle()) return;
    this.#idle ??= Promise.withResolvers<void>();
    await this.#idle.promise;
  }

  /** Plans nothing until `resume`; what is marked until then is forgotten. */
  suspend(): void {
    this.#suspended = true;
  }

  resume(): void {
    this.#suspended = false;
    this.#work = new PlannerWork();
    this.everything();
  }

  stop(): void {
    this.#stopped = true;
    this.#timers.stop();
  }

  #writeContext(touched: PlannerWork): WriteContext {
    return {
      now: this.#clock.now(),
      newId: this.#newId,
      addressReuse: this.#rounds.addressReuse,
      touched: {
        service: (serviceId) => touched.addUnits([{ kind: 'service', serviceId }]),
        network: (networkId) => touched.addUnits([{ kind: 'network', networkId }]),
        node: (nodeId) => touched.addUnits([{ kind: 'node', nodeId }]),
        units: (units) => touched.addUnits(units),
      },
    };
  }

  #placeWaiting(placing: Placing, room: Iterable<string> = []): void {
    for (const nodeId of room) this.#work.room.add(nodeId);
    for (const serviceId of this.#store.view.tasks.keys('unplaced')) {
      this.#work.addPlace(serviceId, placing);
    }
  }

  /** Another declaration may allow other nodes. */
  #placeAgain(serviceId: string): void {
    if (this.#store.view.tasks.count('unplaced', serviceId) > 0) this.#work.addPlace(serviceId);
  }

  /**
   * Asks the store for a round unless one is to come anyway, or the last one has to be paid for.
   */
  #kick(): void {
    if (this.#work.isEmpty || this.#waitingRounds > 0 || this.#backingOff) return;
    if (this.#suspended) return;
    this.#enqueueRound();
  }

  #enqueueRound(): void {
    if (this.#stopped) return;
    this.#waitingRounds += 1;
    const round: { current?: Round; ran: boolean } = { ran: false };
    this.#activeRounds += 1;
    this.#store
      .update((tx) => {
        this.#waitingRounds -= 1;
        round.ran = true;
        if (this.#work.isEmpty || this.#stopped || this.#suspended) return;
        const work = this.#work.take(workLimits(this.#stepLimit));
        round.current = { work };
        round.current.outcome = this.#run(tx, work, { limit: this.#stepLimit });
      })
      .then(
        () => this.#succeeded(round.current),
        (error: unknown) => {
          if (!round.ran) this.#waitingRounds -= 1;
          this.#failed(round.current, error);
        },
      )
      .finally(() => this.#roundOver());
  }

  #roundOver(): void {
    this.#activeRounds -= 1;
    if (!this.#isIdle()) return;
    this.#idle?.resolve();
    this.#idle = undefined;
  }

  #run(tx: Transaction, work: PlannerWork, how: { readonly limit: number }): RoundOutcome {
    const context: RoundContext = {
      now: this.#clock.now(),
      observed: this.#observed,
      newId: this.#newId,
      placementRefusal: (taskId) => this.#refusals.get(taskId)?.reason,
      refusedSince: (taskId) => this.#refusals.get(taskId)?.since,
      refusalCode: (taskId) => this.#refusals.get(taskId)?.reason.code,
      stepLimit: how.limit,
    };
    const ends = [...work.ends]
      .map((taskId) => this.#reportedEnd(taskId))
      .filter((end) => end !== undefined);
    return this.#rounds.run(
      tx,
      { units: work.units, ends, place: work.place, room: work.room },
      context,
    );
  }

  #reportedEnd(taskId: string): ReportedEnd | undefined {
    const observed = this.#observed.task(taskId);
    if (observed === undefined) return undefined;
    const runningSince = this.#observed.runningSince(taskId);
    return runningSince === undefined ? { observed } : { observed, runningSince };
  }

  #succeeded(round: Round | undefined): void {
    if (round?.outcome === undefined) return;
    this.#retryMs = 0;
    this.#backingOff = false;
    this.#wakeNever(retryAll);
    const { outcome } = round;
    for (const [key, wake] of outcome.wakes) {
      if (wake === undefined) this.#wakeNever(key);
      else this.#wakeLater(key, { at: wake.at, work: workOf([wake.unit]) });
    }
    this.#noteRefusals(outcome);
    this.#work.add(leftOver(outcome));
    this.#kick();
  }

  /** Who waits for a task to be placed has to know that it was not: a drained node lets go then. */
  #noteRefusals(outcome: RoundOutcome): void {
    const { tasks } = this.#store.view;
    for (const [taskId, reason] of outcome.refusals) {
      const task = tasks.get(taskId);
      if (task === undefined || task.nodeId !== undefined) continue;
      const before = this.#refusals.get(taskId);
      // Who has its address goes for it as soon as that is all that is in the way.
      const isNext = reason.code === 'address-in-use' && before?.reason.code !== reason.code;
      if (before === undefined || isNext) this.#work.addUnits([slotUnit(task)]);
      // The cause may be another one each time, and the task still has waited all the while.
      this.#refusals.set(taskId, { reason, since: before?.since ?? reason.since });
    }
  }

  /** The disk may be full, or a plan may be broken: neither may lose what there is to do. */
  #failed(round: Round | undefined, error: unknown): void {
    if (this.#stopped) return;
    if (round !== undefined && round.outcome === undefined) {
      this.#runApart(round.work);
      return;
    }
    if (round !== undefined) {
      round.outcome?.undo();
      this.#work.add(round.work);
    }
    this.#backOff(error);
  }

  #backOff(error: unknown): void {
    this.#onStoreFailure();
    if (this.#backingOff) return;
    this.#backingOff = true;
    this.#retryMs = Math.min(Math.max(firstRetryMs, this.#retryMs * 2), longestRetryMs);
    const { code, message } = TuttiError.from(error);
    this.#logger.warn('a plan could not be written, it is tried again', {
      code,
      error: message,
      retryMs: this.#retryMs,
    });
    const at = this.#clock.now() + this.#retryMs;
    this.#wakeLater(retryAll, { at, work: new PlannerWork() });
  }

  /**
   * Some part of the work throws: each part runs in a transaction of its own, so that the broken
   * ones are known by name and the others go on.
   */
  #runApart(work: PlannerWork): void {
    for (const { name, work: part } of work.parts()) {
      const round: Round = { work: part };
      this.#activeRounds += 1;
      this.#store
        .update((tx) => {
          round.outcome = this.#run(tx, part, { limit: this.#stepLimit });
        })
        .then(
          () => {
            this.#failures.delete(name);
            this.#succeeded(round);
          },
          (error: unknown) => {
            if (round.outcome === undefined) this.#partFailed(name, { part, error });
            else this.#failed(round, error);
          },
        )
        .finally(() => this.#roundOver());
    }
  }

  #partFailed(name: string, failed: { readonly part: PlannerWork; readonly error: unknown }): void {
    const failures = (this.#failures.get(name) ?? 0) + 1;
    this.#failures.set(name, failures);
    const delayMs = Math.min(firstRetryMs * 2 ** (failures - 1), longestRetryMs);
    const { message, stack } = TuttiError.from(failed.error);
    this.#logger.error('a part of the plan failed, the rest goes on', {
      part: name,
      failures,
      error: message,
      stack,
      retryMs: delayMs,
    });
    this.#wakeLater(`retry/${name}`, { at: this.#clock.now() + delayMs, work: failed.part });
  }

  #wakeNever(key: string): void {
    this.#timers.delete(key);
    this.#timed.delete(key);
  }

  #wakeLater(key: string, timer: { readonly at: number; readonly work: PlannerWork }): void {
    this.#timers.delete(key);
    this.#timed.set(key, timer.work);
    this.#timers.set(key, timer.at);
  }

  #due(keys: readonly string[]): void {
    for (const key of keys) {
      if (key === retryAll) this.#backingOff = false;
      const work = this.#timed.get(key);
      this.#timed.delete(key);
      if (work !== undefined) this.#work.add(work);
    }
    this.#kick();
  }

  #forgetRefusal(change: Extract<Change, { table: 'tasks' }>): void {
    if (change.after?.nodeId !== undefined || change.after === undefined) {
      this.#refusals.delete(change.id);
    }
  }

  #isIdle(): boolean {
    const nothingNow = this.#work.isEmpty || this.#backingOff || this.#suspended;
    return this.#activeRounds === 0 && nothingNow;
  }
}

/** A unit may come to nothing, and an end brings some steps with it that belong together. */
function workLimits(stepLimit: number): WorkLimits {
  return { units: stepLimit * 4, ends: Math.ceil(stepLimit / 4) };
}

function workOf(units: readonly Unit[]): PlannerWork {
  const work = new PlannerWork();
  work.addUnits(units);
  return work;
}

function leftOver(outcome: RoundOutcome): PlannerWork {
  const work = workOf(outcome.left.units);
  for (const [serviceId, placing] of outcome.left.place) work.addPlace(serviceId, placing);
  return work;
}

/** Whether a change may let a task in that found no place, or no address, before. */
function makesRoom(change: Change): boolean {
  switch (change.table) {
    case 'nodes':
      return true;
    case 'tasks':
      return change.before?.end !== change.after?.end || change.after === undefined;
    case 'services':
      return change.before?.virtualAddresses !== change.after?.virtualAddresses;
    case 'networks':
      return true;
    case 'attachments':
      return change.after === undefined;
    case 'templates':
      return change.after === undefined && hasStaticAddress(change.before?.spec);
    case 'clusters':
    case 'roots':
    case 'secrets':
    case 'configs':
      return false;
    default:
      return unreachable(change);
  }
}

import { AddressReuse } from '../allocator/addresses.ts';
import { allocateService } from '../allocator/service.ts';
import { allocateTask } from '../allocator/task.ts';
import type { TuttiError } from '../lib/error.ts';
import type { Instant } from '../model/instant.ts';
import type { Observed } from '../model/observed.ts';
import type { Reason, ReasonCode } from '../model/reason.ts';
import type { Service } from '../model/service.ts';
import type { ObservedTask, Task } from '../model/task.ts';
import type { TaskTemplate } from '../model/template.ts';
import { reconcile, type Wake } from '../orchestrator/reconcile.ts';
import { recordEnd } from '../orchestrator/record-end.ts';
import { applySteps } from '../orchestrator/step.ts';
import type { Unit } from '../orchestrator/unit.ts';
import { NodeLoads, type Trial } from '../scheduler/node-loads.ts';
import { mayFit, placeTasks } from '../scheduler/place-tasks.ts';
import type { Change, Transaction, View } from '../store/view.ts';
import { PlacementPasses } from './placement-pass.ts';
import type { Placing } from './planner-work.ts';
import { passRebalance } from './rebalance-pass.ts';

/** What one transaction of the planner is to look at. */
export interface RoundWork {
  readonly units: Iterable<Unit>;
  /** Ends that agents reported and that may not be durable yet. */
  readonly ends: Iterable<ReportedEnd>;
  /** Services whose tasks without a node may find one now. */
  readonly place: ReadonlyMap<string, Placing>;
  /** Nodes that may have room for those that are to be placed only there. */
  readonly room: ReadonlySet<string>;
}

export interface ReportedEnd {
  readonly observed: ObservedTask;
  readonly runningSince?: Instant;
}

export interface RoundContext {
  readonly now: Instant;
  readonly observed: Observed;
  newId(): string;
  /** Why the task was refused a place when it was tried last. */
  placementRefusal(taskId: string): Reason | undefined;
  refusedSince(taskId: string): Instant | undefined;
  refusalCode(taskId: string): ReasonCode | undefined;
  /**
   * Steps that the transaction may take; as many tasks again may get a node in it, or be refused.
   */
  readonly stepLimit: number;
}

export interface RoundOutcome {
  /** What did not fit: for the next transaction. */
  readonly left: {
    readonly units: readonly Unit[];
    readonly place: ReadonlyMap<string, Placing>;
  };
  readonly wakes: ReadonlyMap<string, Wake | undefined>;
  /** Tasks that could not be placed, and why. */
  readonly refusals: ReadonlyMap<string, Reason>;
  /** To be called when the transaction does not become durable. */
  undo(): void;
}

/** Plans and writes in one transaction; an interface, so that a test can plant a fault. */
export interface Rounds {
  readonly addressReuse: AddressReuse;
  run(tx: Transaction, work: RoundWork, context: RoundContext): RoundOutcome;
  /** Keeps what is derived from the rows up with a durable change. */
  committed(change: Change): void;
  /** The store was loaded anew. */
  reload(): void;
}

/**
 * Ends, orchestrator, scheduler and allocator, one after the other on the same transaction: a new
 * task is made, gets its node and its addresses in one commit, and no plan is older than what it
 * changes.
 */
export class CoreRounds implements Rounds {
  readonly addressReuse = new AddressReuse();
  readonly #loads: NodeLoads;
  readonly #passes = new PlacementPasses();
  /** Services of which no node could take a task when all that wait were tried. */
  readonly #homeless = new Map<string, Homeless>();

  constructor(view: View) {
    this.#loads = new NodeLoads(view);
  }

  run(tx: Transaction, work: RoundWork, context: RoundContext): RoundOutcome {
    const trial = this.#loads.trial();
    try {
      return this.#run(tx, work, { ...context, trial });
    } catch (error) {
      this.#undo(trial);
      throw error;
    }
  }

  committed(change: Change): void {
    this.#loads.apply(change);
    if (change.after !== undefined) return;
    if (change.table === 'networks') this.addressReuse.forgetNetwork(change.id);
    if (change.table === 'tasks' && change.before !== undefined) {
      this.addressReuse.removed(change.before);
    }
  }

  reload(): void {
    this.#loads.reload();
    this.#passes.clear();
    this.#homeless.clear();
  }

  #run(
    tx: Transaction,
    work: RoundWork,
    context: RoundContext & { readonly trial: Trial },
  ): RoundOutcome {
    const units = [...work.units];
    for (const { observed, ...since } of work.ends) {
      const plan = recordEnd(tx, observed, { now: context.now, ...since });
      applySteps(tx, plan.steps);
      units.push(...plan.follow);
    }
    const { stepLimit, trial } = context;
    const { left, wakes, unplaced } = reconcile(tx, units, { context, stepLimit });
    this.#allocateServices(tx, wakes.keys());
    const refusals = new Map<string, Reason>();
    // What was made in this transaction is placed in it, whatever else waits.
    const place = new Map<string, Placing>();
    for (const serviceId of unplaced) place.set(serviceId, 'on');
    for (const [serviceId, placing] of work.place) {
      const isAsked = placing === 'room' && !unplaced.has(serviceId);
      if (isAsked && !this.#mayFit(tx, serviceId, { ...context, room: work.room })) continue;
      place.set(serviceId, placing === 'room' ? 'anew' : placing);
    }
    const later = new Map<string, Placing>();
    let tried = 0;
    for (const [serviceId, placing] of place) {
      if (tried >= stepLimit && !unplaced.has(serviceId)) {
        later.set(serviceId, placing);
        continue;
      }
      const attempt = this.#place(tx, serviceId, { ...context, placing, refusals });
      tried += attempt.tried;
      if (attempt.more) later.set(serviceId, 'on');
    }
    const parts = { ...context, loads: this.#loads, addressReuse: this.addressReuse };
    const next = passRebalance(tx, wakes.keys(), parts);
    return {
      left: { units: [...left, ...next], place: later },
      wakes,
      refusals,
      undo: () => this.#undo(trial),
    };
  }

  #undo(trial: Trial): void {
    trial.undo();
    // What had no place beside placements that are taken back may have one.
    this.#homeless.clear();
  }

  /** A service that was rolled back may need other addresses and ports than the ones it had. */
  #allocateServices(tx: Transaction, plannedKeys: Iterable<string>): void {
    const serviceIds = new Set<string>();
    for (const key of plannedKeys) {
      const [kind, id] = key.split('/');
      if (id === undefined) continue;
      if (kind === 'service' || kind === 'update' || kind === 'slot') serviceIds.add(id);
    }
    for (const serviceId of serviceIds) {
      const row = tx.services.get(serviceId);
      if (row === undefined || row.removing === true) continue;
      const { service, problem } = allocateService(tx, row, this);
      const after = withLack(service, problem);
      if (after !== row) tx.services.put(after);
    }
  }

  /**
   * Whether a node that changed may take a task of the service: while the same tasks wait that all
   * nodes refused, the others need not be asked again.
   */
  #mayFit(
    tx: Transaction,
    serviceId: string,
    context: RoundContext & { readonly room: ReadonlySet<string> },
  ): boolean {
    const known = this.#homeless.get(serviceId);
    const service = tx.services.get(serviceId);
    if (known === undefined || service === undefined || service.spec !== known.spec) return true;
    if (tx.tasks.count('unplaced', serviceId) !== known.count) return true;
    const { observed, room: nodeIds } = context;
    return known.templateIds.some((templateId) => {
      const template = tx.templates.get(templateId);
      if (template === undefined) return false;
      return mayFit(this.#loads, { view: tx, service, template, observed, nodeIds });
    });
  }

  /** Tries tasks of the service; says how many, and whether some are left. */
  #place(
    tx: Transaction,
    serviceId: string,
    context: PlaceContext,
  ): { readonly tried: number; readonly more: boolean } {
    const service = tx.services.get(serviceId);
    if (service === undefined) return { tried: 0, more: false };
    const { placing, stepLimit: limit } = context;
    const waiting = [...tx.tasks.by('unplaced', serviceId)];
    const { tasks, more } = this.#passes.next(serviceId, { waiting, placing, limit });
    const groups = Map.groupBy(tasks, (task) => task.templateId);
    let homeless = tasks.length === waiting.length && waiting.every(isPlain);
    for (const [templateId, group] of groups) {
      const template = tx.templates.get(templateId);
      if (template === undefined) continue;
      const refused = this.#placeGroup(tx, { service, template, tasks: group }, context);
      homeless &&= refused;
    }
    this.#homeless.delete(serviceId);
    if (homeless) {
      const templateIds = [...groups.keys()];
      this.#homeless.set(serviceId, { spec: service.spec, count: waiting.length, templateIds });
    }
    return { tried: tasks.length, more };
  }

  /** Returns whether no node could take any of them. */
  #placeGroup(
    tx: Transaction,
    group: {
      readonly service: Service;
      readonly template: TaskTemplate;
      readonly tasks: readonly Task[];
    },
    context: PlaceContext,
  ): boolean {
    const { service, template } = group;
    const { now, observed, trial } = context;
    const request = { view: tx, ...group, observed, now, trial };
    let refusedByAll = true;
    for (const placement of placeTasks(this.#loads, request)) {
      const { task } = placement;
      if (placement.kind === 'refused') {
        context.refusals.set(task.id, keepSince(placement.reason, task, context));
        continue;
      }
      refusedByAll = false;
      const { nodeId } = placement;
      const { addressReuse } = this;
      const got = allocateTask(tx, { service, template, nodeId, addressReuse, now });
      if (got.kind === 'refused') {
        trial.remove(task.id);
        context.refusals.set(task.id, keepSince(got.reason, task, context));
        continue;
      }
      tx.tasks.put({ ...task, nodeId, addresses: got.addresses });
    }
    return refusedByAll;
  }
}

interface Homeless {
  readonly spec: Service['spec'];
  /** How many tasks wait. */
  readonly count: number;
  readonly templateIds: readonly string[];
}

/** Any node may take it, and no task has to go for it first. */
function isPlain(task: Task): boolean {
  return task.targetNodeId === undefined && (task.desired !== 'ready' || task.generation < 2);
}

interface PlaceContext extends RoundContext {
  readonly placing: Placing;
  readonly trial: Trial;
  readonly refusals: Map<string, Reason>;
}

/** A task that is refused for the same cause again has been waiting since the first time. */
function keepSince(reason: Reason, task: Task, context: RoundContext): Reason {
  const before = context.placementRefusal(task.id);
  return before?.code === reason.code ? { ...reason, since: before.since } : reason;
}

/** Nobody is there to be refused: what goes on without something says so where people look. */
function withLack(service: Service, problem: TuttiError | undefined): Service {
  const { update } = service;
  if (update === undefined || update.lacks === problem?.message) return service;
  const { lacks: _, ...rest } = update;
  return {
    ...service,
    update: problem === undefined ? rest : { ...rest, lacks: problem.message },
  };
}

import { AddressCursors } from '../allocator/addresses.ts';
import { allocateService } from '../allocator/service.ts';
import { allocateTask } from '../allocator/task.ts';
import type { Instant } from '../model/instant.ts';
import type { Observed } from '../model/observed.ts';
import type { Reason } from '../model/reason.ts';
import type { ObservedTask, Task } from '../model/task.ts';
import { reconcile, type Wake } from '../orchestrator/reconcile.ts';
import { recordEnd } from '../orchestrator/record-end.ts';
import { applySteps } from '../orchestrator/step.ts';
import type { Unit } from '../orchestrator/unit.ts';
import { NodeLoads, type Trial } from '../scheduler/node-loads.ts';
import { placeTasks } from '../scheduler/place-tasks.ts';
import type { Change, Transaction, View } from '../store/view.ts';

/** What one transaction of the planner is to look at. */
export interface RoundWork {
  readonly units: Iterable<Unit>;
  /** Ends that agents reported and that may not be durable yet. */
  readonly ends: Iterable<ReportedEnd>;
  /** Services whose tasks without a node may find one now. */
  readonly place: Iterable<string>;
}

export interface ReportedEnd {
  readonly observed: ObservedTask;
  readonly runningSince?: Instant;
}

export interface RoundContext {
  readonly now: Instant;
  readonly observed: Observed;
  newId(): string;
  placementRefusal(taskId: string): Reason | undefined;
  /** About how many rows the transaction may change. */
  readonly stepLimit: number;
}

export interface RoundOutcome {
  /** What did not fit: for the next transaction. */
  readonly left: { readonly units: readonly Unit[]; readonly place: readonly string[] };
  readonly wakes: ReadonlyMap<string, Wake | undefined>;
  /** Tasks that could not be placed, and why. */
  readonly refusals: ReadonlyMap<string, Reason>;
  /** To be called when the transaction does not become durable. */
  undo(): void;
}

/** Plans and writes in one transaction; an interface, so that a test can plant a fault. */
export interface Rounds {
  readonly cursors: AddressCursors;
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
  readonly cursors = new AddressCursors();
  readonly #loads: NodeLoads;

  constructor(view: View) {
    this.#loads = new NodeLoads(view);
  }

  run(tx: Transaction, work: RoundWork, context: RoundContext): RoundOutcome {
    const trial = this.#loads.trial();
    try {
      return this.#run(tx, work, { ...context, trial });
    } catch (error) {
      trial.undo();
      throw error;
    }
  }

  committed(change: Change): void {
    this.#loads.apply(change);
    if (change.table === 'networks' && change.after === undefined) this.cursors.forget(change.id);
  }

  reload(): void {
    this.#loads.reload();
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
    const later: string[] = [];
    let placed = 0;
    for (const serviceId of new Set([...work.place, ...unplaced])) {
      if (placed >= stepLimit) later.push(serviceId);
      else placed += this.#place(tx, serviceId, { ...context, refusals });
    }
    return { left: { units: left, place: later }, wakes, refusals, undo: () => trial.undo() };
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
      const { service } = allocateService(tx, row, this.cursors);
      if (service !== row) tx.services.put(service);
    }
  }

  /** Returns how many tasks got a node. */
  #place(
    tx: Transaction,
    serviceId: string,
    context: RoundContext & { readonly trial: Trial; readonly refusals: Map<string, Reason> },
  ): number {
    const service = tx.services.get(serviceId);
    if (service === undefined) return 0;
    const byTemplate = new Map<string, Task[]>();
    for (const task of tx.tasks.by('unplaced', serviceId)) {
      const tasks = byTemplate.get(task.templateId);
      if (tasks === undefined) byTemplate.set(task.templateId, [task]);
      else tasks.push(task);
    }
    let count = 0;
    for (const [templateId, tasks] of byTemplate) {
      const template = tx.templates.get(templateId);
      if (template === undefined) continue;
      const { now, observed, trial } = context;
      const request = { view: tx, service, template, tasks, observed, now, trial };
      for (const placement of placeTasks(this.#loads, request)) {
        const { task } = placement;
        if (placement.kind === 'refused') {
          context.refusals.set(task.id, keepSince(placement.reason, task, context));
          continue;
        }
        const got = allocateTask(tx, { service, template, cursors: this.cursors, now });
        if (got.kind === 'refused') {
          trial.remove(task.id);
          context.refusals.set(task.id, keepSince(got.reason, task, context));
          continue;
        }
        tx.tasks.put({ ...task, nodeId: placement.nodeId, addresses: got.addresses });
        count += 1;
      }
    }
    return count;
  }
}

/** A task that is refused for the same cause again has been waiting since the first time. */
function keepSince(reason: Reason, task: Task, context: RoundContext): Reason {
  const before = context.placementRefusal(task.id);
  return before?.code === reason.code ? { ...reason, since: before.since } : reason;
}

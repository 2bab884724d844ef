import type { Unit } from '../orchestrator/unit.ts';
import { unitKey } from '../orchestrator/unit.ts';
import { UnitQueue } from '../orchestrator/unit-queue.ts';

/**
 * `anew`: all tasks that wait are tried. `room`: they are where one of the nodes on which something
 * changed may take them. `on`: those that were not tried since the last event, because there are
 * more than fit into one transaction.
 */
export type Placing = 'anew' | 'room' | 'on';

/** How much of the work one transaction takes. */
export interface WorkLimits {
  readonly units: number;
  readonly ends: number;
}

/** What the planner has to look at: three sets, in which everything is once. */
export class PlannerWork {
  readonly units = new UnitQueue();
  /** Tasks whose end was reported. */
  readonly ends = new Set<string>();
  /** Services with tasks that wait for a node. */
  readonly place = new Map<string, Placing>();
  /** Nodes that may have room for them. */
  readonly room = new Set<string>();

  get isEmpty(): boolean {
    return this.units.size === 0 && this.ends.size === 0 && this.place.size === 0;
  }

  addUnits(units: Iterable<Unit>): void {
    for (const unit of units) this.units.add(unit);
  }

  addPlace(serviceId: string, placing: Placing = 'anew'): void {
    const before = this.place.get(serviceId) ?? placing;
    this.place.set(serviceId, before === placing ? placing : 'anew');
  }

  add(other: PlannerWork): void {
    this.addUnits(other.units);
    for (const taskId of other.ends) this.ends.add(taskId);
    for (const [serviceId, placing] of other.place) this.addPlace(serviceId, placing);
    for (const nodeId of other.room) this.room.add(nodeId);
  }

  /** Takes out what one transaction is to do, the widest units first. */
  take(limits: WorkLimits): PlannerWork {
    const taken = new PlannerWork();
    while (taken.units.size < limits.units) {
      const unit = this.units.take();
      if (unit === undefined) break;
      taken.units.add(unit);
    }
    for (const taskId of this.ends) {
      if (taken.ends.size >= limits.ends) break;
      taken.ends.add(taskId);
      this.ends.delete(taskId);
    }
    for (const [serviceId, placing] of this.place) taken.place.set(serviceId, placing);
    this.place.clear();
    for (const nodeId of this.room) taken.room.add(nodeId);
    this.room.clear();
    return taken;
  }

  /** Each thing by itself, named for a log line. */
  *parts(): Generator<{ readonly name: string; readonly work: PlannerWork }> {
    for (const unit of this.units) {
      const work = new PlannerWork();
      work.units.add(unit);
      yield { name: unitKey(unit), work };
    }
    for (const taskId of this.ends) {
      const work = new PlannerWork();
      work.ends.add(taskId);
      yield { name: `end/${taskId}`, work };
    }
    for (const [serviceId, placing] of this.place) {
      const work = new PlannerWork();
      work.place.set(serviceId, placing === 'room' ? 'anew' : placing);
      yield { name: `place/${serviceId}`, work };
    }
  }
}

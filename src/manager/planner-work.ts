import { type Unit, unitKey } from '../orchestrator/unit.ts';

/** What the planner has to look at: three sets, in which everything is once. */
export class PlannerWork {
  readonly units = new Map<string, Unit>();
  /** Tasks whose end was reported. */
  readonly ends = new Set<string>();
  /** Services with tasks that wait for a node. */
  readonly place = new Set<string>();

  get isEmpty(): boolean {
    return this.units.size === 0 && this.ends.size === 0 && this.place.size === 0;
  }

  addUnits(units: Iterable<Unit>): void {
    for (const unit of units) this.units.set(unitKey(unit), unit);
  }

  add(other: PlannerWork): void {
    for (const [key, unit] of other.units) this.units.set(key, unit);
    for (const taskId of other.ends) this.ends.add(taskId);
    for (const serviceId of other.place) this.place.add(serviceId);
  }

  /** Each thing by itself, named for a log line. */
  *parts(): Generator<{ readonly name: string; readonly work: PlannerWork }> {
    for (const [key, unit] of this.units) {
      const work = new PlannerWork();
      work.units.set(key, unit);
      yield { name: key, work };
    }
    for (const taskId of this.ends) {
      const work = new PlannerWork();
      work.ends.add(taskId);
      yield { name: `end/${taskId}`, work };
    }
    for (const serviceId of this.place) {
      const work = new PlannerWork();
      work.place.add(serviceId);
      yield { name: `place/${serviceId}`, work };
    }
  }
}

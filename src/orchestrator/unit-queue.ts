import type { Unit } from './unit.ts';
import { unitKey } from './unit.ts';

/** Wide units before narrow ones, so that a slot is seen after what its service or node decided. */
const order: readonly Unit['kind'][] = [
  'node',
  'dependencies',
  'service',
  'scale',
  'slot',
  'update',
  'moves',
  'template',
  'network',
];

/** Units of one kind, and how far they were taken. */
class Lane {
  readonly units = new Map<string, Unit>();
  #next = this.units.values();

  /**
   * The oldest one. The iterator is kept, because a new one would step over all that was taken
   * before; it goes on with what is added meanwhile.
   */
  first(): Unit | undefined {
    if (this.units.size === 0) return undefined;
    const found = this.#next.next();
    if (found.done !== true) return found.value;
    this.#next = this.units.values();
    return this.#next.next().value;
  }
}

/** Distinct units, taken in the order of their kinds; within a kind as they came. */
export class UnitQueue implements Iterable<Unit> {
  readonly #lanes = new Map<Unit['kind'], Lane>(order.map((kind) => [kind, new Lane()]));
  #size = 0;

  constructor(units: Iterable<Unit> = []) {
    for (const unit of units) this.add(unit);
  }

  get size(): number {
    return this.#size;
  }

  add(unit: Unit): void {
    const units = this.#lanes.get(unit.kind)?.units;
    if (units === undefined) return;
    const before = units.size;
    units.set(unitKey(unit), unit);
    this.#size += units.size - before;
  }

  take(): Unit | undefined {
    for (const lane of this.#lanes.values()) {
      const unit = lane.first();
      if (unit === undefined) continue;
      lane.units.delete(unitKey(unit));
      this.#size -= 1;
      return unit;
    }
    return undefined;
  }

  *[Symbol.iterator](): Generator<Unit> {
    for (const { units } of this.#lanes.values()) yield* units.values();
  }
}

import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import type { Unit } from './unit.ts';
import { unitKey } from './unit.ts';
import { UnitQueue } from './unit-queue.ts';

const kinds = ['node', 'dependencies', 'service', 'scale', 'slot', 'update', 'template', 'network'];

function unit(kind: string, id: number): Unit {
  const ids = { serviceId: `${id}`, slotKey: `${id}`, nodeId: `${id}` };
  return { kind, ...ids, templateId: `${id}`, networkId: `${id}` } as unknown as Unit;
}

/** The same, as dumb as can be: a list that is searched. */
class List {
  readonly units: Unit[] = [];

  add(one: Unit): void {
    if (!this.units.some((other) => unitKey(other) === unitKey(one))) this.units.push(one);
  }

  take(): Unit | undefined {
    for (const kind of kinds) {
      const at = this.units.findIndex((one) => one.kind === kind);
      if (at >= 0) return this.units.splice(at, 1)[0];
    }
    return undefined;
  }
}

test('units come once each, wide before narrow, and within a kind as they were added', () => {
  const step = fc.oneof(
    { weight: 3, arbitrary: fc.tuple(fc.constantFrom(...kinds), fc.nat({ max: 5 })) },
    { weight: 2, arbitrary: fc.constant('take' as const) },
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (script) => {
      const queue = new UnitQueue();
      const list = new List();
      for (const one of script) {
        if (one === 'take') {
          assert.deepEqual(queue.take(), list.take());
        } else {
          queue.add(unit(...one));
          list.add(unit(...one));
        }
        assert.equal(queue.size, list.units.length);
        assert.deepEqual(new Set(Array.from(queue, unitKey)), new Set(list.units.map(unitKey)));
      }
    }),
  );
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { changedKeys, LayeredMap } from './layered-map.ts';

const key = fc.nat({ max: 200 });
const step = fc.oneof(
  fc.record({ kind: fc.constant('set' as const), key, value: fc.nat({ max: 3 }) }),
  fc.record({ kind: fc.constant('delete' as const), key }),
  fc.record({ kind: fc.constant('copy' as const) }),
);

test('it is a Map, and its copies stay as they were', () => {
  fc.assert(
    fc.property(fc.nat({ max: 150 }), fc.array(step, { maxLength: 300 }), (size, steps) => {
      const rows = Array.from({ length: size }, (_, index) => [index, index % 3] as const);
      const plain = new Map<number, number>(rows);
      const layered = new LayeredMap<number, number>(rows);
      const copies: (readonly [ReadonlyMap<number, number>, Map<number, number>])[] = [];
      for (const one of steps) {
        if (one.kind === 'set') {
          plain.set(one.key, one.value);
          layered.set(one.key, one.value);
        } else if (one.kind === 'delete') {
          assert.equal(layered.delete(one.key), plain.delete(one.key));
        } else copies.push([layered.snapshot(), new Map(plain)]);
        assert.equal(layered.size, plain.size);
      }
      copies.push([layered, plain]);
      for (const [copy, wanted] of copies) {
        assert.deepEqual([...copy], [...wanted]);
        assert.deepEqual([...copy.keys()], [...wanted.keys()]);
        assert.deepEqual([...copy.values()], [...wanted.values()]);
        for (let one = 0; one <= 200; one += 1) {
          assert.equal(copy.get(one), wanted.get(one));
          assert.equal(copy.has(one), wanted.has(one));
        }
      }
      for (const [before, plainBefore] of copies) {
        for (const [after, plainAfter] of copies) {
          const sorted = (keys: readonly number[]) => keys.toSorted((left, right) => left - right);
          assert.deepEqual(
            sorted(changedKeys(before, after)),
            sorted(changedKeys(plainBefore, plainAfter)),
          );
        }
      }
    }),
    { numRuns: 100 },
  );
});

test('a copy is the same object until something changes', () => {
  const map = new LayeredMap([['a', 1]]);
  const copy = map.snapshot();
  assert.equal(map.snapshot(), copy);
  map.set('a', 2);
  assert.notEqual(map.snapshot(), copy);
  assert.equal(copy.get('a'), 1);
});

test('two copies that follow on each other are compared by what changed alone', () => {
  const count = 10_000;
  const map = new LayeredMap<number, number>(
    Array.from({ length: count }, (_, index) => [index, 0] as const),
  );
  let before = map.snapshot();
  for (let turn = 0; turn < 500; turn += 1) {
    map.set(turn, 1).set(count + turn, 1);
    map.delete(count - 1 - turn);
    const after = map.snapshot();
    assert.ok(after instanceof LayeredMap && before instanceof LayeredMap);
    const looked = after.keysBeside(before);
    assert.ok(looked !== undefined, 'all were looked at');
    // Twice as many as there may be beside the base, and those of the base before.
    assert.ok(looked.size <= 3 * (Math.sqrt(count) + 3), `${looked.size} were looked at`);
    assert.equal(changedKeys(before, after).length, 3);
    before = after;
  }
});

test('an undefined value is a value', () => {
  const map = new LayeredMap<string, undefined>();
  const before = map.snapshot();
  map.set('a', undefined);
  assert.ok(map.has('a'));
  assert.deepEqual(changedKeys(before, map.snapshot()), ['a']);
});

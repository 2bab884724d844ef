import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { FollowedMap } from './followed-map.ts';
import { LayeredMap } from './layered-map.ts';

interface Row {
  readonly name: string;
  readonly place: string;
}

const rowsOf = fc.dictionary(
  fc.constantFrom('a', 'b', 'c', 'd'),
  fc.record({ name: fc.constantFrom('x', 'y'), place: fc.constantFrom('here', 'there') }),
);
const worldOf = fc.record({ here: fc.nat({ max: 2 }), there: fc.nat({ max: 2 }) });

test('what came and what went turns one step’s values into those of all rows', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(rowsOf, worldOf), { maxLength: 8 }), (steps) => {
      const followed = new FollowedMap<Row, { readonly text: string }>();
      const known = new Map<string, Row>();
      const held = new Set<{ readonly text: string }>();
      for (const [rows, world] of steps) {
        const numbers = new Map(Object.entries(world));
        const textOf = ({ name, place }: Row): string => `${name} ${numbers.get(place)}`;
        const all = new Map(
          Object.entries(rows).map(([key, row]) => {
            const text = JSON.stringify(row);
            const same = known.get(text) ?? row;
            known.set(text, same);
            return [key, same] as const;
          }),
        );
        const { come, gone } = followed.follow(all, {
          context: [world.here, world.there],
          inputsOf: ({ place }) => [numbers.get(place)],
          compute: (row) => ({ text: textOf(row) }),
        });
        for (const one of gone) assert.ok(held.delete(one));
        for (const one of come) held.add(one);
        const wanted = Object.fromEntries([...all].map(([key, row]) => [key, textOf(row)]));
        const values = [...followed.values];
        assert.deepEqual(Object.fromEntries(values.map(([key, { text }]) => [key, text])), wanted);
        assert.deepEqual(held, new Set(values.map(([, value]) => value)));
      }
    }),
  );
});

test('of thousands of rows only the one that changed is looked at', () => {
  const count = 10_000;
  const rows = new LayeredMap<string, Row>(
    Array.from({ length: count }, (_, index) => [`${index}`, { name: 'x', place: 'here' }]),
  );
  const followed = new FollowedMap<Row, string>();
  let looked = 0;
  const step = (world: string) =>
    followed.follow(rows.snapshot(), {
      context: [world],
      inputsOf: () => {
        looked += 1;
        return [];
      },
      compute: ({ name }) => name,
    });
  step('one');
  looked = 0;
  rows.set('7', { name: 'y', place: 'here' });
  assert.deepEqual(step('one'), { come: ['y'], gone: ['x'] });
  assert.equal(looked, 1);
  assert.deepEqual(step('two'), { come: [], gone: [] });
  assert.equal(looked, count + 1);
});

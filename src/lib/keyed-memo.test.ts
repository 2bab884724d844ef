import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { KeyedMemo } from './keyed-memo.ts';

test('a value is computed again only where its inputs are others', () => {
  const memo = new KeyedMemo<string>();
  let computed = 0;
  const ask = (key: string, ...inputs: readonly unknown[]): string =>
    memo.get(key, inputs, () => {
      computed += 1;
      return `${key}${computed}`;
    });
  const row = {};
  const first = ask('a', row, 1);
  memo.endRound();
  assert.equal(ask('a', row, 1), first);
  memo.endRound();
  assert.equal(computed, 1);
  for (const inputs of [[{}, 1], [row, 2], [row], [row, 2, 3]]) {
    const before: number = computed;
    ask('a', ...inputs);
    memo.endRound();
    assert.equal(computed, before + 1);
  }
});

test('what came and what went in a round turns one round’s values into the next one’s', () => {
  const round = fc.dictionary(fc.constantFrom('a', 'b', 'c', 'd'), fc.nat({ max: 2 }));
  fc.assert(
    fc.property(fc.array(round, { maxLength: 6 }), (rounds) => {
      const memo = new KeyedMemo<{ readonly text: string }>();
      const held = new Set<{ readonly text: string }>();
      for (const values of rounds) {
        for (const [key, value] of Object.entries(values)) {
          memo.get(key, [value], () => ({ text: `${key}=${value}` }));
        }
        const { come, gone } = memo.endRound();
        for (const one of gone) assert.ok(held.delete(one));
        for (const one of come) held.add(one);
        assert.deepEqual(
          [...held].map(({ text }) => text).toSorted(),
          Object.entries(values)
            .map(([key, value]) => `${key}=${value}`)
            .toSorted(),
        );
      }
    }),
  );
});

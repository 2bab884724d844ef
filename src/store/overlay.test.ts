import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import type { Layer } from './layer.ts';
import { Overlay } from './overlay.ts';
import { Table } from './table.ts';

interface Item {
  readonly id: string;
  readonly colour: string;
  /** May name a key twice. */
  readonly tags: readonly string[];
}

const indexes = {
  colour: (item: Item) => [item.colour],
  tags: (item: Item) => item.tags,
};

const colours = ['red', 'green', 'blue'];
const tags = ['a', 'b', 'c'];
const ids = ['1', '2', '3', '4', '5'];

/** The dumb version: lists in order of arrival, searched and copied whole. */
class Model {
  rows: Item[] = [];
  buckets: Record<string, string[]> = {};

  copy(): Model {
    const other = new Model();
    other.rows = [...this.rows];
    other.buckets = structuredClone(this.buckets);
    return other;
  }

  set(id: string, after: Item | undefined): void {
    const before = this.rows.find((row) => row.id === id);
    if (after === undefined) this.rows = this.rows.filter((row) => row.id !== id);
    else if (before === undefined) this.rows.push(after);
    else this.rows = this.rows.map((row) => (row.id === id ? after : row));
    for (const key of keysOf(before)) {
      if (!keysOf(after).includes(key)) {
        this.buckets[key] = (this.buckets[key] ?? []).filter((one) => one !== id);
      }
    }
    for (const key of keysOf(after)) {
      if (!keysOf(before).includes(key)) this.buckets[key] = [...(this.buckets[key] ?? []), id];
    }
  }
}

function keysOf(item: Item | undefined): readonly string[] {
  if (item === undefined) return [];
  return [...new Set([`colour/${item.colour}`, ...item.tags.map((tag) => `tags/${tag}`)])];
}

function assertReadsAs(layer: Layer<Item>, model: Model): void {
  assert.equal(layer.size, model.rows.length);
  assert.deepEqual([...layer.all()], model.rows);
  for (const id of ids) {
    assert.equal(
      layer.get(id),
      model.rows.find((row) => row.id === id),
    );
  }
  for (const [index, keys] of [
    ['colour', colours],
    ['tags', tags],
  ] as const) {
    for (const key of keys) {
      const expected = model.buckets[`${index}/${key}`] ?? [];
      assert.deepEqual(
        Array.from(layer.by(index, key), (row) => row.id),
        expected,
      );
      assert.equal(layer.count(index, key), expected.length);
    }
    assert.deepEqual(
      [...layer.keys(index)].toSorted(),
      keys.filter((key) => (model.buckets[`${index}/${key}`] ?? []).length > 0).toSorted(),
    );
  }
}

const anyItem = fc.record({
  id: fc.constantFrom(...ids),
  colour: fc.constantFrom(...colours),
  tags: fc.array(fc.constantFrom(...tags), { maxLength: 3 }),
});
const anyWrite = fc.oneof(anyItem, fc.constantFrom(...ids));
/** Writes of one closure, and whether it throws at its end. */
const anyClosure = fc.record({ writes: fc.array(anyWrite, { maxLength: 6 }), fails: fc.boolean() });
const anyBatch = fc.record({
  closures: fc.array(anyClosure, { maxLength: 4 }),
  fails: fc.boolean(),
});

describe('tables with overlays', () => {
  it('read as dumb lists do, through closures that throw and commits that fail', () => {
    fc.assert(
      fc.property(fc.array(anyBatch, { maxLength: 6 }), (batches) => {
        const table = new Table(indexes);
        let durable = new Model();
        for (const batch of batches) {
          const pending = new Overlay(table);
          let expected = durable.copy();
          for (const closure of batch.closures) {
            const own = new Overlay(pending);
            const ownExpected = expected.copy();
            for (const write of closure.writes) {
              if (typeof write === 'string') own.delete(write);
              else own.put(write);
              if (typeof write === 'string') ownExpected.set(write, undefined);
              else ownExpected.set(write.id, write);
              assertReadsAs(own, ownExpected);
            }
            assertReadsAs(pending, expected);
            if (closure.fails) continue;
            own.absorbInto(pending);
            expected = ownExpected;
            assertReadsAs(pending, expected);
          }
          assertReadsAs(table, durable);
          if (batch.fails) continue;
          pending.absorbInto(table);
          durable = expected;
          assertReadsAs(table, durable);
        }
      }),
      { numRuns: 500 },
    );
  });

  it('let a walk move the rows that it visits to another key', () => {
    const table = new Table(indexes);
    for (const id of ids) table.insert({ id, colour: 'red', tags: [] });
    const overlay = new Overlay(table);
    overlay.put({ id: '6', colour: 'red', tags: [] });
    overlay.put({ id: '7', colour: 'red', tags: [] });
    const visited: string[] = [];
    for (const item of overlay.by('colour', 'red')) {
      visited.push(item.id);
      overlay.put({ ...item, colour: 'blue' });
    }
    assert.deepEqual(visited, [...ids, '6', '7']);
    assert.equal(overlay.count('colour', 'red'), 0);
    assert.equal(overlay.count('colour', 'blue'), 7);
    assert.equal(table.count('colour', 'red'), 5);
  });

  it('touch no index whose keys stay as they were', () => {
    let computed = 0;
    const table = new Table<Item>({
      colour: (item) => {
        computed += 1;
        return [item.colour];
      },
    });
    for (let n = 0; n < 1_000; n += 1) table.insert({ id: `${n}`, colour: 'red', tags: [] });
    computed = 0;
    const overlay = new Overlay(table);
    overlay.put({ id: '500', colour: 'red', tags: ['a'] });
    overlay.absorbInto(table);
    assert.equal(computed, 2);
    assert.deepEqual(
      Array.from(table.by('colour', 'red'), (item) => item.id),
      Array.from({ length: 1_000 }, (_, n) => `${n}`),
    );
  });

  it('refuse an index that does not exist, and writes after the end', () => {
    const table = new Table(indexes);
    assert.throws(() => table.by('shape', 'x'), /no index shape/);
    const overlay = new Overlay(table);
    overlay.seal();
    assert.throws(() => overlay.put({ id: '1', colour: 'red', tags: [] }), /was over/);
    assert.throws(() => overlay.delete('1'), /was over/);
  });
});

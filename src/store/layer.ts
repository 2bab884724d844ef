import { assert } from '../lib/assert.ts';
import type { Bucket } from './bucket.ts';
import type { IndexKeys } from './schema.ts';

/** What every row has. */
export interface AnyRow {
  readonly id: string;
}

export type Indexes<Row> = Readonly<Record<string, IndexKeys<Row>>>;

/** One index: key → ids. */
export type Filing = Map<string, Bucket>;

/**
 * A table's contents at one point: the durable table, or an overlay of changes on another layer.
 * Reading is the same everywhere; the four writing functions are the primitives below `put` and
 * `delete`.
 */
export interface Layer<Row extends AnyRow> {
  readonly indexes: Indexes<Row>;
  readonly size: number;
  get(id: string): Row | undefined;
  all(): Iterable<Row>;
  by(index: string, key: string): Iterable<Row>;
  count(index: string, key: string): number;
  keys(index: string): Iterable<string>;

  /** Sets the row and files nothing. A new id goes to the end, a known one keeps its place. */
  setRow(row: Row): void;
  /** Removes the row, which must be there, and files nothing. */
  removeRow(id: string): void;
  file(index: string, key: string, id: string): void;
  unfile(index: string, key: string, id: string): void;
}

const noKeys: readonly string[] = [];

/** Brings the indexes from one row of an id to the next: only keys that differ are touched. */
export function refile<Row extends AnyRow>(
  layer: Layer<Row>,
  change: {
    readonly id: string;
    readonly before: Row | undefined;
    readonly after: Row | undefined;
  },
): void {
  const { id, before, after } = change;
  for (const index in layer.indexes) {
    const keysOf = layer.indexes[index];
    assert(keysOf !== undefined, `index ${index} has no function`);
    const beforeKeys = before === undefined ? noKeys : keysOf(before);
    const afterKeys = after === undefined ? noKeys : keysOf(after);
    if (beforeKeys.length === 1 && afterKeys.length === 1 && beforeKeys[0] === afterKeys[0])
      continue;
    for (const key of distinct(beforeKeys)) {
      if (!afterKeys.includes(key)) layer.unfile(index, key, id);
    }
    for (const key of distinct(afterKeys)) {
      if (!beforeKeys.includes(key)) layer.file(index, key, id);
    }
  }
}

/** An index function may name a key twice (one secret in two containers); it is filed once. */
function distinct(keys: readonly string[]): Iterable<string> {
  return keys.length < 2 ? keys : new Set(keys);
}

import { assert } from '../lib/assert.ts';
import { bucketIds, bucketSize, bucketWith, bucketWithout } from './bucket.ts';
import type { AnyRow, Filing, Indexes, Layer } from './layer.ts';
import { refile } from './layer.ts';

/**
 * The durable contents of one table, with its indexes. Only the store changes it, after a commit.
 */
export class Table<Row extends AnyRow> implements Layer<Row> {
  readonly indexes: Indexes<Row>;
  readonly #rows = new Map<string, Row>();
  readonly #filings = new Map<string, Filing>();

  constructor(indexes: Indexes<Row>) {
    this.indexes = indexes;
    for (const index of Object.keys(indexes)) this.#filings.set(index, new Map());
  }

  get size(): number {
    return this.#rows.size;
  }

  get(id: string): Row | undefined {
    return this.#rows.get(id);
  }

  all(): Iterable<Row> {
    return this.#rows.values();
  }

  by(index: string, key: string): Iterable<Row> {
    const bucket = this.#filing(index).get(key);
    if (bucket === undefined) return [];
    if (typeof bucket === 'string') return [this.#filed(bucket)];
    return this.#walk(bucket);
  }

  count(index: string, key: string): number {
    return bucketSize(this.#filing(index).get(key));
  }

  keys(index: string): Iterable<string> {
    return this.#filing(index).keys();
  }

  /** Inserts a row while the store loads. */
  insert(row: Row): void {
    const before = this.#rows.get(row.id);
    this.#rows.set(row.id, row);
    refile(this, { id: row.id, before, after: row });
  }

  setRow(row: Row): void {
    this.#rows.set(row.id, row);
  }

  removeRow(id: string): void {
    this.#rows.delete(id);
  }

  file(index: string, key: string, id: string): void {
    const filing = this.#filing(index);
    const bucket = filing.get(key);
    const more = bucketWith(bucket, id);
    if (more !== bucket) filing.set(key, more);
  }

  unfile(index: string, key: string, id: string): void {
    const filing = this.#filing(index);
    const bucket = filing.get(key);
    const rest = bucketWithout(bucket, id);
    if (rest === undefined) filing.delete(key);
    else if (rest !== bucket) filing.set(key, rest);
  }

  *#walk(ids: Set<string>): Generator<Row> {
    for (const id of bucketIds(ids)) yield this.#filed(id);
  }

  #filed(id: string): Row {
    const row = this.#rows.get(id);
    assert(row !== undefined, `an index files ${id}, which is not in the table`);
    return row;
  }

  #filing(index: string): Filing {
    const filing = this.#filings.get(index);
    assert(filing !== undefined, `there is no index ${index}`);
    return filing;
  }
}

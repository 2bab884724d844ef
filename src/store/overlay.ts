import { assert } from '../lib/assert.ts';
import { bucketHas, bucketIds, bucketSize, bucketWith, bucketWithout } from './bucket.ts';
import type { AnyRow, Filing, Indexes, Layer } from './layer.ts';
import { refile } from './layer.ts';

/**
 * What an overlay changes in one index: ids taken out of the parent's buckets, ids put behind them.
 */
interface FilingChange {
  readonly removed: Filing;
  readonly added: Filing;
}

/**
 * Changes of one table that are not durable, laid over another layer that they leave as it is.
 * Dropping the overlay undoes them; `absorbInto` hands them down. Everything costs what was
 * changed.
 *
 * For each key: `removed` is a part of the parent's bucket, and `added` holds nothing that the
 * parent's bucket has besides `removed`. So an id that left and came back stands at the end, as if
 * the changes had been made one by one.
 */
export class Overlay<Row extends AnyRow> implements Layer<Row> {
  readonly indexes: Indexes<Row>;
  readonly #parent: Layer<Row>;
  /** `undefined`: the parent has the row and it is deleted here. */
  readonly #rows = new Map<string, Row | undefined>();
  /**
   * Ids of the parent that were deleted here and put again: while they are there, they stand at the
   * end.
   */
  readonly #reborn = new Set<string>();
  readonly #filings = new Map<string, FilingChange>();
  #size: number;
  #sealed = false;

  constructor(parent: Layer<Row>) {
    this.#parent = parent;
    this.indexes = parent.indexes;
    this.#size = parent.size;
  }

  get size(): number {
    return this.#size;
  }

  /** Rows that differ from the parent's, in the order of their arrival; `undefined` is deleted. */
  get changed(): ReadonlyMap<string, Row | undefined> {
    return this.#rows;
  }

  get(id: string): Row | undefined {
    const row = this.#rows.get(id);
    if (row !== undefined || this.#rows.has(id)) return row;
    return this.#parent.get(id);
  }

  all(): Iterable<Row> {
    return this.#rows.size === 0 ? this.#parent.all() : this.#walkAll();
  }

  by(index: string, key: string): Iterable<Row> {
    if (this.#rows.size === 0) return this.#parent.by(index, key);
    return this.#walkBucket(index, key);
  }

  count(index: string, key: string): number {
    const change = this.#filings.get(index);
    const count = this.#parent.count(index, key);
    if (change === undefined) return count;
    return count - bucketSize(change.removed.get(key)) + bucketSize(change.added.get(key));
  }

  keys(index: string): Iterable<string> {
    const change = this.#filings.get(index);
    return change === undefined ? this.#parent.keys(index) : this.#walkKeys(index, change);
  }

  put(row: Row): void {
    assert(!this.#sealed, `put of ${row.id} after its transaction was over`);
    const before = this.get(row.id);
    if (before === row) return;
    this.setRow(row);
    refile(this, { id: row.id, before, after: row });
  }

  delete(id: string): void {
    assert(!this.#sealed, `delete of ${id} after its transaction was over`);
    const before = this.get(id);
    if (before === undefined) return;
    this.removeRow(id);
    refile(this, { id, before, after: undefined });
  }

  /** Ends the writing by `put` and `delete`. */
  seal(): void {
    this.#sealed = true;
  }

  setRow(row: Row): void {
    const { id } = row;
    if (this.get(id) === undefined) {
      this.#size += 1;
      if (this.#rows.delete(id)) this.#reborn.add(id);
    }
    this.#rows.set(id, row);
  }

  removeRow(id: string): void {
    this.#size -= 1;
    this.#rows.delete(id);
    if (this.#parent.get(id) !== undefined) this.#rows.set(id, undefined);
  }

  file(index: string, key: string, id: string): void {
    const { added } = this.#filing(index);
    const bucket = added.get(key);
    const more = bucketWith(bucket, id);
    if (more !== bucket) added.set(key, more);
  }

  unfile(index: string, key: string, id: string): void {
    const { added, removed } = this.#filing(index);
    const bucket = added.get(key);
    if (!bucketHas(bucket, id)) {
      removed.set(key, bucketWith(removed.get(key), id));
      return;
    }
    const rest = bucketWithout(bucket, id);
    if (rest === undefined) added.delete(key);
    else added.set(key, rest);
  }

  /** Makes the same changes in the layer, which must read as this overlay's parent does. */
  absorbInto(layer: Layer<Row>): void {
    for (const [id, row] of this.#rows) {
      if (row === undefined || this.#reborn.has(id)) layer.removeRow(id);
      if (row !== undefined) layer.setRow(row);
    }
    for (const [index, { removed, added }] of this.#filings) {
      for (const [key, bucket] of removed) {
        for (const id of bucketIds(bucket)) layer.unfile(index, key, id);
      }
      for (const [key, bucket] of added) {
        for (const id of bucketIds(bucket)) layer.file(index, key, id);
      }
    }
  }

  *#walkAll(): Generator<Row> {
    for (const row of this.#parent.all()) {
      if (!this.#rows.has(row.id)) yield row;
      else if (!this.#reborn.has(row.id)) {
        const here = this.#rows.get(row.id);
        if (here !== undefined) yield here;
      }
    }
    for (const [id, row] of this.#rows) {
      if (row === undefined) continue;
      if (this.#reborn.has(id) || this.#parent.get(id) === undefined) yield row;
    }
  }

  *#walkBucket(index: string, key: string): Generator<Row> {
    for (const row of this.#parent.by(index, key)) {
      if (bucketHas(this.#filings.get(index)?.removed.get(key), row.id)) continue;
      yield this.#filed(row.id);
    }
    for (const id of bucketIds(this.#filings.get(index)?.added.get(key))) yield this.#filed(id);
  }

  *#walkKeys(index: string, change: FilingChange): Generator<string> {
    for (const key of this.#parent.keys(index)) {
      if (this.count(index, key) > 0) yield key;
    }
    for (const key of change.added.keys()) {
      if (this.#parent.count(index, key) === 0) yield key;
    }
  }

  #filed(id: string): Row {
    const row = this.get(id);
    assert(row !== undefined, `an index files ${id}, which is not in the table`);
    return row;
  }

  #filing(index: string): FilingChange {
    const known = this.#filings.get(index);
    if (known !== undefined) return known;
    const change: FilingChange = { removed: new Map(), added: new Map() };
    this.#filings.set(index, change);
    return change;
  }
}

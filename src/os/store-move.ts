import type { StoredRow, StoreEngine, StoreSnapshot } from '../host/store-engine.ts';
import { TuttiError } from '../lib/error.ts';
import { writeStoreMarker } from './store-marker.ts';

/** An engine that can become what another one was. */
export interface RestorableEngine extends StoreEngine {
  /**
   * Takes over rows, revision, epoch and schema. The engine must be empty; until this resolves,
   * what it holds is worth nothing.
   */
  restore(snapshot: StoreSnapshot): Promise<void>;
}

export interface StoreMoveOptions {
  /** Nobody else writes to it: the manager's store is closed or fenced. */
  readonly from: StoreEngine;
  /** New: what an earlier move that did not end has left was removed. */
  readonly to: RestorableEngine;
  readonly markerPath: string;
}

/**
 * Moves everything from one store engine to another, reads it back and compares, and only then says
 * durably that the other one counts. Whatever ends it before leaves the first one as it was, and
 * the move begins anew.
 *
 * @throws TuttiError `internal` where what was read back differs, or what the engines throw.
 */
export async function moveStore({ from, to, markerPath }: StoreMoveOptions): Promise<void> {
  await writeStoreMarker(markerPath, 'moving');
  await to.restore(await from.load());
  compare(await from.load(), await to.load());
  await writeStoreMarker(markerPath, 'etcd');
}

function compare(before: StoreSnapshot, after: StoreSnapshot): void {
  for (const field of ['schemaVersion', 'epoch', 'revision'] as const) {
    if (before[field] === after[field]) continue;
    throw differs(`${field} ${before[field]} became ${after[field]}`);
  }
  const copies = after.rows[Symbol.iterator]();
  for (const row of before.rows) {
    const copy = copies.next();
    if (copy.done === true || !isSame(row, copy.value)) {
      throw differs(`the row ${row.table}/${row.id} is not the same`);
    }
  }
  const extra = copies.next();
  if (extra.done !== true) throw differs(`it has ${extra.value.table}/${extra.value.id} as well`);
}

function isSame(one: StoredRow, other: StoredRow): boolean {
  return one.table === other.table && one.id === other.id && one.value === other.value;
}

function differs(how: string): TuttiError {
  return new TuttiError('internal', `the copy of the store differs from the store: ${how}`, {
    hint: 'Nothing was changed: the manager goes on with the store that it had.',
  });
}

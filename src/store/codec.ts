import type { StoredChange, StoredRow } from '../host/store-engine.ts';
import { TuttiError } from '../lib/error.ts';
import type { AnyRow } from './layer.ts';
import type { Change } from './view.ts';

/** A change as engines keep it: JSON text, without absent properties. */
export function encodeChange(change: Change): StoredChange {
  const { table, id, after } = change;
  if (after === undefined) return { kind: 'delete', table, id };
  return { kind: 'put', table, id, value: JSON.stringify(after) };
}

/** Throws `failed-precondition` when the text is no row of that id. */
export function decodeRow(stored: StoredRow): AnyRow {
  let value: unknown;
  try {
    value = JSON.parse(stored.value);
  } catch (cause) {
    throw damaged(stored, cause);
  }
  if (typeof value !== 'object' || value === null || !('id' in value) || value.id !== stored.id) {
    throw damaged(stored, undefined);
  }
  return value as AnyRow;
}

function damaged(stored: StoredRow, cause: unknown): TuttiError {
  return new TuttiError(
    'failed-precondition',
    `the stored row ${stored.table}/${stored.id} is damaged: it is not the JSON of that row`,
    { hint: 'Restore the data directory from a backup.', cause },
  );
}

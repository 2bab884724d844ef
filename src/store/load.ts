import type { StoredChange, StoredRow, StoreEngine, StoreSnapshot } from '../host/store-engine.ts';
import { TuttiError } from '../lib/error.ts';
import { decodeRow } from './codec.ts';
import type { Migration } from './migrations.ts';
import { applied, migrate, schemaVersionOf } from './migrations.ts';
import type { Overlays, Tables } from './tables.ts';
import { emptyTables, isTableName } from './tables.ts';

/** Everything that an engine holds, decoded. */
export interface Loaded {
  readonly tables: Tables;
  readonly revision: number;
}

/**
 * Loads all tables; a store of an older schema is brought to the current one first, durably.
 * Throws `failed-precondition` (damaged, or written by a newer program), or whatever keeps the
 * migration from being committed.
 */
export async function loadTables(
  engine: StoreEngine,
  options: { readonly migrations: readonly Migration[] },
): Promise<Loaded> {
  const snapshot = await engine.load();
  if (snapshot.schemaVersion === schemaVersionOf(options.migrations)) {
    return { tables: decodeAll(snapshot.rows), revision: snapshot.revision };
  }
  return await loadMigrated(engine, { snapshot, migrations: options.migrations });
}

/**
 * Loads all tables and writes nothing. Throws as `loadTables` does, and `unavailable` for a store
 * of an older schema.
 */
export async function loadFollowed(
  engine: StoreEngine,
  options: { readonly migrations: readonly Migration[] },
): Promise<Loaded> {
  const { schemaVersion, rows, revision } = await engine.load();
  checkSchemaVersion(schemaVersion, schemaVersionOf(options.migrations));
  return { tables: decodeAll(rows), revision };
}

/** One change as another manager wrote it. Throws as `loadTables` does. */
export function applyStored(change: StoredChange, overlays: Overlays): void {
  if (change.kind === 'schema-version') {
    throw new TuttiError(
      'failed-precondition',
      `the leader has brought the store to schema version ${change.version}`,
      { hint: 'Start the newer program that the leader runs.' },
    );
  }
  const overlay = isTableName(change.table) ? overlays.get(change.table) : undefined;
  if (overlay === undefined) throw unknownTable(change.table);
  if (change.kind === 'delete') overlay.delete(change.id);
  else overlay.put(decodeRow(change));
}

function checkSchemaVersion(found: number, known: number): void {
  if (found === known) return;
  if (found > known) {
    throw new TuttiError(
      'failed-precondition',
      `the store has schema version ${found}, this program knows up to ${known}`,
      { hint: 'Start the newer program that the leader runs.' },
    );
  }
  throw new TuttiError(
    'unavailable',
    `the store has schema version ${found}, and its leader has not brought it to ${known} yet`,
  );
}

function unknownTable(table: string): TuttiError {
  return new TuttiError(
    'failed-precondition',
    `the store has a row in table ${table}, which this program does not know`,
  );
}

async function loadMigrated(
  engine: StoreEngine,
  from: { readonly snapshot: StoreSnapshot; readonly migrations: readonly Migration[] },
): Promise<Loaded> {
  const { epoch, revision, schemaVersion } = from.snapshot;
  const rows = [...from.snapshot.rows];
  const changes = migrate({ schemaVersion, rows }, from.migrations);
  const outcome = await engine.commit(changes, { epoch, revision });
  if (outcome.kind !== 'committed') {
    const why = outcome.kind === 'refused' ? 'another manager holds the store' : outcome.message;
    const version = schemaVersionOf(from.migrations);
    const isFull = outcome.kind === 'failed' && outcome.code === 'disk-full';
    throw new TuttiError(
      isFull ? 'resource-exhausted' : 'unavailable',
      `the store could not be brought to schema version ${version}: ${why}`,
    );
  }
  return { tables: decodeAll(applied(rows, changes)), revision: revision + 1 };
}

function decodeAll(rows: Iterable<StoredRow>): Tables {
  const tables = emptyTables();
  for (const stored of rows) {
    const table = isTableName(stored.table) ? tables.get(stored.table) : undefined;
    if (table === undefined) throw unknownTable(stored.table);
    table.insert(decodeRow(stored));
  }
  return tables;
}

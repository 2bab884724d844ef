import type { StoredRow, StoreEngine, StoreSnapshot } from '../host/store-engine.ts';
import { TuttiError } from '../lib/error.ts';
import { decodeRow } from './codec.ts';
import type { Migration } from './migrations.ts';
import { applied, migrate, schemaVersionOf } from './migrations.ts';
import type { Tables } from './tables.ts';
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
    if (table === undefined) {
      throw new TuttiError(
        'failed-precondition',
        `the store has a row in table ${stored.table}, which this program does not know`,
      );
    }
    table.insert(decodeRow(stored));
  }
  return tables;
}

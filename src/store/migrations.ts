import type { StoredChange, StoredRow, StoreSnapshot } from '../host/store-engine.ts';
import { TuttiError } from '../lib/error.ts';

/**
 * One step forward of the schema. It sees every row as stored and says what to change; it must not
 * depend on the current row types, which will have moved on.
 */
export type Migration = (rows: readonly StoredRow[]) => readonly StoredChange[];

/** The n-th of these (from 0) leads from version n + 1 to n + 2. Only ever appended to. */
export const migrations: readonly Migration[] = [
  // The table `roots` came. A program that does not know it could not read the store: it shall say
  // so. The root itself takes keys and dice; the manager makes it when it starts.
  () => [],
  // Secrets are sealed on their way to the engine. Written once more, those in the clear are, too.
  (rows) => rows.filter(holdsSecrets).map((row) => ({ kind: 'put', ...row })),
  // The table `attachments` came. A program that does not know it would give their addresses away.
  () => [],
];

function holdsSecrets({ table }: StoredRow): boolean {
  return table === 'secrets' || table === 'services' || table === 'clusters';
}

/** The schema version that a program with these migrations writes. */
export function schemaVersionOf(steps: readonly Migration[]): number {
  return steps.length + 1;
}

/**
 * What brings a loaded store to the program's schema version: all of it belongs in one commit.
 * Empty when it is there already. A store that was never written has version 0 and no rows. Throws
 * `failed-precondition` when the store was written by a newer program.
 */
export function migrate(
  snapshot: Pick<StoreSnapshot, 'schemaVersion'> & { readonly rows: readonly StoredRow[] },
  steps: readonly Migration[],
): readonly StoredChange[] {
  const target = schemaVersionOf(steps);
  const { schemaVersion } = snapshot;
  if (schemaVersion === target) return [];
  if (schemaVersion > target) {
    throw new TuttiError(
      'failed-precondition',
      `the store has schema version ${schemaVersion}, this program knows up to ${target}`,
      {
        hint: 'Start the newer program that wrote it, or restore a backup from before the upgrade.',
      },
    );
  }
  let rows = snapshot.rows;
  const changes = new Map<string, StoredChange>();
  for (const step of steps.slice(Math.max(schemaVersion, 1) - 1)) {
    const made = step(rows);
    for (const change of made) {
      if (change.kind !== 'schema-version') changes.set(`${change.table}/${change.id}`, change);
    }
    rows = applied(rows, made);
  }
  return [...changes.values(), { kind: 'schema-version', version: target }];
}

/** The rows after the changes; a new row goes to the end. */
export function applied(
  rows: Iterable<StoredRow>,
  changes: readonly StoredChange[],
): readonly StoredRow[] {
  const result = new Map<string, StoredRow>();
  for (const row of rows) result.set(`${row.table}/${row.id}`, row);
  for (const change of changes) {
    if (change.kind === 'schema-version') continue;
    const key = `${change.table}/${change.id}`;
    if (change.kind === 'delete') result.delete(key);
    else result.set(key, { table: change.table, id: change.id, value: change.value });
  }
  return [...result.values()];
}

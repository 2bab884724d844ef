import { chmodSync, closeSync, existsSync, fsyncSync, openSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { TuttiError } from '../lib/error.ts';
import { sqliteError } from './sqlite-error.ts';

/** "Tutt": tells a store from any other SQLite file. */
const applicationId = 0x54757474;
/** Version of the layout below; the schema of the rows has a version of its own. */
const layoutVersion = 1;

/**
 * `rows.number` is ours and only rises, so that new rows are appended to the file's end: with the
 * ids as keys, which are random, 100,000 inserts took 14 times as long (docs/design/store.md).
 */
const layout = `
  CREATE TABLE meta (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    schema_version INTEGER NOT NULL,
    epoch INTEGER NOT NULL,
    revision INTEGER NOT NULL
  ) STRICT;
  INSERT INTO meta VALUES (1, 0, 0, 0);
  CREATE TABLE rows (
    number INTEGER PRIMARY KEY,
    table_name TEXT NOT NULL,
    id TEXT NOT NULL,
    value TEXT NOT NULL
  ) STRICT;
  PRAGMA application_id = ${applicationId};
  PRAGMA user_version = ${layoutVersion};
`;

/**
 * Opens a store's file, making it (mode 0600) where there is none. The connection holds an
 * exclusive lock on it as long as it is open; the kernel drops the lock with the process. No code
 * may open and close this file by other means meanwhile: POSIX drops a process's locks with any of
 * its descriptors. Throws `unavailable` (in use), `failed-precondition` (damaged, not a store,
 * newer layout), `permission-denied`, `resource-exhausted`.
 */
export function openSqliteFile(path: string): DatabaseSync {
  createPrivately(path);
  let database: DatabaseSync | undefined;
  try {
    database = new DatabaseSync(path);
    database.exec('PRAGMA locking_mode = EXCLUSIVE');
    // Takes the lock; and reads the header, so that a file of something else is left as it was.
    const isNew = examine(database, path);
    if (isNew) database.exec('PRAGMA auto_vacuum = INCREMENTAL');
    database.exec(`
      PRAGMA journal_mode = WAL;
      PRAGMA synchronous = FULL;
      PRAGMA wal_autocheckpoint = 1000;
      PRAGMA journal_size_limit = ${64 * 1024 * 1024};
      PRAGMA cache_size = -8192;
    `);
    if (isNew) database.exec(`BEGIN IMMEDIATE; ${layout} COMMIT;`);
    return database;
  } catch (reason) {
    database?.close();
    throw sqliteError(reason, path);
  }
}

function createPrivately(path: string): void {
  const directory = dirname(path);
  if (!existsSync(directory)) {
    throw new TuttiError('failed-precondition', `the directory ${directory} does not exist`, {
      hint: 'Create it, or give another data directory.',
    });
  }
  try {
    if (existsSync(path)) {
      chmodSync(path, 0o600);
      return;
    }
    // Also what WAL and journal get: SQLite gives them the mode of the file.
    closeSync(openSync(path, 'wx', 0o600));
    syncFile(directory, 'r');
  } catch (cause) {
    throw new TuttiError(
      'permission-denied',
      `the store ${path} cannot be made: ${TuttiError.from(cause).message}`,
      { cause },
    );
  }
}

/**
 * Makes durable what a process wrote to the store's log and was killed before it was synced; it can
 * be read already. Needs no space. The log carries no locks, so it may be opened beside SQLite.
 */
export function syncLog(path: string): void {
  const log = `${path}-wal`;
  try {
    if (!existsSync(log)) return;
    syncFile(log, 'r+');
    syncFile(dirname(path), 'r');
  } catch (reason) {
    throw sqliteError(reason, path);
  }
}

function syncFile(path: string, flags: 'r' | 'r+'): void {
  const handle = openSync(path, flags);
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}

/** Whether the file is empty; throws when it is something else than a store of this layout. */
function examine(database: DatabaseSync, path: string): boolean {
  const known = pragma(database, 'application_id');
  const version = pragma(database, 'user_version');
  if (known === applicationId && version === layoutVersion) return false;
  if (known === applicationId) {
    throw new TuttiError(
      'failed-precondition',
      `the store ${path} has layout version ${version}, this program knows up to ${layoutVersion}`,
      { hint: 'Start the newer program that wrote it.' },
    );
  }
  const tables = database.prepare('SELECT count(*) AS tables FROM sqlite_schema').get();
  if (known === 0 && tables?.['tables'] === 0) return true;
  throw new TuttiError('failed-precondition', `${path} is an SQLite file of something else`, {
    hint: 'Give another data directory.',
  });
}

/** Sets from where a store that nobody has open counts on. */
export function movePosition(
  path: string,
  to: { readonly epoch: number; readonly revision: number },
): void {
  const database = openSqliteFile(path);
  try {
    database.prepare('UPDATE meta SET epoch = ?, revision = ?').run(to.epoch, to.revision);
  } catch (reason) {
    throw sqliteError(reason, path);
  } finally {
    database.close();
  }
}

/** The value of a pragma that is a number. */
export function pragma(database: DatabaseSync, name: string): number {
  return Number(database.prepare(`PRAGMA ${name}`).get()?.[name]);
}

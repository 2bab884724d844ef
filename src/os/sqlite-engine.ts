import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type {
  CommitGuard,
  CommitOutcome,
  StoredChange,
  StoredRow,
  StoreEngine,
  StoreSnapshot,
} from '../host/store-engine.ts';
import { assert, unreachable } from '../lib/assert.ts';
import { TuttiError } from '../lib/error.ts';
import { RowNumbers } from './row-numbers.ts';
import { isDiskFull, sqliteError } from './sqlite-error.ts';
import { openSqliteFile, pragma, syncLog } from './sqlite-file.ts';

/** Commits between two looks at the file's free pages. */
const vacuumEveryCommits = 256;
/** Pages given back to the file system in one go; bounds how long a commit can take for it. */
const vacuumPages = 256;

interface Meta {
  readonly schemaVersion: number;
  readonly epoch: number;
  readonly revision: number;
}

/**
 * The store engine for one manager: one SQLite file in WAL mode, synchronous=FULL, locked as long
 * as it is open. The write-ahead log is folded into the file whenever it has 1,000 pages, and cut
 * to 64 MB.
 */
export class SqliteEngine implements StoreEngine {
  readonly #path: string;
  readonly #database: DatabaseSync;
  readonly #statements: Statements;
  #numbers: RowNumbers | undefined;
  #committing = false;
  #commits = 0;

  private constructor(path: string, database: DatabaseSync) {
    this.#path = path;
    this.#database = database;
    this.#statements = prepareStatements(database);
  }

  /** Opens the file or makes it. Throws as `openSqliteFile` does. */
  static open(path: string): SqliteEngine {
    return new SqliteEngine(path, openSqliteFile(path));
  }

  async load(): Promise<StoreSnapshot> {
    this.#mustBeOpen();
    syncLog(this.#path);
    try {
      return { ...this.#meta(), rows: this.#rows() };
    } catch (reason) {
      throw sqliteError(reason, this.#path);
    }
  }

  async takeEpoch(): Promise<number> {
    this.#mustBeOpen();
    assert(!this.#committing, 'an epoch is taken while a commit is in flight');
    try {
      this.#database.exec('BEGIN IMMEDIATE');
      this.#statements.takeEpoch.run();
      const { epoch } = this.#meta();
      this.#database.exec('COMMIT');
      return epoch;
    } catch (reason) {
      if (this.#database.isTransaction) this.#database.exec('ROLLBACK');
      throw sqliteError(reason, this.#path);
    }
  }

  async commit(changes: readonly StoredChange[], guard: CommitGuard): Promise<CommitOutcome> {
    assert(!this.#committing, 'two commits are in flight');
    this.#committing = true;
    try {
      // SQLite works in this thread: whoever waits for the event loop gets it between two commits.
      await nextTurn();
      this.#mustBeOpen();
      return this.#commitNow(changes, guard);
    } finally {
      this.#committing = false;
    }
  }

  async close(): Promise<void> {
    if (this.#database.isOpen) this.#database.close();
  }

  #commitNow(changes: readonly StoredChange[], guard: CommitGuard): CommitOutcome {
    const numbers = this.#knownNumbers();
    const migrates = changes.some((change) => change.kind === 'schema-version');
    try {
      if (migrates) this.#database.exec('PRAGMA secure_delete = ON');
      this.#database.exec('BEGIN IMMEDIATE');
      if (this.#statements.advance.run(guard.epoch, guard.revision).changes === 0) {
        this.#database.exec('ROLLBACK');
        const { epoch, revision } = this.#meta();
        return { kind: 'refused', epoch, revision };
      }
      for (const change of changes) this.#write(change, numbers);
    } catch (reason) {
      return this.#rollBack(reason, 'nothing-written');
    }
    try {
      this.#database.exec('COMMIT');
    } catch (reason) {
      // A full disk cuts the commit record off; other failures may come after it was written.
      return this.#rollBack(reason, isDiskFull(reason) ? 'nothing-written' : 'cannot-tell');
    }
    numbers.keep();
    if (migrates) this.#scrub();
    this.#vacuumSometimes();
    return { kind: 'committed' };
  }

  #write(change: StoredChange, numbers: RowNumbers): void {
    switch (change.kind) {
      case 'put': {
        const { table, id, value } = change;
        const number = numbers.get(table, id);
        if (number !== undefined) this.#statements.update.run(value, number);
        else this.#statements.insert.run(numbers.add(table, id), table, id, value);
        return;
      }
      case 'delete': {
        const number = numbers.get(change.table, change.id);
        if (number === undefined) return;
        this.#statements.remove.run(number);
        numbers.remove(change.table, change.id);
        return;
      }
      case 'schema-version':
        this.#statements.setSchemaVersion.run(change.version);
        return;
      default:
        unreachable(change);
    }
  }

  #rollBack(reason: unknown, what: 'nothing-written' | 'cannot-tell'): CommitOutcome {
    this.#numbers?.takeBack();
    const { message } = sqliteError(reason, this.#path);
    try {
      if (this.#database.isTransaction) this.#database.exec('ROLLBACK');
    } catch (second) {
      const also = sqliteError(second, this.#path).message;
      return { kind: 'unknown', message: `${message}; and to take it back failed too: ${also}` };
    }
    if (what === 'cannot-tell') return { kind: 'unknown', message };
    return { kind: 'failed', code: isDiskFull(reason) ? 'disk-full' : 'io', message };
  }

  /**
   * Nothing of what a migration replaced stays in the file or its log: it may have been a secret in
   * the clear. Once in a store's life for each schema, so its cost does not matter.
   */
  #scrub(): void {
    try {
      this.#database.exec('PRAGMA secure_delete = OFF; VACUUM; PRAGMA wal_checkpoint(TRUNCATE)');
    } catch (reason) {
      // What was migrated is durable, and zeroed where it stood; older free pages are used again.
      if (!isDiskFull(reason)) throw sqliteError(reason, this.#path);
    }
  }

  /** Gives free pages back, a few at a time, once they are a quarter of the file. */
  #vacuumSometimes(): void {
    this.#commits += 1;
    if (this.#commits % vacuumEveryCommits !== 0) return;
    const free = pragma(this.#database, 'freelist_count');
    if (free < vacuumPages || free * 4 < pragma(this.#database, 'page_count')) return;
    try {
      this.#database.exec(`PRAGMA incremental_vacuum(${vacuumPages})`);
    } catch (reason) {
      // The commit before it is durable; the pages stay free and are used by later rows.
      if (!isDiskFull(reason)) throw sqliteError(reason, this.#path);
    }
  }

  #meta(): Meta {
    const meta = this.#statements.meta.get();
    return {
      schemaVersion: Number(meta?.['schema_version']),
      epoch: Number(meta?.['epoch']),
      revision: Number(meta?.['revision']),
    };
  }

  /** Rows in the order of their numbers; notes the numbers on the way. */
  *#rows(): Generator<StoredRow> {
    const numbers = new RowNumbers();
    try {
      for (const row of this.#statements.rows.iterate()) {
        const table = String(row['table_name']);
        const id = String(row['id']);
        if (!numbers.load({ table, id, number: Number(row['number']) })) {
          throw new TuttiError(
            'failed-precondition',
            `the store ${this.#path} is damaged: it has the row ${table}/${id} twice`,
            { hint: 'Restore the data directory from a backup.' },
          );
        }
        yield { table, id, value: String(row['value']) };
      }
    } catch (reason) {
      throw sqliteError(reason, this.#path);
    }
    this.#numbers = numbers;
  }

  #knownNumbers(): RowNumbers {
    if (this.#numbers === undefined) Array.from(this.#rows(), () => undefined);
    assert(this.#numbers !== undefined, 'the rows of the store have numbers');
    return this.#numbers;
  }

  #mustBeOpen(): void {
    if (this.#database.isOpen) return;
    throw new TuttiError('unavailable', `the store ${this.#path} is closed`);
  }
}

interface Statements {
  readonly meta: StatementSync;
  readonly rows: StatementSync;
  readonly takeEpoch: StatementSync;
  /** Changes no row when the guard does not hold. */
  readonly advance: StatementSync;
  readonly setSchemaVersion: StatementSync;
  readonly insert: StatementSync;
  readonly update: StatementSync;
  readonly remove: StatementSync;
}

function prepareStatements(database: DatabaseSync): Statements {
  return {
    meta: database.prepare('SELECT schema_version, epoch, revision FROM meta'),
    rows: database.prepare('SELECT number, table_name, id, value FROM rows ORDER BY number'),
    takeEpoch: database.prepare('UPDATE meta SET epoch = epoch + 1'),
    advance: database.prepare(
      'UPDATE meta SET revision = revision + 1 WHERE epoch = ? AND revision = ?',
    ),
    setSchemaVersion: database.prepare('UPDATE meta SET schema_version = ?'),
    insert: database.prepare('INSERT INTO rows VALUES (?, ?, ?, ?)'),
    update: database.prepare('UPDATE rows SET value = ? WHERE number = ?'),
    remove: database.prepare('DELETE FROM rows WHERE number = ?'),
  };
}

/** One row as an engine keeps it: the store gives it meaning. */
export interface StoredRow {
  readonly table: string;
  readonly id: string;
  /** JSON text. */
  readonly value: string;
}

export type StoredChange =
  | { readonly kind: 'put'; readonly table: string; readonly id: string; readonly value: string }
  | { readonly kind: 'delete'; readonly table: string; readonly id: string }
  /**
   * Sets the schema version of the snapshot, which begins at 0; written with what a migration
   * changes.
   */
  | { readonly kind: 'schema-version'; readonly version: number };

/** What a commit is conditional on: both must be the engine's own, or the commit is refused. */
export interface CommitGuard {
  readonly epoch: number;
  /** The revision that this batch follows; the batch becomes `revision + 1`. */
  readonly revision: number;
}

export interface StoreSnapshot {
  /** 0 before the first commit. */
  readonly schemaVersion: number;
  readonly epoch: number;
  readonly revision: number;
  /** In order of their arrival; to be walked once, before the next call of the engine. */
  readonly rows: Iterable<StoredRow>;
}

/**
 * `committed`: on disk, survives a crash. `refused`: nothing happened; somebody else holds the
 * epoch or moved on. `unknown`: it may or may not be on disk; the caller must drop its epoch and
 * load again. `failed`: nothing happened, and why (a full disk, for example); the caller may try
 * again.
 */
export type CommitOutcome =
  | { readonly kind: 'committed' }
  | { readonly kind: 'refused'; readonly epoch: number; readonly revision: number }
  | { readonly kind: 'unknown'; readonly message: string }
  | { readonly kind: 'failed'; readonly code: 'disk-full' | 'io'; readonly message: string };

/**
 * Where desired state is durable. SQLite for one manager; one conformance suite holds for every
 * engine.
 */
export interface StoreEngine {
  /**
   * What it returns is durable: others may be told of it, also where nothing can be written any
   * more. Throws `failed-precondition` when what is stored is damaged.
   */
  load(): Promise<StoreSnapshot>;
  /** Takes the next epoch, whoever held the last one; durable before it returns it. */
  takeEpoch(): Promise<number>;
  /** Atomic and durable before it resolves. At most one commit is in flight at a time. */
  commit(changes: readonly StoredChange[], guard: CommitGuard): Promise<CommitOutcome>;
  close(): Promise<void>;
}

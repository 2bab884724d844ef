import type { Logger } from '../host/logger.ts';
import type { StoredBatch } from '../host/followed-store.ts';
import type { CommitOutcome, StoredRow, StoreEngine, StoreSnapshot } from '../host/store-engine.ts';
import { assert } from '../lib/assert.ts';
import { TuttiError } from '../lib/error.ts';
import { deepFreeze } from '../lib/freeze.ts';
import type { Batch } from './batch.ts';
import { runBatch } from './batch.ts';
import { encodeChange } from './codec.ts';
import type { AnyRow } from './layer.ts';
import type { Loaded } from './load.ts';
import { applyStored, loadFollowed, loadTables } from './load.ts';
import type { Migration } from './migrations.ts';
import { migrations, schemaVersionOf } from './migrations.ts';
import { outcomeError } from './outcome.ts';
import type { QueuedUpdate } from './queued-update.ts';
import { queueUpdate } from './queued-update.ts';
import type { TableName } from './schema.ts';
import type { Tables } from './tables.ts';
import { absorbAll, asTransaction, asView, changesOf, overlaysOn, sealAll } from './tables.ts';
import { differences } from './tables-difference.ts';
import type { Change, Commit, Transaction, View } from './view.ts';

export interface StoreOptions {
  readonly logger?: Logger;
  /** For tests of migrations. */
  readonly migrations?: readonly Migration[];
  readonly limits?: Partial<StoreLimits>;
  /** Awaited before each batch, so that others get their turn between two of them. */
  readonly turn?: () => Promise<void>;
  /** Makes a change of a row in place throw: for tests and simulation. */
  readonly freezeRows?: boolean;
}

export interface StoreLimits {
  /** Updates that may wait; one more is refused with `resource-exhausted`. */
  readonly queuedUpdates: number;
  /** Updates that share a commit. */
  readonly batchUpdates: number;
  /** A batch takes no further update once it has changed this many rows. */
  readonly batchRows: number;
}

const defaultLimits: StoreLimits = { queuedUpdates: 16_384, batchUpdates: 1_024, batchRows: 512 };

/**
 * `fenced`: what is durable is not known, or not ours to change, until a reload. `following`:
 * another manager writes, and what it writes is told here.
 */
type StoreState =
  | { readonly kind: 'open' }
  | { readonly kind: 'following' }
  | { readonly kind: 'fenced'; readonly error: TuttiError }
  | { readonly kind: 'closed' };

/**
 * Typed tables with indexes in memory over a durable engine. Updates are synchronous closures;
 * those that wait while a commit is in flight share the next one. Readers outside of an update see
 * only what is durable. See docs/design/store.md.
 */
export class Store {
  /** What is durable now. The same object for the life of the store. */
  readonly view: View;
  readonly #engine: StoreEngine;
  readonly #logger: Logger | undefined;
  readonly #migrations: readonly Migration[];
  readonly #limits: StoreLimits;
  readonly #freezeRows: boolean;
  readonly #turn: () => Promise<void>;
  readonly #listeners = new Set<(commit: Commit) => void>();
  readonly #queue: QueuedUpdate[] = [];
  #tables: Tables;
  #revision: number;
  #epoch: number;
  #state: StoreState = { kind: 'open' };
  /** The commits in progress; resolved when the queue is empty. Never rejects. */
  #working: Promise<void> | undefined;
  #reloading: Promise<void> | undefined;

  private constructor(
    engine: StoreEngine,
    from: Loaded & { readonly epoch: number; readonly options: StoreOptions },
  ) {
    this.#engine = engine;
    this.#logger = from.options.logger;
    this.#migrations = from.options.migrations ?? migrations;
    this.#limits = { ...defaultLimits, ...from.options.limits };
    this.#freezeRows = from.options.freezeRows ?? false;
    this.#turn = from.options.turn ?? (async () => await Promise.resolve());
    this.#tables = from.tables;
    this.#revision = from.revision;
    this.#epoch = from.epoch;
    this.view = asView(
      () => this.#tables,
      () => this.#revision,
    );
  }

  /**
   * Takes the epoch, loads everything, migrates where needed. On a full disk the store can be read
   * and is fenced. Throws what the engine throws otherwise, and `failed-precondition` when the
   * store is damaged or of a newer schema.
   */
  static async open(engine: StoreEngine, options: StoreOptions = {}): Promise<Store> {
    const taken = await takeEpoch(engine);
    const loaded = await loadTables(engine, { migrations: options.migrations ?? migrations });
    const epoch = taken.epoch ?? 0;
    const store = new Store(engine, { ...loaded, epoch, options });
    if (taken.fencedBy !== undefined) store.#fence(taken.fencedBy);
    return store;
  }

  /**
   * Loads everything and leaves the epoch to another manager: reads work, and writes are refused.
   * Throws as `open` does, and `unavailable` while the store is of an older schema: its leader
   * brings it to the current one.
   */
  static async follow(engine: StoreEngine, options: StoreOptions = {}): Promise<Store> {
    const loaded = await loadFollowed(engine, { migrations: options.migrations ?? migrations });
    const store = new Store(engine, { ...loaded, epoch: 0, options });
    store.#state = { kind: 'following' };
    return store;
  }

  /** Revision of the last durable commit; rises by one with each. */
  get revision(): number {
    return this.#revision;
  }

  get epoch(): number {
    return this.#epoch;
  }

  /** Why updates are refused until `reload`; `undefined` while they are not. */
  get fencedBy(): TuttiError | undefined {
    return this.#state.kind === 'fenced' ? this.#state.error : undefined;
  }

  /**
   * Runs the closure in a transaction and resolves with its result when its writes are durable. It
   * sees the writes of all updates before it, durable or not. When it throws, its writes are
   * dropped and the promise rejects with what it threw. It must be synchronous. Rejects with
   * `resource-exhausted` (queue or disk full), `unavailable` (the engine failed; or the store is
   * fenced or closed), and in these cases nothing has changed, except where the message says that
   * it is unknown.
   */
  update<T>(run: (tx: Transaction) => T): Promise<T> {
    const refusal = this.#refusal();
    if (refusal !== undefined) return Promise.reject(refusal);
    const { queued, promise } = queueUpdate(run);
    this.#queue.push(queued);
    this.#working ??= this.#work();
    return promise;
  }

  /**
   * Runs the closure in a transaction on what is durable and drops its writes: a plan, not an act.
   */
  rehearse<T>(run: (tx: Transaction) => T): T {
    const overlays = overlaysOn(this.#tables);
    try {
      return run(asTransaction(overlays, this.#revision + 1));
    } finally {
      sealAll(overlays);
    }
  }

  /** What is durable now, as an engine would say it; to be walked while commits go on. */
  snapshot(): StoreSnapshot {
    const copies = [...this.#tables].map(([table, rows]) => [table, [...rows.all()]] as const);
    return {
      schemaVersion: schemaVersionOf(this.#migrations),
      epoch: this.#epoch,
      revision: this.#revision,
      rows: encodedRows(copies),
    };
  }

  /**
   * Calls the listener with each commit once it is durable and visible, before its updates resolve.
   * It must be quick; what it throws is logged and changes nothing. Returns how to stop it.
   */
  onCommit(listener: (commit: Commit) => void): () => void {
    const own = (commit: Commit): void => listener(commit);
    this.#listeners.add(own);
    return () => this.#listeners.delete(own);
  }

  /**
   * Takes a new epoch and loads again; ends the fence. Listeners get what turns out to be different
   * as one commit. Throws as `open` does; the store is then fenced by that error and keeps its
   * view.
   */
  reload(): Promise<void> {
    return this.#reloadOnce(async () => {
      const epoch = await this.#engine.takeEpoch();
      const loaded = await loadTables(this.#engine, { migrations: this.#migrations });
      assert(epoch > this.#epoch, `epoch ${epoch} was taken after ${this.#epoch}`);
      this.#epoch = epoch;
      this.#replaceAll(loaded, { kind: 'open' });
    });
  }

  /**
   * What another manager committed, for a store that follows; listeners get it like a commit of its
   * own. Throws `failed-precondition` where it cannot be read, and changes nothing then.
   */
  absorb({ revision, changes }: StoredBatch): void {
    assert(this.#state.kind === 'following', 'a store absorbs while it follows');
    assert(revision === this.#revision + 1, `revision ${revision} came after ${this.#revision}`);
    const overlays = overlaysOn(this.#tables);
    for (const change of changes) applyStored(change, overlays);
    sealAll(overlays);
    this.#apply({ overlays, changes: changesOf(overlays, this.#tables) });
  }

  /** From following to leading: the epoch was taken, and all that came before it is absorbed. */
  lead(epoch: number): void {
    assert(this.#state.kind === 'following', 'a store leads after it followed');
    assert(epoch > this.#epoch, `epoch ${epoch} was taken after ${this.#epoch}`);
    this.#epoch = epoch;
    this.#state = { kind: 'open' };
  }

  /**
   * Loads again and follows, whatever it did before: after the epoch was lost, or something was
   * missed. Listeners get what turns out to be different as one commit. Throws as `follow` does;
   * the store is then fenced and keeps its view.
   */
  reloadToFollow(): Promise<void> {
    return this.#reloadOnce(async () => {
      const loaded = await loadFollowed(this.#engine, { migrations: this.#migrations });
      this.#replaceAll(loaded, { kind: 'following' });
    });
  }

  /** Waits for the commit in flight, rejects what is queued, closes the engine. */
  async close(): Promise<void> {
    if (this.#state.kind === 'closed') return;
    this.#state = { kind: 'closed' };
    await this.#working;
    await this.#reloading?.catch(() => undefined);
    await this.#engine.close();
  }

  #reloadOnce(load: () => Promise<void>): Promise<void> {
    if (this.#state.kind === 'closed') return Promise.reject(closedError());
    this.#reloading ??= this.#loadAgain(load).finally(() => {
      this.#reloading = undefined;
    });
    return this.#reloading;
  }

  async #loadAgain(load: () => Promise<void>): Promise<void> {
    this.#fence(fencedError('it is being loaded again'));
    await this.#working;
    try {
      await load();
    } catch (reason) {
      const error = TuttiError.from(reason);
      this.#fence(error);
      throw error;
    }
  }

  #fence(error: TuttiError): void {
    if (this.#state.kind !== 'closed') this.#state = { kind: 'fenced', error };
  }

  #refusal(): TuttiError | undefined {
    if (this.#state.kind === 'closed') return closedError();
    if (this.#state.kind === 'fenced') return this.#state.error;
    if (this.#state.kind === 'following') return followingError();
    if (this.#queue.length < this.#limits.queuedUpdates) return undefined;
    return new TuttiError(
      'resource-exhausted',
      `${this.#queue.length} updates are waiting for the store already`,
      { hint: 'Try again later; the disk of the data directory may be too slow.' },
    );
  }

  async #work(): Promise<void> {
    while (this.#queue.length > 0) {
      // Updates of the same turn share a commit.
      await this.#turn();
      const refusal = this.#state.kind === 'open' ? undefined : this.#refusal();
      if (refusal === undefined) await this.#commitNext();
      else for (const queued of this.#queue.splice(0)) queued.reject(refusal);
    }
    this.#working = undefined;
  }

  async #commitNext(): Promise<void> {
    const batch = runBatch(this.#queue, {
      tables: this.#tables,
      revision: this.#revision + 1,
      limits: this.#limits,
    });
    if (batch.changes.length === 0) {
      for (const settle of batch.settlements) settle.done();
      return;
    }
    const outcome = await this.#commit(batch);
    if (outcome.kind === 'committed') {
      this.#apply(batch);
      for (const settle of batch.settlements) settle.done();
      return;
    }
    const error = outcomeError(outcome);
    this.#logger?.error('the store could not commit', {
      outcome: outcome.kind,
      why: error.message,
    });
    if (outcome.kind !== 'failed') this.#fence(fencedError(error.message));
    for (const settle of batch.settlements) settle.failed(error);
  }

  async #commit(batch: Batch): Promise<CommitOutcome> {
    try {
      const stored = batch.changes.map(encodeChange);
      return await this.#engine.commit(stored, { epoch: this.#epoch, revision: this.#revision });
    } catch (reason) {
      return { kind: 'unknown', message: TuttiError.from(reason).message };
    }
  }

  #apply(batch: Pick<Batch, 'changes' | 'overlays'>): void {
    this.#freeze(batch.changes);
    absorbAll(batch.overlays, this.#tables);
    this.#revision += 1;
    this.#tell({ revision: this.#revision, changes: batch.changes });
  }

  #replaceAll(loaded: Loaded, state: StoreState): void {
    if (this.#state.kind === 'closed') throw closedError();
    const changes = differences(this.#tables, loaded.tables);
    this.#tables = loaded.tables;
    this.#revision = loaded.revision;
    this.#state = state;
    this.#freeze(changes);
    if (changes.length > 0) this.#tell({ revision: this.#revision, changes });
  }

  #freeze(changes: readonly Change[]): void {
    if (this.#freezeRows) for (const change of changes) deepFreeze(change.after);
  }

  #tell(commit: Commit): void {
    for (const listener of Array.from(this.#listeners)) {
      try {
        listener(commit);
      } catch (reason) {
        const { message, stack } = TuttiError.from(reason);
        this.#logger?.error('a listener of the store failed', { message, stack });
      }
    }
  }
}

function* encodedRows(
  tables: readonly (readonly [TableName, readonly AnyRow[]])[],
): Generator<StoredRow> {
  for (const [table, rows] of tables) {
    for (const row of rows) yield { table, id: row.id, value: JSON.stringify(row) };
  }
}

/** The epoch; or why there is none to be had while the disk is full. */
async function takeEpoch(
  engine: StoreEngine,
): Promise<{ readonly epoch?: number; readonly fencedBy?: TuttiError }> {
  try {
    return { epoch: await engine.takeEpoch() };
  } catch (reason) {
    const error = TuttiError.from(reason);
    if (error.code !== 'resource-exhausted') throw error;
    return { fencedBy: error };
  }
}

function closedError(): TuttiError {
  return new TuttiError('unavailable', 'the store is closed');
}

function followingError(): TuttiError {
  return new TuttiError('unavailable', 'another manager leads: this one takes no writes', {
    hint: 'Ask the leader.',
  });
}

function fencedError(why: string): TuttiError {
  return new TuttiError('unavailable', `the store takes no writes: ${why}`, {
    hint: 'It is loaded again by itself; try again in a few seconds.',
  });
}

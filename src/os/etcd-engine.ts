import type { FollowedEngine, FollowListener } from '../host/followed-store.ts';
import type {
  CommitGuard,
  CommitOutcome,
  StoredChange,
  StoredRow,
  StoreSnapshot,
} from '../host/store-engine.ts';
import { assert } from '../lib/assert.ts';
import { TuttiError } from '../lib/error.ts';
import {
  type BatchLimits,
  cutBatch,
  encodePart,
  joinParts,
  type KeyWrite,
  operationsOf,
  resolveBatch,
} from './etcd-batch.ts';
import { type EtcdClient, etcdError, isNoSpace } from './etcd-client.ts';
import { damaged, EtcdKeys, equals } from './etcd-keys.ts';
import {
  decodeTransactionReply,
  type EtcdOperation,
  type EtcdPair,
  encodeTransaction,
} from './etcd-messages.ts';
import { EtcdFollower } from './etcd-follower.ts';
import { followEtcd } from './etcd-watching.ts';
import { type EtcdState, readState, readStateOperations, stateOf } from './etcd-state.ts';
import { RowNumbers } from './row-numbers.ts';
import type { RestorableEngine } from './store-move.ts';

/** Rows in one reply while loading. */
const pageRows = 2_000;

export interface EtcdEngineOptions {
  /** Closed with the engine. */
  readonly client: EtcdClient;
  /** Before all keys of the store; ends in ASCII. */
  readonly prefix?: string;
  readonly limits?: BatchLimits;
}

const defaultLimits: BatchLimits = { operations: 4_000, sizeBytes: 1_024 * 1_024 };

/** Where following begins. */
interface Loaded {
  readonly state: EtcdState;
  readonly parts: ReadonlyMap<string, string>;
}

/** How many parts a large batch has at most. */
const mostParts = 100_000;

type Guarded = CommitOutcome | { readonly kind: 'pending' };

/**
 * The store engine for several managers: rows are keys of etcd, and a commit is one transaction
 * that is conditional on epoch and revision. See docs/design/etcd.md.
 */
export class EtcdEngine implements FollowedEngine, RestorableEngine {
  readonly #client: EtcdClient;
  readonly #keys: EtcdKeys;
  readonly #limits: BatchLimits;
  #numbers: RowNumbers | undefined;
  #loaded: Loaded | undefined;
  #committing = false;

  constructor({ client, prefix, limits = defaultLimits }: EtcdEngineOptions) {
    this.#client = client;
    this.#keys = new EtcdKeys(prefix);
    this.#limits = limits;
  }

  async load(): Promise<StoreSnapshot> {
    const state = await this.#state();
    const { schemaVersion, epoch, revision } = state;
    const pairs = await this.#allRows(state.etcdRevision);
    const parts = await this.#parts(state.etcdRevision);
    this.#loaded = { state, parts };
    const late = new Map(this.#pendingWrites(state, parts));
    const version = late.get(this.#keys.schemaVersion);
    late.delete(this.#keys.schemaVersion);
    return {
      schemaVersion: version === undefined ? schemaVersion : Number(version),
      epoch,
      revision,
      rows: this.#rows(pairs, late),
    };
  }

  async takeEpoch(): Promise<number> {
    assert(!this.#committing, 'an epoch is taken while a commit is in flight');
    for (;;) {
      const { epoch } = await this.#state();
      const reply = await this.#client.transact({
        compares: [equals(this.#keys.epoch, epoch)],
        success: [
          { kind: 'put', key: this.#keys.layout, value: '1' },
          { kind: 'put', key: this.#keys.epoch, value: String(epoch + 1) },
        ],
      });
      if (reply.succeeded) return epoch + 1;
    }
  }

  async commit(changes: readonly StoredChange[], guard: CommitGuard): Promise<CommitOutcome> {
    assert(!this.#committing, 'two commits are in flight');
    this.#committing = true;
    try {
      this.#mustBeOpen();
      return await this.#commitNow(changes, guard);
    } finally {
      this.#committing = false;
    }
  }

  async follow(listener: FollowListener, signal: AbortSignal): Promise<{ readonly gap?: string }> {
    const loaded = this.#loaded;
    const numbers = this.#numbers;
    assert(loaded !== undefined && numbers !== undefined, 'what is followed was loaded before');
    const { state, parts } = loaded;
    const follower = new EtcdFollower({ ...state, parts }, { keys: this.#keys, numbers });
    const fromEtcdRevision = state.etcdRevision + 1;
    return await followEtcd(
      { client: this.#client, keys: this.#keys, follower, fromEtcdRevision, listener },
      signal,
    );
  }

  /** Begins an empty store with what another engine held; see `RestorableEngine`. */
  async restore(snapshot: StoreSnapshot): Promise<void> {
    const keys = this.#keys;
    const numbers = new RowNumbers();
    const writes = Array.from(snapshot.rows, ({ table, id, value }): KeyWrite => {
      return [keys.row({ number: numbers.add(table, id), table, id }), value];
    });
    const isEmpty = [keys.layout, keys.epoch, keys.revision].map(
      (key) => ({ kind: 'absent', key }) as const,
    );
    // Rows alone are what a copy left that did not end.
    const clear: readonly EtcdOperation[] = [{ kind: 'delete', key: keys.rows, end: keys.rowsEnd }];
    for (const success of [clear, ...cutBatch(writes, this.#limits).map(operationsOf)]) {
      const reply = await this.#client.transact({ compares: isEmpty, success });
      if (!reply.succeeded) throw notEmpty();
    }
    const { schemaVersion, epoch, revision } = snapshot;
    const last: readonly KeyWrite[] = [
      [keys.layout, '1'],
      [keys.schemaVersion, String(schemaVersion)],
      // What is 0 is not written; see `equals`.
      ...(epoch === 0 ? [] : [[keys.epoch, String(epoch)] as const]),
      ...(revision === 0 ? [] : [[keys.revision, String(revision)] as const]),
    ];
    // Not repeated blindly: an attempt whose answer was lost is seen by what it left.
    await this.#client.transact({ compares: isEmpty, success: operationsOf(last) });
    const state = await this.#state();
    if (state.epoch !== epoch || state.revision !== revision) throw notEmpty();
  }

  /**
   * Counts on from that far above: what somebody else may still write has numbers that are over.
   * Whoever holds the epoch does not hold it any more.
   *
   * @throws TuttiError `unavailable` where it is not known to be done.
   */
  async skip(
    by: { readonly epochs: number; readonly revisions: number },
    { epoch, revision }: CommitGuard,
  ): Promise<void> {
    const outcome = await this.#write(
      [
        { kind: 'put', key: this.#keys.epoch, value: String(epoch + by.epochs) },
        { kind: 'put', key: this.#keys.revision, value: String(revision + by.revisions) },
      ],
      { epoch, revision },
    );
    if (outcome.kind === 'committed') return;
    throw new TuttiError('unavailable', `epoch and revision could not be raised: ${outcome.kind}`);
  }

  async close(): Promise<void> {
    this.#client.close();
  }

  async #commitNow(changes: readonly StoredChange[], guard: CommitGuard): Promise<CommitOutcome> {
    const numbers = await this.#knownNumbers();
    const { writes } = resolveBatch(changes, { keys: this.#keys, numbers });
    const pieces = cutBatch(writes, this.#limits);
    const outcome =
      pieces.length > 1
        ? await this.#commitLarge(pieces, guard)
        : await this.#advance(operationsOf(writes), guard);
    if (outcome.kind === 'committed') numbers.keep();
    else if (outcome.kind === 'failed') numbers.takeBack();
    // Somebody else writes, or may: rows may have come that have no number here.
    else this.#numbers = undefined;
    return outcome;
  }

  /**
   * More than one transaction takes: the pieces are put beside the rows, become part of the state
   * all at once with the revision, and are folded into the rows afterwards.
   */
  async #commitLarge(
    pieces: readonly (readonly KeyWrite[])[],
    guard: CommitGuard,
  ): Promise<CommitOutcome> {
    const { parts, partsEnd, pending } = this.#keys;
    const revision = guard.revision + 1;
    const steps: readonly EtcdOperation[] = [
      // What a batch left that never became part of the state.
      { kind: 'delete', key: parts, end: partsEnd },
      ...pieces.map(
        (piece, index): EtcdOperation => ({
          kind: 'put',
          key: this.#keys.part(revision, index),
          value: encodePart(piece),
        }),
      ),
    ];
    for (const step of steps) {
      const outcome = await this.#write([step], guard);
      if (outcome.kind !== 'committed') return outcome;
    }
    const value = `${revision} ${pieces.length}`;
    const outcome = await this.#advance([{ kind: 'put', key: pending, value }], guard);
    if (outcome.kind === 'committed') {
      // Durable already. What cannot be folded now is folded before the next commit.
      await this.#fold({ epoch: guard.epoch, revision }).catch(() => undefined);
    }
    return outcome;
  }

  /** Makes the writes part of the state, as the next revision. */
  async #advance(operations: readonly EtcdOperation[], guard: CommitGuard): Promise<CommitOutcome> {
    const value = String(guard.revision + 1);
    return await this.#write(
      [{ kind: 'put', key: this.#keys.revision, value }, ...operations],
      guard,
    );
  }

  /** One transaction under the guard, after what is pending was folded. */
  async #write(operations: readonly EtcdOperation[], guard: CommitGuard): Promise<CommitOutcome> {
    const attempts = { repeated: false };
    for (;;) {
      const outcome = await this.#attempt(operations, { guard, attempts });
      if (outcome.kind !== 'pending') return outcome;
      try {
        await this.#fold(guard);
      } catch (reason) {
        const { message } = TuttiError.from(reason);
        return attempts.repeated ? { kind: 'unknown', message } : failed('io', message);
      }
    }
  }

  async #attempt(
    operations: readonly EtcdOperation[],
    { guard, attempts }: { readonly guard: CommitGuard; readonly attempts: { repeated: boolean } },
  ): Promise<Guarded> {
    const keys = this.#keys;
    const message = encodeTransaction({
      compares: [
        equals(keys.epoch, guard.epoch),
        equals(keys.revision, guard.revision),
        { kind: 'absent', key: keys.pending },
      ],
      success: operations,
      failure: readStateOperations(keys),
    });
    const outcome = await this.#client.call('etcdserverpb.KV/Txn', { message });
    if (outcome.kind === 'lost') {
      const { message: text } = etcdError(outcome);
      if (outcome.sent || attempts.repeated) return { kind: 'unknown', message: text };
      return failed('io', text);
    }
    attempts.repeated ||= outcome.repeated;
    if (outcome.kind === 'status') {
      const { message: text } = etcdError(outcome);
      if (attempts.repeated) return { kind: 'unknown', message: text };
      if (!isNoSpace(outcome)) return failed('io', text);
      return await this.#afterNoSpace(guard, text);
    }
    const reply = decodeTransactionReply(outcome.message);
    if (reply.succeeded) return { kind: 'committed' };
    return judgeRefusal(stateOf(reply), { guard, repeated: attempts.repeated });
  }

  /**
   * What became of a write that etcd answered with "no space": the one that reaches the limit is
   * carried out and answered so, each later one is not. Nobody else writes under the epoch.
   */
  async #afterNoSpace({ epoch, revision }: CommitGuard, message: string): Promise<CommitOutcome> {
    try {
      const state = await this.#state();
      const isDone = state.epoch === epoch && state.revision === revision + 1;
      return isDone ? { kind: 'committed' } : failed('disk-full', message);
    } catch {
      return { kind: 'unknown', message };
    }
  }

  /** Brings the parts of a large batch into the rows, while the epoch is that one. */
  async #fold({ epoch }: CommitGuard): Promise<void> {
    const keys = this.#keys;
    const state = await this.#state();
    const { pending } = state;
    if (pending === undefined || state.epoch !== epoch) return;
    const compares = [equals(keys.epoch, epoch), equals(keys.revision, pending.revision)];
    const writes = this.#pendingWrites(state, await this.#parts(state.etcdRevision));
    for (const piece of cutBatch(writes, this.#limits)) {
      await this.#client.transact({ compares, success: operationsOf(piece) });
    }
    await this.#client.transact({
      compares,
      success: [
        { kind: 'delete', key: keys.parts, end: keys.partsEnd },
        { kind: 'delete', key: keys.pending },
      ],
    });
  }

  async #state(): Promise<EtcdState> {
    this.#mustBeOpen();
    return await readState(this.#client, this.#keys);
  }

  /** All parts of large batches, by key. */
  async #parts(etcdRevision: number): Promise<ReadonlyMap<string, string>> {
    const { parts: key, partsEnd: end } = this.#keys;
    const { pairs } = await this.#client.range({ key, end, limit: mostParts, etcdRevision });
    return new Map(pairs.map((pair) => [pair.key.toString(), pair.value.toString()]));
  }

  /** What the state has beside its rows. */
  #pendingWrites({ pending }: EtcdState, parts: ReadonlyMap<string, string>): readonly KeyWrite[] {
    if (pending === undefined) return [];
    return joinParts(parts, { keys: this.#keys, ...pending });
  }

  /** All rows as of one revision of etcd. */
  async #allRows(etcdRevision: number): Promise<readonly EtcdPair[]> {
    const { rows, rowsEnd } = this.#keys;
    const all: EtcdPair[] = [];
    for (let key: string | Uint8Array = rows; ; ) {
      const page = await this.#client.range({ key, end: rowsEnd, limit: pageRows, etcdRevision });
      all.push(...page.pairs);
      const last = page.pairs.at(-1);
      if (!page.more || last === undefined) return all;
      key = Buffer.concat([last.key, Buffer.alloc(1)]);
    }
  }

  /** Rows in the order of their numbers, as the late writes leave them; notes the numbers. */
  *#rows(pairs: readonly EtcdPair[], late: Map<string, string | undefined>): Generator<StoredRow> {
    const numbers = new RowNumbers();
    const read = (key: string, value: string): StoredRow => {
      const place = this.#keys.readRow(key);
      if (!numbers.load(place)) throw damaged(`it has the row ${place.table}/${place.id} twice`);
      return { table: place.table, id: place.id, value };
    };
    for (const pair of pairs) {
      const key = pair.key.toString();
      const value = late.has(key) ? late.get(key) : pair.value.toString();
      late.delete(key);
      if (value !== undefined) yield read(key, value);
    }
    for (const [key, value] of late) if (value !== undefined) yield read(key, value);
    this.#numbers = numbers;
  }

  async #knownNumbers(): Promise<RowNumbers> {
    if (this.#numbers === undefined) Array.from((await this.load()).rows, () => undefined);
    assert(this.#numbers !== undefined, 'the rows of the store have numbers');
    return this.#numbers;
  }

  #mustBeOpen(): void {
    if (!this.#client.closed) return;
    throw new TuttiError('unavailable', 'the connection to etcd is closed');
  }
}

/** What a transaction whose guard did not hold means, by the state that it found. */
function judgeRefusal(
  state: EtcdState,
  { guard, repeated }: { readonly guard: CommitGuard; readonly repeated: boolean },
): Guarded {
  const { epoch, revision } = state;
  const isMine = epoch === guard.epoch;
  if (isMine && revision === guard.revision && state.pending !== undefined) {
    return { kind: 'pending' };
  }
  if (repeated && revision > guard.revision) {
    // An attempt whose answer was lost did it: nobody else writes under this epoch.
    if (isMine && revision === guard.revision + 1) return { kind: 'committed' };
    return { kind: 'unknown', message: 'another manager has written meanwhile' };
  }
  return { kind: 'refused', epoch, revision };
}

function notEmpty(): TuttiError {
  return new TuttiError('failed-precondition', 'the store in etcd is not empty', {
    hint: 'Remove what an earlier move has left.',
  });
}

function failed(code: 'disk-full' | 'io', message: string): CommitOutcome {
  return { kind: 'failed', code, message };
}

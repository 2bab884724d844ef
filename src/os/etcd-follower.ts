import type { StoredBatch } from '../host/followed-store.ts';
import type { StoredChange } from '../host/store-engine.ts';
import { joinParts, type KeyWrite } from './etcd-batch.ts';
import type { EtcdKeys } from './etcd-keys.ts';
import type { EtcdSigns } from './etcd-leadership.ts';
import type { EtcdEvent } from './etcd-messages.ts';
import type { RowNumbers } from './row-numbers.ts';

/** What a follower has seen so far. */
export interface EtcdFollowState extends EtcdSigns {
  /** Parts of a large batch, by key. */
  readonly parts: ReadonlyMap<string, string>;
}

export type FollowedEvent =
  | { readonly kind: 'batch'; readonly batch: StoredBatch }
  | { readonly kind: 'signs'; readonly signs: EtcdSigns }
  /** The revisions do not follow one another: something was missed. */
  | { readonly kind: 'gap'; readonly message: string };

/** Makes batches of what etcd's watch tells, in its order. Keeps the numbers of rows up to date. */
export class EtcdFollower {
  readonly #keys: EtcdKeys;
  readonly #numbers: RowNumbers;
  readonly #parts: Map<string, string>;
  #signs: EtcdSigns;

  constructor(
    state: EtcdFollowState,
    { keys, numbers }: { readonly keys: EtcdKeys; readonly numbers: RowNumbers },
  ) {
    const { epoch, revision, holder } = state;
    this.#signs = { epoch, revision, holder };
    this.#parts = new Map(state.parts);
    this.#keys = keys;
    this.#numbers = numbers;
  }

  /** All events of one transaction; what is folded into the rows later is no news. */
  digest(events: readonly EtcdEvent[]): readonly FollowedEvent[] {
    const keys = this.#keys;
    const before = this.#signs;
    const writes: KeyWrite[] = [];
    let pending: string | undefined;
    for (const { kind, pair } of events) {
      const key = pair.key.toString();
      const value = kind === 'put' ? pair.value.toString() : undefined;
      if (key.startsWith(keys.rows) || key === keys.schemaVersion) writes.push([key, value]);
      else if (key.startsWith(keys.parts)) this.#notePart(key, value);
      else if (key === keys.pending) pending = value;
      else if (key === keys.epoch) this.#signs = { ...this.#signs, epoch: Number(value) };
      else if (key === keys.revision) this.#signs = { ...this.#signs, revision: Number(value) };
      else if (key === keys.holder) this.#signs = { ...this.#signs, holder: value };
    }
    const { revision } = this.#signs;
    const signs: readonly FollowedEvent[] =
      this.#signs === before ? [] : [{ kind: 'signs', signs: this.#signs }];
    if (revision === before.revision) return signs;
    if (revision !== before.revision + 1) {
      return [{ kind: 'gap', message: `revision ${revision} came after ${before.revision}` }];
    }
    const all = pending === undefined ? writes : this.#pendingWrites(pending);
    const changes = all.map((write) => this.#change(write));
    return [{ kind: 'batch', batch: { revision, changes } }, ...signs];
  }

  #notePart(key: string, value: string | undefined): void {
    if (value === undefined) this.#parts.delete(key);
    else this.#parts.set(key, value);
  }

  #pendingWrites(pending: string): readonly KeyWrite[] {
    const [revision = 0, parts = 0] = pending.split(' ').map(Number);
    return joinParts(this.#parts, { keys: this.#keys, revision, parts });
  }

  #change([key, value]: KeyWrite): StoredChange {
    if (key === this.#keys.schemaVersion) {
      return { kind: 'schema-version', version: Number(value) };
    }
    const place = this.#keys.readRow(key);
    const { table, id } = place;
    if (value === undefined) {
      this.#numbers.remove(table, id);
      this.#numbers.keep();
      return { kind: 'delete', table, id };
    }
    this.#numbers.load(place);
    return { kind: 'put', table, id, value };
  }
}

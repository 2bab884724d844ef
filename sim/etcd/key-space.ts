import type { EtcdCompare, EtcdOperation, EtcdTransaction } from '../../src/os/etcd-messages.ts';

export interface KeyValue {
  readonly key: string;
  readonly value: string;
  readonly modRevision: number;
}

/** One key in one transaction; no value: it is gone. */
export interface KeyChange {
  readonly key: string;
  readonly value: string | undefined;
  readonly before: KeyValue | undefined;
}

/** What one transaction changed. */
export interface KeyCommit {
  readonly etcdRevision: number;
  readonly changes: readonly KeyChange[];
}

export interface KeyRange {
  readonly key: string;
  /** The first key behind it. */
  readonly end: string;
  readonly etcdRevision: number;
}

export interface KeyReply {
  readonly etcdRevision: number;
  readonly succeeded: boolean;
  readonly found: readonly (readonly KeyValue[])[];
}

/** The keys of etcd with their history: what its log comes to, in its order. */
export class KeySpace {
  readonly #keys = new Map<string, KeyValue>();
  #history: KeyCommit[] = [];
  #etcdRevision = 1;
  /** What was before is forgotten. */
  #compacted = 0;

  get etcdRevision(): number {
    return this.#etcdRevision;
  }

  get compacted(): number {
    return this.#compacted;
  }

  get(key: string): string | undefined {
    return this.#keys.get(key)?.value;
  }

  /** What was committed from that revision on; undefined where that is forgotten. */
  since(etcdRevision: number): readonly KeyCommit[] | undefined {
    if (etcdRevision <= this.#compacted) return undefined;
    return this.#history.filter((commit) => commit.etcdRevision >= etcdRevision);
  }

  last(): KeyCommit | undefined {
    return this.#history.at(-1);
  }

  transact({ compares, success, failure = [] }: EtcdTransaction): KeyReply {
    const succeeded = compares.every((compare) => this.#holds(compare));
    const found: (readonly KeyValue[])[] = [];
    const changes: KeyChange[] = [];
    const next = this.#etcdRevision + 1;
    for (const operation of succeeded ? success : failure) {
      if (operation.kind === 'get') {
        const pair = this.#keys.get(text(operation.key));
        found.push(pair === undefined ? [] : [pair]);
      } else changes.push(...this.#change(operation, next));
    }
    if (changes.length > 0) {
      this.#etcdRevision = next;
      this.#history.push({ etcdRevision: next, changes });
    }
    return { etcdRevision: this.#etcdRevision, succeeded, found };
  }

  /** Keys in [from, end) in their order, as of a revision; undefined where that is forgotten. */
  range({ key, end, etcdRevision }: KeyRange): readonly KeyValue[] | undefined {
    if (etcdRevision < this.#compacted) return undefined;
    const state = new Map<string, KeyValue | undefined>(this.#keys);
    for (const commit of this.#history.toReversed()) {
      if (commit.etcdRevision <= etcdRevision) break;
      for (const change of commit.changes.toReversed()) state.set(change.key, change.before);
    }
    return [...state.values()]
      .filter((pair) => pair !== undefined && pair.key >= key && pair.key < end)
      .map((pair) => pair as KeyValue)
      .toSorted((one, other) => (one.key < other.key ? -1 : 1));
  }

  /** False where that was forgotten before, or has not come yet. */
  compact(etcdRevision: number): boolean {
    if (etcdRevision <= this.#compacted || etcdRevision > this.#etcdRevision) return false;
    this.#compacted = etcdRevision;
    this.#history = this.#history.filter((commit) => commit.etcdRevision > etcdRevision);
    return true;
  }

  #holds(compare: EtcdCompare): boolean {
    const value = this.get(compare.key);
    return compare.kind === 'absent' ? value === undefined : value === compare.value;
  }

  #change(
    operation: Exclude<EtcdOperation, { readonly kind: 'get' }>,
    modRevision: number,
  ): readonly KeyChange[] {
    const key = text(operation.key);
    if (operation.kind === 'put') {
      const value = text(operation.value);
      const before = this.#keys.get(key);
      this.#keys.set(key, { key, value, modRevision });
      return [{ key, value, before }];
    }
    const end = operation.end === undefined ? `${key}\0` : text(operation.end);
    const gone = [...this.#keys.values()].filter((pair) => pair.key >= key && pair.key < end);
    for (const pair of gone) this.#keys.delete(pair.key);
    return gone.map((before) => ({ key: before.key, value: undefined, before }));
  }
}

function text(bytes: string | Uint8Array): string {
  return typeof bytes === 'string' ? bytes : Buffer.from(bytes).toString();
}

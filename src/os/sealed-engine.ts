import type {
  FollowedEngine,
  FollowListener,
  Sighting,
  StoredBatch,
} from '../host/followed-store.ts';
import type {
  CommitGuard,
  CommitOutcome,
  StoredChange,
  StoredRow,
  StoreEngine,
  StoreSnapshot,
} from '../host/store-engine.ts';
import { assert } from '../lib/assert.ts';
import { TuttiError } from '../lib/error.ts';
import type { OpenKey, SealingKey } from './certificates-seal.ts';
import { sealedPrefix } from './sealed-text.ts';

/** What is never on disk in the clear: table, and properties of its rows. */
const sealedProperties: Readonly<Record<string, readonly string[]>> = {
  secrets: ['data'],
  services: ['registryAuth'],
  clusters: ['joinTokens', 'unlockKey'],
};

type JsonRow = Record<string, unknown>;

/**
 * Seals what is secret in rows on their way into a store engine, and opens it on the way out: no
 * engine, no write-ahead log and no copy of them holds it in the clear. Each is sealed for its row,
 * so that it opens in no other. A clear text from before is let through; the next write seals it.
 */
export class SealedEngine implements StoreEngine {
  readonly #engine: StoreEngine;
  readonly #key: SealingKey;

  constructor(options: { readonly engine: StoreEngine; readonly key: SealingKey }) {
    this.#engine = options.engine;
    this.#key = options.key;
  }

  /** Throws `failed-precondition` also where a secret cannot be opened. */
  async load(): Promise<StoreSnapshot> {
    const key = await this.#key.open();
    const snapshot = await this.#engine.load();
    return { ...snapshot, rows: openedRows(snapshot.rows, key) };
  }

  async takeEpoch(): Promise<number> {
    return await this.#engine.takeEpoch();
  }

  async commit(changes: readonly StoredChange[], guard: CommitGuard): Promise<CommitOutcome> {
    if (!changes.some(holdsSecret)) return await this.#engine.commit(changes, guard);
    let sealed: readonly StoredChange[];
    try {
      const key = await this.#key.openOrMake();
      sealed = changes.map((change) => (holdsSecret(change) ? sealedChange(change, key) : change));
    } catch (reason) {
      return notSealed(reason);
    }
    return await this.#engine.commit(sealed, guard);
  }

  /** Of an engine that several managers share; see `FollowedEngine`. */
  async follow(listener: FollowListener, signal: AbortSignal): Promise<{ readonly gap?: string }> {
    const engine = this.#engine;
    assert('follow' in engine, 'the engine is one that can be followed');
    const key = await this.#key.open();
    const onBatch = ({ revision, changes }: StoredBatch): void => {
      const opened = changes.map((change) =>
        change.kind === 'put' ? openedRow(change, key) : change,
      );
      listener.onBatch({ revision, changes: opened });
    };
    const onSighting = (seen: Sighting): void => listener.onSighting(seen);
    return await (engine as FollowedEngine).follow({ onBatch, onSighting }, signal);
  }

  async close(): Promise<void> {
    await this.#engine.close();
  }
}

function* openedRows(rows: Iterable<StoredRow>, key: OpenKey): Generator<StoredRow> {
  for (const row of rows) yield openedRow(row, key);
}

function openedRow<Row extends StoredRow>(row: Row, key: OpenKey): Row {
  const properties = sealedProperties[row.table];
  if (properties === undefined || !row.value.includes(`"${sealedPrefix}`)) return row;
  return { ...row, value: openedValue(row, { properties, key }) };
}

function openedValue(
  row: StoredRow,
  how: { readonly properties: readonly string[]; readonly key: OpenKey },
): string {
  const value = JSON.parse(row.value) as JsonRow;
  for (const property of how.properties) {
    const sealed = value[property];
    if (typeof sealed !== 'string' || !sealed.startsWith(sealedPrefix)) continue;
    value[property] = JSON.parse(how.key.unseal(sealed, purposeOf(row, property)));
  }
  return JSON.stringify(value);
}

type Put = Extract<StoredChange, { readonly kind: 'put' }>;

/** Tells without parsing: tasks, which are most of what is written, cost a look at their table. */
function holdsSecret(change: StoredChange): change is Put {
  if (change.kind !== 'put') return false;
  const properties = sealedProperties[change.table];
  return properties?.some((property) => change.value.includes(`"${property}"`)) === true;
}

function sealedChange(change: Put, key: OpenKey): Put {
  const value = JSON.parse(change.value) as JsonRow;
  for (const property of sealedProperties[change.table] ?? []) {
    if (value[property] === undefined) continue;
    const text = JSON.stringify(value[property]);
    value[property] = key.seal(text, purposeOf(change, property));
  }
  return { ...change, value: JSON.stringify(value) };
}

function purposeOf(row: Pick<StoredRow, 'table' | 'id'>, property: string): string {
  return `${property} of ${row.table}/${row.id}`;
}

/** Nothing was handed to the engine. */
function notSealed(reason: unknown): CommitOutcome {
  const isFull =
    reason instanceof Error &&
    'code' in reason &&
    (reason.code === 'ENOSPC' || reason.code === 'EDQUOT');
  const { message } = TuttiError.from(reason);
  return { kind: 'failed', code: isFull ? 'disk-full' : 'io', message };
}

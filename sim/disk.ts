import type { StoredChange, StoredRow } from '../src/host/store-engine.ts';
import type { Prng } from '../src/lib/prng.ts';

/** What one write says: a batch of changes, or (with no changes) the taking of an epoch. */
export interface DiskRecord {
  readonly epoch: number;
  readonly revision: number;
  readonly changes: readonly StoredChange[];
}

/** What became of the writes that were not synced when the power went. */
export type TailFate = 'lost' | 'torn' | 'kept';

interface DiskState {
  readonly schemaVersion: number;
  readonly epoch: number;
  readonly revision: number;
}

/**
 * A disk with a log. What is appended can be read at once, as from an operating system's cache, and
 * is safe after a sync. A crash of the process alone loses nothing; a crash of the machine keeps,
 * loses or tears what was not synced, and recovery reads the log up to the first record whose
 * checksum is wrong.
 */
export class SimulatedDisk {
  /** No space left: nothing can be appended. */
  full = false;
  /** The planted fault of a disk that says "synced" and is not. */
  lying = false;
  /** Rises with each crash of the machine. */
  crashes = 0;
  #state: DiskState = { schemaVersion: 0, epoch: 0, revision: 0 };
  readonly #rows = new Map<string, StoredRow>();
  /** The log since the last sync. */
  #tail = '';
  /** Leads back to the last sync, last step first. */
  #undo: (() => void)[] = [];

  get state(): DiskState {
    return this.#state;
  }

  /** In order of their arrival. */
  rows(): readonly StoredRow[] {
    return [...this.#rows.values()];
  }

  append(record: DiskRecord): void {
    const text = JSON.stringify(record);
    this.#tail += `${checksum(text)} ${text}\n`;
    this.#fold(record);
  }

  sync(): void {
    if (this.lying) return;
    this.#tail = '';
    this.#undo = [];
  }

  /** Takes back what was not synced. */
  forgetTail(): void {
    for (const step of this.#undo.toReversed()) step();
    this.#tail = '';
    this.#undo = [];
  }

  /** The power goes, and comes back. */
  crash(dice: Prng): TailFate {
    this.crashes += 1;
    const tail = this.#tail;
    this.forgetTail();
    const fate = dice.pick<TailFate>(['lost', 'torn', 'kept']);
    if (fate === 'kept') this.#recover(tail);
    if (fate === 'torn') this.#recover(torn(tail, dice));
    return fate;
  }

  #recover(log: string): void {
    for (const record of wholeRecords(log)) this.#fold(record);
    this.#undo = [];
  }

  #fold(record: DiskRecord): void {
    const before = this.#state;
    this.#undo.push(() => {
      this.#state = before;
    });
    this.#state = { ...before, epoch: record.epoch, revision: record.revision };
    for (const change of record.changes) {
      if (change.kind === 'schema-version') {
        this.#state = { ...this.#state, schemaVersion: change.version };
        continue;
      }
      const { table, id } = change;
      const key = `${table}/${id}`;
      const row = change.kind === 'delete' ? undefined : { table, id, value: change.value };
      const old = this.#rows.get(key);
      this.#undo.push(() => this.#set(key, old));
      this.#set(key, row);
    }
  }

  #set(key: string, row: StoredRow | undefined): void {
    if (row === undefined) this.#rows.delete(key);
    else this.#rows.set(key, row);
  }
}

/** Some bytes reached the disk, and some of them may be wrong. */
function torn(tail: string, dice: Prng): string {
  const cut = tail.slice(0, dice.below(tail.length + 1));
  if (cut.length === 0 || dice.chance(0.5)) return cut;
  const at = dice.below(cut.length);
  return `${cut.slice(0, at)}\u0000${cut.slice(at + 1)}`;
}

function* wholeRecords(tail: string): Generator<DiskRecord> {
  let start = 0;
  for (;;) {
    const end = tail.indexOf('\n', start);
    if (end < 0) return;
    const line = tail.slice(start, end);
    const text = line.slice(9);
    if (line.slice(0, 8) !== checksum(text)) return;
    yield JSON.parse(text) as DiskRecord;
    start = end + 1;
  }
}

/** FNV-1a, 32 bits, eight hexadecimal digits. */
function checksum(text: string): string {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index += 1) {
    hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  }
  return (hash >>> 0).toString(16).padStart(8, '0');
}

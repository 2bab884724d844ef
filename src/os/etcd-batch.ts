import type { StoredChange } from '../host/store-engine.ts';
import { unreachable } from '../lib/assert.ts';
import { damaged, type EtcdKeys } from './etcd-keys.ts';
import type { EtcdOperation } from './etcd-messages.ts';
import type { RowNumbers } from './row-numbers.ts';

/** What becomes of one key; `undefined`: it goes. */
export type KeyWrite = readonly [key: string, value: string | undefined];

export interface ResolvedBatch {
  /** Each key once; new rows in the order of their numbers. */
  readonly writes: readonly KeyWrite[];
  readonly sizeBytes: number;
}

/** What etcd takes in one transaction; `maxTxnOps` and `maxRequestBytes` of its flags are above. */
export interface BatchLimits {
  readonly operations: number;
  readonly sizeBytes: number;
}

/** What key and operation cost beside their text. */
const overheadBytes = 32;

/** Turns changes, in their order, into what is written in the end: etcd writes a key once. */
export function resolveBatch(
  changes: readonly StoredChange[],
  { keys, numbers }: { readonly keys: EtcdKeys; readonly numbers: RowNumbers },
): ResolvedBatch {
  const writes = new Map<string, string | undefined>();
  for (const change of changes) {
    switch (change.kind) {
      case 'put': {
        const { table, id } = change;
        const number = numbers.get(table, id) ?? numbers.add(table, id);
        writes.set(keys.row({ number, table, id }), change.value);
        break;
      }
      case 'delete': {
        const { table, id } = change;
        const number = numbers.get(table, id);
        if (number === undefined) break;
        numbers.remove(table, id);
        writes.set(keys.row({ number, table, id }), undefined);
        break;
      }
      case 'schema-version':
        writes.set(keys.schemaVersion, String(change.version));
        break;
      default:
        unreachable(change);
    }
  }
  const all = [...writes];
  return { writes: all, sizeBytes: all.reduce((sum, write) => sum + writeBytes(write), 0) };
}

/** Cuts into pieces within the limits; a write that is larger by itself is a piece of its own. */
export function cutBatch(
  writes: readonly KeyWrite[],
  limits: BatchLimits,
): readonly (readonly KeyWrite[])[] {
  const pieces: KeyWrite[][] = [];
  let last: KeyWrite[] | undefined;
  let lastBytes = 0;
  for (const write of writes) {
    const sizeBytes = writeBytes(write);
    const isFull =
      last === undefined ||
      last.length === limits.operations ||
      lastBytes + sizeBytes > limits.sizeBytes;
    if (isFull) {
      last = [];
      lastBytes = 0;
      pieces.push(last);
    }
    last?.push(write);
    lastBytes += sizeBytes;
  }
  return pieces;
}

export function operationsOf(writes: readonly KeyWrite[]): readonly EtcdOperation[] {
  return writes.map(([key, value]) =>
    value === undefined ? { kind: 'delete', key } : { kind: 'put', key, value },
  );
}

/** A piece of a large batch as it waits in etcd to be folded into the rows. */
export function encodePart(writes: readonly KeyWrite[]): string {
  return JSON.stringify(writes.map(([key, value]) => (value === undefined ? [key] : [key, value])));
}

/** @throws TuttiError `failed-precondition` where parts are missing or garbled. */
export function joinParts(
  parts: ReadonlyMap<string, string>,
  batch: { readonly keys: EtcdKeys; readonly revision: number; readonly parts: number },
): readonly KeyWrite[] {
  return Array.from({ length: batch.parts }, (_, index) => {
    const key = batch.keys.part(batch.revision, index);
    const part = parts.get(key);
    if (part === undefined) throw damaged(`${key} is missing`);
    return decodePart(part);
  }).flat();
}

function decodePart(text: string): readonly KeyWrite[] {
  const parsed: unknown = parse(text);
  if (!Array.isArray(parsed)) throw damaged('a part of a large write is garbled');
  return parsed.map((entry: unknown) => {
    const [key, value] = Array.isArray(entry) ? (entry as readonly unknown[]) : [];
    if (typeof key !== 'string' || (value !== undefined && typeof value !== 'string')) {
      throw damaged('a part of a large write is garbled');
    }
    return [key, value];
  });
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function writeBytes([key, value = '']: KeyWrite): number {
  return overheadBytes + Buffer.byteLength(key) + Buffer.byteLength(value);
}

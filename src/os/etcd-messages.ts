import { MessageWriter, type ReadField, readFields } from './protobuf.ts';

/**
 * Messages of etcd's KV, Watch and Maintenance services, as far as they are used here; the field
 * numbers are those of etcd's `rpc.proto` and `kv.proto` (v3).
 */

/** What a transaction is conditional on. */
export type EtcdCompare =
  | { readonly kind: 'value'; readonly key: string; readonly value: string }
  | { readonly kind: 'absent'; readonly key: string };

/** A key is text, or bytes where it holds what people named. */
export type EtcdKey = string | Uint8Array;

export type EtcdOperation =
  | { readonly kind: 'put'; readonly key: EtcdKey; readonly value: string | Uint8Array }
  | { readonly kind: 'delete'; readonly key: EtcdKey; readonly end?: EtcdKey }
  | { readonly kind: 'get'; readonly key: EtcdKey };

export interface EtcdTransaction {
  readonly compares: readonly EtcdCompare[];
  readonly success: readonly EtcdOperation[];
  readonly failure?: readonly EtcdOperation[];
}

export interface EtcdPair {
  readonly key: Buffer;
  readonly value: Buffer;
  /** etcd's own revision at which it was written last. */
  readonly modRevision: number;
}

export interface EtcdTransactionReply {
  /** etcd's own revision when it was answered. */
  readonly etcdRevision: number;
  readonly succeeded: boolean;
  /** What each `get` found, in their order. */
  readonly found: readonly (readonly EtcdPair[])[];
}

export interface EtcdRange {
  readonly key: EtcdKey;
  readonly end: EtcdKey;
  readonly limit: number;
  /** As of this revision of etcd; the newest unless told. */
  readonly etcdRevision?: number;
  readonly keysOnly?: boolean;
}

export interface EtcdRangeReply {
  readonly etcdRevision: number;
  readonly pairs: readonly EtcdPair[];
  readonly more: boolean;
}

export interface EtcdEvent {
  readonly kind: 'put' | 'delete';
  readonly pair: EtcdPair;
}

export type EtcdWatchReply =
  | { readonly kind: 'created' }
  | {
      readonly kind: 'events';
      readonly etcdRevision: number;
      readonly events: readonly EtcdEvent[];
    }
  /** `compacted`: what was asked for is no longer kept. */
  | { readonly kind: 'cancelled'; readonly compacted: boolean; readonly reason: string };

const compareResultEqual = 0;
const compareTarget = { createRevision: 1, value: 3 } as const;

export function encodeTransaction(transaction: EtcdTransaction): Buffer {
  const { compares, success, failure = [] } = transaction;
  return new MessageWriter()
    .fields(1, compares.map(encodeCompare))
    .fields(2, success.map(encodeOperation))
    .fields(3, failure.map(encodeOperation))
    .finish();
}

function encodeCompare(compare: EtcdCompare): Buffer {
  const writer = new MessageWriter().field(1, compareResultEqual);
  if (compare.kind === 'absent') {
    return writer.field(2, compareTarget.createRevision).field(3, compare.key).field(5, 0).finish();
  }
  return writer
    .field(2, compareTarget.value)
    .field(3, compare.key)
    .field(7, compare.value)
    .finish();
}

function encodeOperation(operation: EtcdOperation): Buffer {
  const body = new MessageWriter().field(1, operation.key);
  switch (operation.kind) {
    case 'get':
      return new MessageWriter().field(1, body.finish()).finish();
    case 'put':
      return new MessageWriter().field(2, body.field(2, operation.value).finish()).finish();
    case 'delete':
      return new MessageWriter().field(3, body.field(2, operation.end).finish()).finish();
  }
}

export function decodeTransactionReply(message: Buffer): EtcdTransactionReply {
  let etcdRevision = 0;
  let succeeded = false;
  const found: (readonly EtcdPair[])[] = [];
  for (const field of readFields(message)) {
    if (field.number === 1) etcdRevision = headerRevision(field);
    else if (field.number === 2) succeeded = integer(field) === 1;
    else if (field.number === 3) {
      // A response of a `get` is field 1; those of writes say nothing.
      for (const inner of readFields(bytes(field))) {
        if (inner.number === 1) found.push(decodeRangeReply(bytes(inner)).pairs);
      }
    }
  }
  return { etcdRevision, succeeded, found };
}

export function encodeRange(range: EtcdRange): Buffer {
  const { key, end, limit, etcdRevision, keysOnly } = range;
  return new MessageWriter()
    .field(1, key)
    .field(2, end)
    .field(3, limit)
    .field(4, etcdRevision)
    .field(8, keysOnly)
    .finish();
}

export function decodeRangeReply(message: Buffer): EtcdRangeReply {
  let etcdRevision = 0;
  let more = false;
  const pairs: EtcdPair[] = [];
  for (const field of readFields(message)) {
    if (field.number === 1) etcdRevision = headerRevision(field);
    else if (field.number === 2) pairs.push(decodePair(bytes(field)));
    else if (field.number === 3) more = integer(field) === 1;
  }
  return { etcdRevision, pairs, more };
}

export function encodeWatch(options: {
  readonly key: EtcdKey;
  readonly end: EtcdKey;
  readonly fromEtcdRevision: number;
}): Buffer {
  const create = new MessageWriter()
    .field(1, options.key)
    .field(2, options.end)
    .field(3, options.fromEtcdRevision)
    .finish();
  return new MessageWriter().field(1, create).finish();
}

export function decodeWatchReply(message: Buffer): EtcdWatchReply {
  let etcdRevision = 0;
  let compactRevision = 0;
  let created = false;
  let cancelled = false;
  let reason = '';
  const events: EtcdEvent[] = [];
  for (const field of readFields(message)) {
    if (field.number === 1) etcdRevision = headerRevision(field);
    else if (field.number === 3) created = integer(field) === 1;
    else if (field.number === 4) cancelled = integer(field) === 1;
    else if (field.number === 5) compactRevision = integer(field);
    else if (field.number === 6) reason = bytes(field).toString();
    else if (field.number === 11) events.push(decodeEvent(bytes(field)));
  }
  if (cancelled) return { kind: 'cancelled', compacted: compactRevision > 0, reason };
  if (created) return { kind: 'created' };
  return { kind: 'events', etcdRevision, events };
}

function decodeEvent(message: Buffer): EtcdEvent {
  let kind: EtcdEvent['kind'] = 'put';
  let pair: EtcdPair = { key: Buffer.alloc(0), value: Buffer.alloc(0), modRevision: 0 };
  for (const field of readFields(message)) {
    if (field.number === 1) kind = integer(field) === 1 ? 'delete' : 'put';
    else if (field.number === 2) pair = decodePair(bytes(field));
  }
  return { kind, pair };
}

function decodePair(message: Buffer): EtcdPair {
  let key: Buffer = Buffer.alloc(0);
  let value: Buffer = Buffer.alloc(0);
  let modRevision = 0;
  for (const field of readFields(message)) {
    if (field.number === 1) key = bytes(field);
    else if (field.number === 3) modRevision = integer(field);
    else if (field.number === 5) value = bytes(field);
  }
  return { key, value, modRevision };
}

/** `compact`: forgets what was before that revision, once it is on disk. */
export function encodeCompaction(etcdRevision: number): Buffer {
  return new MessageWriter().field(1, etcdRevision).field(2, true).finish();
}

function headerRevision(field: ReadField): number {
  for (const inner of readFields(bytes(field))) if (inner.number === 3) return integer(inner);
  return 0;
}

/** A field that is a message, text or bytes. */
export function bytes(field: ReadField): Buffer {
  return field.kind === 'bytes' ? field.value : Buffer.alloc(0);
}

export function integer(field: ReadField): number {
  return field.kind === 'varint' ? Number(field.value) : 0;
}

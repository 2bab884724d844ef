import {
  bytes,
  type EtcdCompare,
  type EtcdOperation,
  type EtcdTransaction,
  integer,
} from '../../src/os/etcd-messages.ts';
import { MessageWriter, readFields } from '../../src/os/protobuf.ts';
import type { KeyCommit, KeyRange, KeyReply, KeyValue } from './key-space.ts';

/*
 * The other side of `src/os/etcd-messages.ts`: what a member reads and writes. Field numbers are
 * those of etcd's `rpc.proto` and `kv.proto` (v3).
 */

/** Of revision 0 is the newest. */
export interface RangeRequest extends KeyRange {
  readonly limit: number;
}

export function readTransaction(message: Buffer): EtcdTransaction {
  const compares: EtcdCompare[] = [];
  const success: EtcdOperation[] = [];
  const failure: EtcdOperation[] = [];
  for (const field of readFields(message)) {
    if (field.number === 1) compares.push(readCompare(bytes(field)));
    else (field.number === 2 ? success : failure).push(readOperation(bytes(field)));
  }
  return { compares, success, failure };
}

export function readRange(message: Buffer): RangeRequest {
  const range = { key: '', end: '', limit: 0, etcdRevision: 0 };
  for (const field of readFields(message)) {
    if (field.number === 1) range.key = bytes(field).toString();
    else if (field.number === 2) range.end = bytes(field).toString();
    else if (field.number === 3) range.limit = integer(field);
    else if (field.number === 4) range.etcdRevision = integer(field);
  }
  return range;
}

/** From which revision on a watch is wanted. */
export function readWatch(message: Buffer): number {
  for (const field of readFields(message)) {
    for (const inner of readFields(bytes(field))) if (inner.number === 3) return integer(inner);
  }
  return 0;
}

export function readCompaction(message: Buffer): number {
  for (const field of readFields(message)) if (field.number === 1) return integer(field);
  return 0;
}

export function writeTransactionReply({ etcdRevision, succeeded, found }: KeyReply): Buffer {
  return new MessageWriter()
    .field(1, header(etcdRevision))
    .field(2, succeeded)
    .fields(
      3,
      found.map((pairs) => new MessageWriter().field(1, writePairs(pairs)).finish()),
    )
    .finish();
}

export function writeRangeReply(
  pairs: readonly KeyValue[],
  { etcdRevision, more }: { readonly etcdRevision: number; readonly more: boolean },
): Buffer {
  return new MessageWriter()
    .field(1, header(etcdRevision))
    .fields(2, pairs.map(writePair))
    .field(3, more)
    .finish();
}

export function writeWatchCreated(): Buffer {
  return new MessageWriter().field(1, header(1)).field(3, true).finish();
}

export function writeWatchCompacted(etcdRevision: number): Buffer {
  return new MessageWriter()
    .field(1, header(etcdRevision))
    .field(4, true)
    .field(5, etcdRevision)
    .finish();
}

export function writeWatchEvents({ etcdRevision, changes }: KeyCommit): Buffer {
  const events = changes.map(({ key, value }) =>
    new MessageWriter()
      .field(1, value === undefined ? 1 : 0)
      .field(2, writePair({ key, value: value ?? '', modRevision: etcdRevision }))
      .finish(),
  );
  return new MessageWriter().field(1, header(etcdRevision)).fields(11, events).finish();
}

/** Members are known by their numbers, from 1. */
export function writeStatus(of: {
  readonly member: number;
  readonly leader: number | undefined;
}): Buffer {
  const own = new MessageWriter().field(2, of.member).finish();
  return new MessageWriter().field(1, own).field(2, '3.4.23').field(4, of.leader).finish();
}

function writePairs(pairs: readonly KeyValue[]): Buffer {
  return new MessageWriter().fields(2, pairs.map(writePair)).finish();
}

function writePair({ key, value, modRevision }: KeyValue): Buffer {
  return new MessageWriter().field(1, key).field(3, modRevision).field(5, value).finish();
}

function header(etcdRevision: number): Buffer {
  return new MessageWriter().field(3, etcdRevision).finish();
}

function readCompare(message: Buffer): EtcdCompare {
  let key = '';
  let value: string | undefined;
  for (const field of readFields(message)) {
    if (field.number === 3) key = bytes(field).toString();
    else if (field.number === 7) value = bytes(field).toString();
  }
  return value === undefined ? { kind: 'absent', key } : { kind: 'value', key, value };
}

function readOperation(message: Buffer): EtcdOperation {
  for (const field of readFields(message)) {
    let key = '';
    let second: string | undefined;
    for (const inner of readFields(bytes(field))) {
      if (inner.number === 1) key = bytes(inner).toString();
      else if (inner.number === 2) second = bytes(inner).toString();
    }
    if (field.number === 1) return { kind: 'get', key };
    if (field.number === 2) return { kind: 'put', key, value: second ?? '' };
    return second === undefined ? { kind: 'delete', key } : { kind: 'delete', key, end: second };
  }
  throw new Error('a transaction has an empty operation');
}

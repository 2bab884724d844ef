import { type Answer, encode } from 'dns-packet';
import type { DnsRecord } from '../host/network-devices.ts';
import {
  type DnsQuery,
  emptyAnswer,
  extensionOf,
  longestAnswer,
  questionOf,
} from './dns-queries.ts';
import { headerBytes, headerFlags } from './dns-wire.ts';

/** The question's name, by a pointer to where it stands (RFC 1035, 4.1.4). */
const questionName = Buffer.from([0xc0, headerBytes]);
/** A record of an address with such a pointer. */
const recordBytes = { A: 16, AAAA: 28 } as const;

/** An answer with records of ours. */
export interface EncodedAnswer {
  readonly message: Buffer;
  /** Records of addresses, all of one size, whose order does not matter. */
  readonly addresses: { readonly at: number; readonly count: number; readonly bytes: number };
}

/**
 * What is too long for who asks has as many records as fit, and the mark that says "ask by TCP":
 * old resolvers do not, and take what there is.
 *
 * @param answer.additionals Left out where they do not fit.
 */
export function encodeAnswer(
  query: DnsQuery,
  answer: {
    readonly records: readonly DnsRecord[];
    readonly additionals?: readonly DnsRecord[];
    readonly longestBytes: number;
  },
): EncodedAnswer {
  const { records, additionals = [], longestBytes } = answer;
  const question = questionOf(query);
  const extension = extensionOf(query, 0);
  let freeBytes = longestBytes - headerBytes - question.length - extension.length;
  const fitting = (encoded: readonly Buffer[]): readonly Buffer[] => {
    const count = encoded.findIndex((one) => (freeBytes -= one.length) < 0);
    return count < 0 ? encoded : encoded.slice(0, count);
  };
  const own = fitting(records.map(encodeRecord));
  const others = own.length < records.length ? [] : fitting(additionals.map(encodeAdditional));
  const message = Buffer.concat([
    emptyAnswer(query, 0).subarray(0, headerBytes),
    question,
    ...own,
    ...others,
    extension,
  ]);
  if (own.length < records.length) {
    message.writeUInt16BE(message.readUInt16BE(2) | headerFlags.truncated, 2);
  }
  message.writeUInt16BE(own.length, 6);
  message.writeUInt16BE(others.length + (extension.length === 0 ? 0 : 1), 10);
  const type = records[0]?.type === 'AAAA' ? 'AAAA' : 'A';
  const isShuffled = records.every((record) => record.type === type);
  const count = isShuffled ? own.length : 0;
  const addresses = { at: headerBytes + question.length, count, bytes: recordBytes[type] };
  return { message, addresses };
}

function encodeRecord(record: DnsRecord): Buffer {
  // The root's name is one byte; the question's stands in its place.
  const encoded = encodeAlone({ ...dataOf(record), name: '.' });
  return Buffer.concat([questionName, encoded.subarray(1)]);
}

function encodeAdditional(record: DnsRecord): Buffer {
  return encodeAlone({ ...dataOf(record), name: record.name });
}

function encodeAlone(answer: Answer): Buffer {
  return encode({ answers: [answer] }).subarray(headerBytes);
}

/** Nobody is to keep what may be another one in a moment. */
function dataOf(record: DnsRecord): Answer {
  const { name } = record;
  switch (record.type) {
    case 'A':
    case 'AAAA':
      return { type: record.type, name, ttl: 0, data: record.address };
    case 'PTR':
      return { type: 'PTR', name, ttl: 0, data: record.target };
    case 'SRV': {
      // All are the same to us: none comes first, none gets more.
      const { port, target } = record;
      return { type: 'SRV', name, ttl: 0, data: { priority: 0, weight: 1, port, target } };
    }
  }
}

/** What somebody else answered to the same question. */
export function passOn(query: DnsQuery, message: Buffer, overTcp: boolean): Buffer {
  if (message.length > longestAnswer(query, overTcp)) {
    return emptyAnswer(query, message.readUInt16BE(2) & headerFlags.code, true);
  }
  const answer = Buffer.from(message);
  answer.writeUInt16BE(query.id, 0);
  // Some resolvers look whether the letters are as they wrote them.
  questionOf(query).copy(answer, headerBytes);
  return answer;
}

/**
 * The same answer for who asks now. Clients take the first address, so the order of addresses is
 * what spreads the load: it is drawn anew.
 */
export function answerAgain({ message, addresses }: EncodedAnswer, id: number): Buffer {
  const copy = Buffer.allocUnsafe(message.length);
  message.copy(copy);
  copy[0] = id >> 8;
  copy[1] = id & 0xff;
  for (let left = addresses.count; left > 1; left -= 1) {
    const drawn = Math.floor(Math.random() * left);
    if (drawn !== left - 1) swap(copy, addresses, { one: drawn, other: left - 1 });
  }
  return copy;
}

function swap(
  bytes: Buffer,
  records: EncodedAnswer['addresses'],
  { one, other }: { readonly one: number; readonly other: number },
): void {
  const first = records.at + one * records.bytes;
  const second = records.at + other * records.bytes;
  for (let at = 0; at < records.bytes; at += 1) {
    const byte = bytes[first + at] ?? 0;
    bytes[first + at] = bytes[second + at] ?? 0;
    bytes[second + at] = byte;
  }
}

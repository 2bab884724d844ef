import {
  answerCodes,
  anyClass,
  headerBytes,
  headerFlags,
  internetClass,
  readQuestion,
  readRecords,
  recordTypes,
} from './dns-wire.ts';

/** Longer ones are nobody's. */
export const largestQueryBytes = 4_096;
/** What an answer over UDP may have without EDNS (RFC 1035, 4.2.1). */
const plainUdpBytes = 512;
/** A datagram that no network which carries IPv6 splits: 1,280 bytes with its headers. */
export const largestUdpBytes = 1_232;
const largestTcpBytes = 65_535;
const dnssecOk = 0x80_00;

/** What somebody asks, with all that the answer depends on. */
export interface DnsQuery {
  readonly bytes: Buffer;
  readonly id: number;
  readonly flags: number;
  /** In small letters, without the last dot. */
  readonly name: string;
  readonly type: number;
  readonly questionEnd: number;
  /** What it says by EDNS (RFC 6891), if it does. */
  readonly extension?: { readonly payloadBytes: number; readonly dnssecOk: boolean };
}

/** `nothing`: no answer is due, for it is no query. `wrong`: this is the answer, whoever asks. */
export type ReceivedQuery =
  | { readonly kind: 'nothing' }
  | { readonly kind: 'wrong'; readonly reply: Buffer }
  | { readonly kind: 'query'; readonly query: DnsQuery };

/** Reads what a resolver sent. It never throws, whatever the bytes are. */
export function readQuery(bytes: Buffer): ReceivedQuery {
  if (bytes.length < headerBytes || bytes.length > largestQueryBytes) return { kind: 'nothing' };
  const id = bytes.readUInt16BE(0);
  const flags = bytes.readUInt16BE(2);
  // Two servers that answer answers would never end.
  if ((flags & headerFlags.response) !== 0) return { kind: 'nothing' };
  const wrong = (code: number): ReceivedQuery => ({
    kind: 'wrong',
    reply: headerOf({ id, flags, code }),
  });
  if ((flags & headerFlags.opcode) !== 0) return wrong(answerCodes.notImplemented);
  // Several questions have no meaning (RFC 9619).
  const isOneQuestion = bytes.readUInt16BE(4) === 1;
  const question = isOneQuestion ? readQuestion(bytes) : undefined;
  const records = question === undefined ? undefined : readRecords(bytes, question.end);
  if (question === undefined || records === undefined) return wrong(answerCodes.formatError);
  const options = records.filter(({ type }) => type === recordTypes.options);
  const [option] = options;
  // One at most, of the root (RFC 6891, 6.1.1).
  if (options.length > 1 || (option !== undefined && bytes[option.startsAt] !== 0)) {
    return wrong(answerCodes.formatError);
  }
  const query: DnsQuery = {
    bytes,
    id,
    flags,
    name: question.name,
    type: question.type,
    questionEnd: question.end,
    ...(option !== undefined && {
      extension: {
        payloadBytes: option.class,
        dnssecOk: (bytes.readUInt16BE(option.ttlAt + 2) & dnssecOk) !== 0,
      },
    }),
  };
  const version = option === undefined ? 0 : bytes[option.ttlAt + 1];
  const code = refusalOf({ version, class: question.class, type: question.type });
  if (code === undefined) return { kind: 'query', query };
  return { kind: 'wrong', reply: emptyAnswer(query, code) };
}

function refusalOf(asked: {
  readonly version: number | undefined;
  readonly class: number;
  readonly type: number;
}): number | undefined {
  if (asked.version !== 0) return answerCodes.badVersion;
  if (asked.class !== internetClass && asked.class !== anyClass) return answerCodes.refused;
  const { transfer, incrementalTransfer } = recordTypes;
  const isTransfer = asked.type === transfer || asked.type === incrementalTransfer;
  return isTransfer ? answerCodes.refused : undefined;
}

/** How long an answer may be for who asked. */
export function longestAnswer(query: DnsQuery, overTcp: boolean): number {
  if (overTcp) return largestTcpBytes;
  const offered = query.extension?.payloadBytes ?? plainUdpBytes;
  return Math.min(Math.max(offered, plainUdpBytes), largestUdpBytes);
}

/** An answer without records. */
export function emptyAnswer(query: DnsQuery, code: number, isTruncated = false): Buffer {
  const header = headerOf({ id: query.id, flags: query.flags, code });
  header.writeUInt16BE(1, 4);
  if (isTruncated) header.writeUInt16BE(header.readUInt16BE(2) | headerFlags.truncated, 2);
  const extension = extensionOf(query, code);
  header.writeUInt16BE(extension.length === 0 ? 0 : 1, 10);
  return Buffer.concat([header, questionOf(query), extension]);
}

/** The question as it was asked, letter by letter. */
export function questionOf({ bytes, questionEnd }: DnsQuery): Buffer {
  return bytes.subarray(headerBytes, questionEnd);
}

/** What an answer has to say by EDNS: nothing to who does not speak it. */
export function extensionOf({ extension }: DnsQuery, code: number): Buffer {
  if (extension === undefined) return Buffer.alloc(0);
  const record = Buffer.alloc(11);
  record.writeUInt16BE(recordTypes.options, 1);
  record.writeUInt16BE(largestUdpBytes, 3);
  record[5] = code >> 4;
  record.writeUInt16BE(extension.dnssecOk ? dnssecOk : 0, 7);
  return record;
}

function headerOf(of: {
  readonly id: number;
  readonly flags: number;
  readonly code: number;
}): Buffer {
  const { opcode, recursionDesired, checkingDisabled } = headerFlags;
  const kept = of.flags & (opcode | recursionDesired | checkingDisabled);
  const header = Buffer.alloc(headerBytes);
  header.writeUInt16BE(of.id, 0);
  const code = of.code & headerFlags.code;
  header.writeUInt16BE(headerFlags.response | headerFlags.recursionAvailable | kept | code, 2);
  return header;
}

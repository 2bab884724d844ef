/*
 * Where things stand in messages of DNS (RFC 1035, 4.1). Messages of others are passed on as they
 * are: decoded and encoded again they would lose names that are no text, and compression.
 */

export const headerBytes = 12;

/** Bits of the header's second word. */
export const headerFlags = {
  response: 0x80_00,
  opcode: 0x78_00,
  truncated: 0x02_00,
  recursionDesired: 0x01_00,
  recursionAvailable: 0x00_80,
  authenticData: 0x00_20,
  checkingDisabled: 0x00_10,
  code: 0x00_0f,
} as const;

/** What became of a query (RFC 1035, 4.1.1; RFC 6891, 9). */
export const answerCodes = {
  done: 0,
  formatError: 1,
  serverFailure: 2,
  noSuchName: 3,
  notImplemented: 4,
  refused: 5,
  badVersion: 16,
} as const;

/** Numbers of record types and classes, of those that matter here. */
export const recordTypes = {
  address: 1,
  startOfAuthority: 6,
  options: 41,
  incrementalTransfer: 251,
  transfer: 252,
} as const;
export const internetClass = 1;
export const anyClass = 255;

const largestNameBytes = 255;
const largestLabelBytes = 63;
const pointerBits = 0xc0;
const dot = 0x2e;

export interface WireQuestion {
  /** Without the last dot, in small letters; a dot inside of a label has `\` before it. */
  readonly name: string;
  readonly type: number;
  readonly class: number;
  /** Where the question ends. */
  readonly end: number;
}

export interface WireRecord {
  readonly section: 'answer' | 'authority' | 'additional';
  readonly startsAt: number;
  readonly type: number;
  readonly class: number;
  /** Where its time to live stands, four bytes. */
  readonly ttlAt: number;
  readonly dataAt: number;
  readonly end: number;
}

/** The first question of a message, whose name nothing stands before; undefined: there is none. */
export function readQuestion(bytes: Buffer): WireQuestion | undefined {
  const labels: string[] = [];
  let at = headerBytes;
  for (;;) {
    const length = bytes[at];
    if (length === undefined || length > largestLabelBytes) return undefined;
    at += 1;
    if (length === 0) break;
    if (at + length > bytes.length || at + length - headerBytes >= largestNameBytes) {
      return undefined;
    }
    const label = bytes.toString('latin1', at, at + length);
    const hasDot = bytes.subarray(at, at + length).includes(dot);
    labels.push(hasDot ? label.replaceAll('.', String.raw`\.`) : label);
    at += length;
  }
  if (at + 4 > bytes.length) return undefined;
  return {
    // Letters of ASCII only: others are different names (RFC 4343).
    name: labels.join('.').replace(/[A-Z]+/g, (letters) => letters.toLowerCase()),
    type: bytes.readUInt16BE(at),
    class: bytes.readUInt16BE(at + 2),
    end: at + 4,
  };
}

/** All records of a message after its question; undefined where it is not well-formed. */
export function readRecords(bytes: Buffer, questionEnd: number): readonly WireRecord[] | undefined {
  const records: WireRecord[] = [];
  const sections = ['answer', 'authority', 'additional'] as const;
  let startsAt = questionEnd;
  for (const [index, section] of sections.entries()) {
    const count = bytes.readUInt16BE(6 + 2 * index);
    for (let number = 0; number < count; number += 1) {
      const nameEnd = endOfName(bytes, startsAt);
      if (nameEnd === undefined || nameEnd + 10 > bytes.length) return undefined;
      const dataAt = nameEnd + 10;
      const end = dataAt + bytes.readUInt16BE(nameEnd + 8);
      if (end > bytes.length) return undefined;
      records.push({
        section,
        startsAt,
        type: bytes.readUInt16BE(nameEnd),
        class: bytes.readUInt16BE(nameEnd + 2),
        ttlAt: nameEnd + 4,
        dataAt,
        end,
      });
      startsAt = end;
    }
  }
  return records;
}

/** A name ends with an empty label, or with a pointer to what stands elsewhere. */
function endOfName(bytes: Buffer, from: number): number | undefined {
  let at = from;
  for (;;) {
    const length = bytes[at];
    if (length === undefined) return undefined;
    if ((length & pointerBits) === pointerBits) return at + 2;
    if (length > largestLabelBytes) return undefined;
    at += 1 + length;
    if (length === 0) return at;
  }
}

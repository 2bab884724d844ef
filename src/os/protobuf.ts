import { TuttiError } from '../lib/error.ts';

/** Wire types of Protocol Buffers (protobuf.dev/programming-guides/encoding). */
const varintType = 0;
const fixed64Type = 1;
const bytesType = 2;
const fixed32Type = 5;

/** What a field of a message is set to; numbers are not negative. */
export type FieldValue = number | bigint | boolean | string | Uint8Array;

/**
 * Writes one message, field by field. Values that are the default (0, false, empty) are written
 * too: in a `oneof` they say something.
 */
export class MessageWriter {
  readonly #parts: Uint8Array[] = [];
  #sizeBytes = 0;

  field(number: number, value: FieldValue | undefined): this {
    if (value === undefined) return this;
    if (typeof value === 'string') return this.#bytes(number, Buffer.from(value));
    if (value instanceof Uint8Array) return this.#bytes(number, value);
    this.#push(varint((number << 3) | varintType));
    this.#push(varint(typeof value === 'boolean' ? Number(value) : value));
    return this;
  }

  fields(number: number, values: readonly FieldValue[]): this {
    for (const value of values) this.field(number, value);
    return this;
  }

  finish(): Buffer {
    return Buffer.concat(this.#parts, this.#sizeBytes);
  }

  #bytes(number: number, value: Uint8Array): this {
    this.#push(varint((number << 3) | bytesType));
    this.#push(varint(value.length));
    this.#push(value);
    return this;
  }

  #push(part: Uint8Array): void {
    this.#parts.push(part);
    this.#sizeBytes += part.length;
  }
}

/** One field as it came: numbers as they are on the wire, unsigned. */
export type ReadField =
  | { readonly number: number; readonly kind: 'varint'; readonly value: bigint }
  | { readonly number: number; readonly kind: 'bytes'; readonly value: Buffer };

/**
 * The fields of a message in their order; fields of fixed width, which no message here has, are
 * passed over.
 *
 * @throws TuttiError `internal` where the bytes are no message.
 */
export function* readFields(message: Buffer): Generator<ReadField> {
  const cursor = { at: 0 };
  while (cursor.at < message.length) {
    const tag = Number(readVarint(message, cursor));
    const number = tag >>> 3;
    switch (tag & 7) {
      case varintType:
        yield { number, kind: 'varint', value: readVarint(message, cursor) };
        break;
      case bytesType: {
        const lengthBytes = Number(readVarint(message, cursor));
        const value = message.subarray(cursor.at, cursor.at + lengthBytes);
        if (value.length !== lengthBytes) throw garbled();
        cursor.at += lengthBytes;
        yield { number, kind: 'bytes', value };
        break;
      }
      case fixed64Type:
        cursor.at += 8;
        break;
      case fixed32Type:
        cursor.at += 4;
        break;
      default:
        throw garbled();
    }
  }
}

function varint(value: number | bigint): Uint8Array {
  // Most are small: tags, lengths, flags.
  if (typeof value === 'number' && value < 0x80) return Uint8Array.of(value);
  const bytes: number[] = [];
  let rest = BigInt(value);
  while (rest >= 0x80n) {
    bytes.push(Number(rest & 0x7fn) | 0x80);
    rest >>= 7n;
  }
  bytes.push(Number(rest));
  return Uint8Array.from(bytes);
}

function readVarint(message: Buffer, cursor: { at: number }): bigint {
  let low = 0;
  let shift = 0;
  for (;;) {
    const byte = message[cursor.at];
    if (byte === undefined) throw garbled();
    cursor.at += 1;
    // Exact as a number up to 49 bits; what is longer goes on as a bigint.
    low += (byte & 0x7f) * 2 ** shift;
    shift += 7;
    if (byte < 0x80) return BigInt(low);
    if (shift === 49) return readLong(message, { cursor, low: BigInt(low) });
  }
}

function readLong(
  message: Buffer,
  { cursor, low }: { readonly cursor: { at: number }; readonly low: bigint },
): bigint {
  let value = low;
  for (let shift = 49n; shift < 70n; shift += 7n) {
    const byte = message[cursor.at];
    if (byte === undefined) break;
    cursor.at += 1;
    value |= BigInt(byte & 0x7f) << shift;
    if (byte < 0x80) return BigInt.asUintN(64, value);
  }
  throw garbled();
}

function garbled(): TuttiError {
  return new TuttiError('internal', 'etcd sent a message that cannot be read');
}

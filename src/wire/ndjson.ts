import { TuttiError } from '../lib/error.ts';

/**
 * No single message may be longer; a full node view of a large cluster is some tens of megabytes.
 */
export const messageLimitBytes = 64 * 1024 * 1024;

const newline = 0x0a;

/**
 * One message as a line of JSON, with its newline.
 * Throws `resource-exhausted` when it is longer than the limit.
 */
export function encodeMessage(message: unknown, limitBytes = messageLimitBytes): Uint8Array {
  const line = new TextEncoder().encode(`${JSON.stringify(message)}\n`);
  if (line.length > limitBytes + 1) throw tooLong(limitBytes);
  return line;
}

/** Cuts a stream of bytes into messages, however the bytes were split on their way. */
export class NdjsonDecoder {
  readonly #limitBytes: number;
  readonly #parts: Uint8Array[] = [];
  #partialBytes = 0;

  constructor(limitBytes = messageLimitBytes) {
    this.#limitBytes = limitBytes;
  }

  /**
   * The messages that these bytes complete. Throws `invalid-argument` for a line that is not JSON
   * in UTF-8, and `resource-exhausted` as soon as a line is longer than the limit, complete or not.
   */
  push(chunk: Uint8Array): readonly unknown[] {
    const messages: unknown[] = [];
    let start = 0;
    for (;;) {
      const end = chunk.indexOf(newline, start);
      if (end < 0) break;
      this.#keep(chunk.subarray(start, end));
      messages.push(this.#takeMessage());
      start = end + 1;
    }
    if (start < chunk.length) this.#keep(chunk.subarray(start));
    return messages;
  }

  /** Throws `unavailable` when the stream ended inside a message. */
  end(): void {
    if (this.#partialBytes === 0) return;
    throw new TuttiError(
      'unavailable',
      `the stream ended after ${this.#partialBytes} bytes of an unfinished message`,
    );
  }

  #keep(part: Uint8Array): void {
    this.#partialBytes += part.length;
    if (this.#partialBytes > this.#limitBytes) throw tooLong(this.#limitBytes);
    this.#parts.push(part);
  }

  #takeMessage(): unknown {
    const line = join(this.#parts, this.#partialBytes);
    this.#parts.length = 0;
    this.#partialBytes = 0;
    try {
      return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(line));
    } catch (error) {
      throw new TuttiError('invalid-argument', 'a line of the stream is not JSON in UTF-8', {
        cause: error,
      });
    }
  }
}

function join(parts: readonly Uint8Array[], sizeBytes: number): Uint8Array {
  const [first] = parts;
  if (parts.length === 1 && first !== undefined) return first;
  const whole = new Uint8Array(sizeBytes);
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.length;
  }
  return whole;
}

function tooLong(limitBytes: number): TuttiError {
  return new TuttiError(
    'resource-exhausted',
    `a message is longer than the limit of ${limitBytes} bytes`,
  );
}

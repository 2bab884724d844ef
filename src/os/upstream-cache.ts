import {
  answerCodes,
  headerFlags,
  readQuestion,
  readRecords,
  recordTypes,
  type WireRecord,
} from './dns-wire.ts';

const longestSeconds = 3_600;
/** Of what there is not (RFC 2308, 5: hours at most; here somebody may just be making it). */
const longestNegativeSeconds = 60;
const largestEntryBytes = 4_096;

interface Entry {
  readonly message: Buffer;
  /** Where times to live stand. */
  readonly ttlsAt: readonly number[];
  readonly keptAtMs: number;
  readonly untilMs: number;
}

/** Answers of others, as long as those say and no longer; who was not asked for long goes first. */
export class UpstreamCache {
  readonly #entries = new Map<string, Entry>();
  readonly #limit: number;

  constructor(limit: number) {
    this.#limit = limit;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** With the times to live that are left. */
  find(key: string, nowMs: number): Buffer | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined) return undefined;
    this.#entries.delete(key);
    if (nowMs >= entry.untilMs) return undefined;
    this.#entries.set(key, entry);
    const message = Buffer.from(entry.message);
    const ageSeconds = Math.floor((nowMs - entry.keptAtMs) / 1_000);
    for (const at of entry.ttlsAt) {
      message.writeUInt32BE(Math.max(0, message.readUInt32BE(at) - ageSeconds), at);
    }
    return message;
  }

  keep(
    key: string,
    { message, nowMs }: { readonly message: Buffer; readonly nowMs: number },
  ): void {
    const entry = message.length > largestEntryBytes ? undefined : entryOf(message, nowMs);
    this.#entries.delete(key);
    if (entry === undefined) return;
    this.#entries.set(key, entry);
    for (const oldest of this.#entries.keys()) {
      if (this.#entries.size <= this.#limit) break;
      this.#entries.delete(oldest);
    }
  }
}

/** Undefined for what is not to be kept. */
function entryOf(message: Buffer, nowMs: number): Entry | undefined {
  const flags = message.readUInt16BE(2);
  const code = flags & headerFlags.code;
  if ((flags & headerFlags.truncated) !== 0) return undefined;
  if (code !== answerCodes.done && code !== answerCodes.noSuchName) return undefined;
  const question = readQuestion(message);
  const records = question === undefined ? undefined : readRecords(message, question.end);
  if (records === undefined) return undefined;
  // The times of EDNS are none (RFC 6891, 6.1.3).
  const timed = records.filter(({ type }) => type !== recordTypes.options);
  const ttlOf = (at: number): number => {
    const ttl = message.readUInt32BE(at);
    // The sign bit was never meant (RFC 2181, 8).
    return ttl > 0x7f_ff_ff_ff ? 0 : ttl;
  };
  const isThere = timed.some(({ section }) => section === 'answer');
  const isPositive = code === answerCodes.done && isThere;
  const seconds = isPositive
    ? Math.min(longestSeconds, ...timed.map(({ ttlAt }) => ttlOf(ttlAt)))
    : negativeSeconds(message, timed);
  if (seconds <= 0) return undefined;
  return {
    // What was received is a part of a larger buffer.
    message: Buffer.from(message),
    ttlsAt: timed.map(({ ttlAt }) => ttlAt),
    keptAtMs: nowMs,
    untilMs: nowMs + seconds * 1_000,
  };
}

/** As long as the zone's authority says; not at all where it says nothing (RFC 2308, 5). */
function negativeSeconds(message: Buffer, records: readonly WireRecord[]): number {
  const start = records.find(
    ({ section, type, dataAt, end }) =>
      section === 'authority' && type === recordTypes.startOfAuthority && end - dataAt >= 22,
  );
  if (start === undefined) return 0;
  const ttl = message.readUInt32BE(start.ttlAt);
  const minimum = message.readUInt32BE(start.end - 4);
  return Math.min(ttl, minimum, longestNegativeSeconds);
}

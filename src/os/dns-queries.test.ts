import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decode, encode, type OptAnswer, type Packet } from 'dns-packet';
import * as fc from 'fast-check';
import type { DnsRecord } from '../host/network-devices.ts';
import { answerAgain, encodeAnswer, passOn } from './dns-answers.ts';
import { type DnsQuery, emptyAnswer, longestAnswer, readQuery } from './dns-queries.ts';
import { answerCodes, headerFlags } from './dns-wire.ts';

function asked(name = 'web', more: Partial<Packet> = {}): Buffer {
  return encode({
    type: 'query',
    id: 4_711,
    flags: headerFlags.recursionDesired,
    questions: [{ type: 'A', class: 'IN', name }],
    ...more,
  });
}

function queryOf(bytes: Buffer): DnsQuery {
  const received = readQuery(bytes);
  assert.equal(received.kind, 'query');
  return received.query;
}

function extension(more: { readonly version?: number; readonly bytes?: number } = {}): OptAnswer {
  return {
    type: 'OPT',
    name: '.',
    udpPayloadSize: more.bytes ?? 4_096,
    extendedRcode: 0,
    ednsVersion: more.version ?? 0,
    flags: 0,
    flag_do: false,
    options: [],
  };
}

function addresses(count: number): readonly DnsRecord[] {
  return Array.from({ length: count }, (_, at) => ({
    type: 'A',
    name: 'web',
    address: `10.0.${Math.floor(at / 250)}.${(at % 250) + 1}`,
  }));
}

/** Changes two bytes of the header or of what follows it. */
function with16(bytes: Buffer, at: number, value: number): Buffer {
  const copy = Buffer.from(bytes);
  copy.writeUInt16BE(value, at < 0 ? copy.length + at : at);
  return copy;
}

const twoQuestions = asked('web', {
  questions: [
    { type: 'A', name: 'web' },
    { type: 'AAAA', name: 'web' },
  ],
});
const { formatError, notImplemented, refused } = answerCodes;

const refusals: readonly (readonly [string, Buffer, number])[] = [
  ['no question', with16(asked(), 4, 0), formatError],
  ['two questions', twoQuestions, formatError],
  ['a name that does not end', asked().subarray(0, 15), formatError],
  ['a record that is not there', with16(asked(), 10, 1), formatError],
  ['a name that is a pointer to itself', with16(asked(), 12, 0xc0_0c), formatError],
  ['two options records', asked('web', { additionals: [extension(), extension()] }), formatError],
  ['a notification', with16(asked(), 2, 4 << 11), notImplemented],
  ['an update', with16(asked(), 2, 5 << 11), notImplemented],
  ['another class', with16(asked('version.bind'), -2, 3), refused],
  ['a transfer of a zone', with16(asked(), -4, 252), refused],
];
for (const [what, bytes, code] of refusals) {
  test(`${what} is answered with code ${code}`, () => {
    const received = readQuery(bytes);
    assert.equal(received.kind, 'wrong');
    assert.equal(received.reply.readUInt16BE(0), 4_711);
    const { response, opcode } = headerFlags;
    const flags = received.reply.readUInt16BE(2);
    assert.equal(flags & (response | opcode), response | (bytes.readUInt16BE(2) & opcode));
    assert.equal(flags & headerFlags.code, code);
    decode(received.reply);
  });
}

test('an answer, and what is shorter than a header, is answered with nothing', () => {
  assert.equal(readQuery(with16(asked(), 2, headerFlags.response)).kind, 'nothing');
  assert.equal(readQuery(asked().subarray(0, 11)).kind, 'nothing');
  assert.equal(readQuery(Buffer.alloc(0)).kind, 'nothing');
});

test('a version of EDNS that nobody has yet is told which there is', () => {
  const received = readQuery(asked('web', { additionals: [extension({ version: 1 })] }));
  assert.equal(received.kind, 'wrong');
  const [option] = decode(received.reply).additionals ?? [];
  assert.ok(option?.type === 'OPT');
  assert.deepEqual([option.extendedRcode, option.ednsVersion], [1, 0]);
  assert.equal(received.reply.readUInt16BE(2) & headerFlags.code, 0);
});

test('who speaks EDNS is answered so, and nobody else', () => {
  const records = addresses(1);
  const answer = (bytes: Buffer) => {
    const query = queryOf(bytes);
    const longestBytes = longestAnswer(query, false);
    return decode(encodeAnswer(query, { records, longestBytes }).message).additionals;
  };
  assert.deepEqual(answer(asked()), []);
  const [option] = answer(asked('web', { additionals: [extension()] })) ?? [];
  assert.ok(option?.type === 'OPT' && option.udpPayloadSize === 1_232);
});

test('an answer is as long as the asker takes and no datagram is split', () => {
  const lengths = [100, 512, 800, 1_232, 4_096].map((bytes) =>
    longestAnswer(queryOf(asked('web', { additionals: [extension({ bytes })] })), false),
  );
  assert.deepEqual(lengths, [512, 512, 800, 1_232, 1_232]);
  assert.equal(longestAnswer(queryOf(asked()), false), 512);
  assert.equal(longestAnswer(queryOf(asked()), true), 65_535);
});

test('of too many addresses some come, with the mark that there are more', () => {
  const query = queryOf(asked());
  const records = addresses(100);
  const whole = encodeAnswer(query, { records, longestBytes: 65_535 });
  assert.equal(decode(whole.message).answers?.length, 100);
  assert.equal(decode(whole.message).flag_tc, false);
  const { message } = encodeAnswer(query, { records, longestBytes: 512 });
  assert.ok(message.length <= 512 && message.length > 512 - 16);
  assert.equal(decode(message).flag_tc, true);
  assert.equal(decode(message).answers?.length, 30);
});

test('the question comes back letter by letter, also one that is no text', () => {
  const strange = with16(asked('WeB.ExAmPlE'), 14, 0xff_2e);
  const { message } = encodeAnswer(queryOf(strange), { records: [], longestBytes: 512 });
  assert.deepEqual(message.subarray(12), strange.subarray(12));
  assert.equal(queryOf(asked('WeB.ExAmPlE')).name, 'web.example');
  // A dot in a label is none between labels.
  assert.equal(queryOf(with16(asked('a_b'), 14, 0x2e_62)).name, String.raw`a\.b`);
});

test('the order of addresses is drawn anew for each answer, and nothing else of it', () => {
  const query = queryOf(asked('web', { additionals: [extension()] }));
  const answer = encodeAnswer(query, { records: addresses(3), longestBytes: 1_232 });
  const firsts = new Set<unknown>();
  for (let id = 0; id < 100; id += 1) {
    const again = decode(answerAgain(answer, id));
    assert.equal(again.id, id);
    const found = (again.answers ?? []).map((one) => (one.type === 'A' ? one.data : ''));
    firsts.add(found[0]);
    assert.deepEqual(found.toSorted(), ['10.0.0.1', '10.0.0.2', '10.0.0.3']);
    assert.equal(again.additionals?.length, 1);
  }
  assert.equal(firsts.size, 3);
});

/** Bytes as they come: of queries with some of them changed, cut or added, and any at all. */
const anyBytes = fc.oneof(
  fc.uint8Array({ maxLength: 600 }).map((bytes) => Buffer.from(bytes)),
  fc
    .record({
      name: fc.domain(),
      hasExtension: fc.boolean(),
      changes: fc.array(fc.tuple(fc.nat(80), fc.nat(255)), { maxLength: 6 }),
      length: fc.nat(120),
      isCut: fc.boolean(),
    })
    .map(({ name, hasExtension, changes, length, isCut }) => {
      const bytes = asked(name, { additionals: hasExtension ? [extension()] : [] });
      for (const [at, value] of changes) if (at < bytes.length) bytes[at] = value;
      return isCut ? bytes.subarray(0, length) : bytes;
    }),
);

/** Whether another reader of DNS takes this for the answer. */
function isLegalAnswer(answer: Buffer, bytes: Buffer): void {
  const read = decode(answer);
  assert.equal(read.type, 'response');
  assert.equal(read.id, bytes.readUInt16BE(0));
}

test('whatever comes, nothing is thrown, and what is answered is legal and not too long', () => {
  fc.assert(
    fc.property(anyBytes, fc.nat(200), fc.boolean(), (bytes, count, overTcp) => {
      const received = readQuery(bytes);
      if (received.kind === 'nothing') return;
      if (received.kind === 'wrong') return isLegalAnswer(received.reply, bytes);
      const { query } = received;
      const longestBytes = longestAnswer(query, overTcp);
      const answer = encodeAnswer(query, { records: addresses(count), longestBytes });
      assert.ok(answer.message.length <= longestBytes);
      isLegalAnswer(answerAgain(answer, query.id), bytes);
      isLegalAnswer(emptyAnswer(query, answerCodes.noSuchName), bytes);
      isLegalAnswer(passOn(query, answer.message, overTcp), bytes);
    }),
    { numRuns: 3_000 },
  );
});

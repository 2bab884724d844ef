import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Prng } from '../lib/prng.ts';
import { encodeMessage, NdjsonDecoder } from './ndjson.ts';

test('messages survive whatever way their bytes are cut', () => {
  const prng = new Prng(7);
  const messages = Array.from({ length: 50 }, (_, index) => ({
    index,
    text: 'ünï\ncödé "quoted" '.repeat(prng.below(5)),
  }));
  const lines = messages.map((message) => Buffer.from(encodeMessage(message)));
  const stream = Buffer.concat(lines);
  const decoder = new NdjsonDecoder();
  const got: unknown[] = [];
  for (let offset = 0; offset < stream.length; ) {
    const sizeBytes = 1 + prng.below(40);
    got.push(...decoder.push(stream.subarray(offset, offset + sizeBytes)));
    offset += sizeBytes;
  }
  decoder.end();
  assert.deepEqual(got, messages);
});

test('a line longer than the limit is refused before it is complete', () => {
  const decoder = new NdjsonDecoder(10);
  decoder.push(Buffer.from('"123456'));
  assert.throws(() => decoder.push(Buffer.from('789ab')), { code: 'resource-exhausted' });
});

test('a message longer than the limit is not sent', () => {
  assert.equal(encodeMessage('x'.repeat(8), 10).length, 11);
  assert.throws(() => encodeMessage('x'.repeat(9), 10), { code: 'resource-exhausted' });
});

test('bytes that are no JSON, or no UTF-8, are refused', () => {
  for (const bad of [
    Buffer.from('{"a":\n'),
    Buffer.from('\n'),
    Buffer.from([0x22, 0xff, 0x22, 0x0a]),
  ]) {
    assert.throws(() => new NdjsonDecoder().push(bad), { code: 'invalid-argument' });
  }
});

test('a stream that ends inside a message says so', () => {
  const decoder = new NdjsonDecoder();
  decoder.push(Buffer.from('{"a":1}\n{"b"'));
  assert.throws(() => decoder.end(), /4 bytes of an unfinished message/);
});

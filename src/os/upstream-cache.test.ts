import assert from 'node:assert/strict';
import { test } from 'node:test';
import { encode } from 'dns-packet';
import * as fc from 'fast-check';
import { UpstreamCache } from './upstream-cache.ts';

function answerFor(name: string, ttl: number): Buffer {
  return encode({
    type: 'response',
    questions: [{ type: 'A', name }],
    answers: [
      { type: 'CNAME', name, ttl, data: `other.${name}` },
      { type: 'A', name: `other.${name}`, ttl, data: '192.0.2.1' },
    ],
    authorities: [{ type: 'NS', name, ttl, data: 'a.test' }],
    additionals: [
      {
        type: 'OPT',
        name: '.',
        udpPayloadSize: 1_232,
        extendedRcode: 0,
        ednsVersion: 0,
        flags: 0x80_00,
        flag_do: true,
        options: [],
      },
    ],
  });
}

test('who was not asked for long goes first', () => {
  const cache = new UpstreamCache(2);
  for (const name of ['one', 'two']) cache.keep(name, { message: answerFor(name, 9), nowMs: 0 });
  assert.ok(cache.find('one', 0));
  cache.keep('three', { message: answerFor('three', 9), nowMs: 0 });
  assert.equal(cache.find('two', 0), undefined);
  assert.ok(cache.find('one', 0) && cache.find('three', 0));
  assert.equal(cache.size, 2);
});

test('what is kept is nobody’s to change, and the flags of EDNS do not age', () => {
  const cache = new UpstreamCache(2);
  const message = answerFor('one', 9);
  cache.keep('one', { message, nowMs: 0 });
  const first = cache.find('one', 3_000);
  const expected = answerFor('one', 6);
  assert.deepEqual(first, expected);
  message.fill(0);
  first?.fill(0);
  assert.deepEqual(cache.find('one', 3_000), expected);
});

test('whatever others send, nothing is thrown, and no longer is kept than an hour', () => {
  const changes = fc.array(fc.tuple(fc.nat(120), fc.nat(255)), { maxLength: 6 });
  const length = fc.integer({ min: 12, max: 120 });
  fc.assert(
    fc.property(fc.domain(), changes, length, (name, changed, cut) => {
      const message = answerFor(name, 600);
      for (const [at, value] of changed) if (at < message.length) message[at] = value;
      const cache = new UpstreamCache(1);
      for (const sent of [message, message.subarray(0, cut)]) {
        cache.keep('key', { message: sent, nowMs: 0 });
        const kept = cache.find('key', 1_000);
        assert.ok(kept === undefined || kept.length === sent.length);
        assert.equal(cache.find('key', 3_600_001), undefined);
      }
    }),
    { numRuns: 2_000 },
  );
});

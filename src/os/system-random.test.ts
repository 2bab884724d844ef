import assert from 'node:assert/strict';
import { it } from 'node:test';
import { newId } from '../lib/id.ts';
import { SystemRandom } from './system-random.ts';

it('system dice are spread over the whole range and never repeat an id', () => {
  const random = new SystemRandom();
  const buckets = Array.from({ length: 10 }, () => 0);
  for (let roll = 0; roll < 1_000; roll += 1) {
    const fraction = random.fraction();
    assert.ok(fraction >= 0 && fraction < 1);
    buckets[Math.floor(fraction * 10)] = 1;
  }
  assert.deepEqual(
    buckets,
    Array.from({ length: 10 }, () => 1),
  );
  const ids = new Set(Array.from({ length: 1_000 }, () => newId((count) => random.bytes(count))));
  assert.equal(ids.size, 1_000);
});

it('system dice give as many bytes as asked, none of them twice', () => {
  const random = new SystemRandom();
  const seen = new Set<string>();
  for (const count of [0, 1, 4_000, 97, 4_096, 10_000, 32, 32, 32]) {
    const bytes = random.bytes(count);
    assert.equal(bytes.length, count);
    if (count < 32) continue;
    const text = Buffer.from(bytes.subarray(0, 32)).toString('hex');
    assert.notEqual(text, '0'.repeat(64));
    assert.equal(seen.has(text), false);
    seen.add(text);
  }
});

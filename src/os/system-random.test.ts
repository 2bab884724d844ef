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

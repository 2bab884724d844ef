import assert from 'node:assert/strict';
import { test } from 'node:test';
import { VirtualClock } from '../../sim/clock.ts';
import { Prng } from '../lib/prng.ts';
import { TimerHeap } from './timer-heap.ts';

test('every key is due once, at the earliest time that it was given', async () => {
  for (let seed = 1; seed <= 20; seed += 1) {
    const dice = new Prng(seed);
    const clock = new VirtualClock(0);
    const fired: (readonly [number, string])[] = [];
    const heap = new TimerHeap(clock, (keys) => {
      for (const key of keys) fired.push([clock.now(), key]);
    });
    const expected = new Map<string, number>();
    for (let count = 0; count < 200; count += 1) {
      const key = `k${dice.below(60)}`;
      const at = dice.below(1_000);
      heap.set(key, at);
      expected.set(key, Math.min(at, expected.get(key) ?? Number.POSITIVE_INFINITY));
      if (dice.chance(0.1)) {
        heap.delete(key);
        expected.delete(key);
      }
    }
    await clock.advance(2_000);
    assert.deepEqual(
      fired.map(([at, key]) => `${at} ${key}`).toSorted(),
      [...expected].map(([key, at]) => `${at} ${key}`).toSorted(),
    );
    const times = fired.map(([at]) => at);
    assert.deepEqual(
      times,
      times.toSorted((left, right) => left - right),
    );
    assert.equal(heap.size, 0);
    assert.equal(clock.sleeping, 0);
  }
});

test('one sleep serves all keys, and none is left when the heap is stopped', async () => {
  const clock = new VirtualClock(0);
  const heap = new TimerHeap(clock, () => assert.fail('a stopped heap fired'));
  for (let at = 100; at > 0; at -= 1) heap.set(`k${at}`, at);
  await clock.settle();
  assert.equal(clock.sleeping, 1);
  heap.stop();
  await clock.settle();
  assert.equal(clock.sleeping, 0);
  await clock.advance(1_000);
});

test('a due time that is put off a thousand times keeps no thousand entries', async () => {
  const clock = new VirtualClock(0);
  const fired: string[] = [];
  const heap = new TimerHeap(clock, (keys) => fired.push(...keys));
  heap.set('other', 5_000);
  for (let at = 1; at <= 1_000; at += 1) {
    heap.delete('deadline');
    heap.set('deadline', 10_000 + at);
  }
  assert.ok(heap.entries < 100, `${heap.entries} entries`);
  await clock.advance(10_999);
  assert.deepEqual(fired, ['other']);
  await clock.advance(1);
  assert.deepEqual(fired, ['other', 'deadline']);
});

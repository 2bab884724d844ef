import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fromNanoseconds, goTime, toNanoseconds } from './go-time.ts';

for (const [instant, text] of [
  [Date.UTC(2026, 10, 21, 3, 58, 38, 119), '2026-11-21T03:58:38.119Z'],
  [Date.UTC(2026, 10, 21, 3, 58, 38, 120), '2026-11-21T03:58:38.12Z'],
  [Date.UTC(2026, 10, 21, 3, 58, 30, 0), '2026-11-21T03:58:30Z'],
  [Date.UTC(2026, 10, 21, 3, 50, 0, 100), '2026-11-21T03:50:00.1Z'],
] as const) {
  test(`${text} is written as Go writes it`, () => {
    assert.equal(goTime(instant), text);
  });
}

test('durations go to nanoseconds and back', () => {
  for (const nanoseconds of [0, 1_000, 1_500_000, 5_000_000_000]) {
    assert.equal(toNanoseconds(fromNanoseconds(nanoseconds)), nanoseconds);
  }
});

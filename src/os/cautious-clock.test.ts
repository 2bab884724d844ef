import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CautiousClock } from './cautious-clock.ts';

test('of two clocks the one that went further counts, and none goes back', () => {
  let read = { steadyMs: 100, wallMs: 1_000_000 };
  const clock = new CautiousClock(() => read);
  read = { steadyMs: 600, wallMs: 1_000_500 };
  assert.equal(clock.now(), 500);
  // The machine slept.
  read = { steadyMs: 700, wallMs: 1_060_500 };
  assert.equal(clock.now(), 60_500);
  // Somebody set the clock back.
  read = { steadyMs: 800, wallMs: 10 };
  assert.equal(clock.now(), 60_600);
  assert.equal(clock.now(), 60_600);
});

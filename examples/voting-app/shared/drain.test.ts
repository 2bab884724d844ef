import assert from 'node:assert/strict';
import { test } from 'node:test';
import { drainDelayMs } from './drain.ts';

const rules = { quietMs: 250, limitMs: 5_000 };

test('an idle server closes after one quiet period', () => {
  const view = { stopRequestedAtMs: 1_000, lastArrivalAtMs: 0 };
  assert.equal(drainDelayMs({ ...view, nowMs: 1_000 }, rules), 250);
  assert.equal(drainDelayMs({ ...view, nowMs: 1_250 }, rules), 0);
});

test('each new connection starts the quiet period again', () => {
  const view = { nowMs: 1_300, stopRequestedAtMs: 1_000, lastArrivalAtMs: 1_200 };
  assert.equal(drainDelayMs(view, rules), 150);
});

test('a server that is never quiet closes at the limit', () => {
  const view = { stopRequestedAtMs: 1_000, lastArrivalAtMs: 5_990 };
  assert.equal(drainDelayMs({ ...view, nowMs: 5_995 }, rules), 5);
  assert.equal(drainDelayMs({ ...view, nowMs: 6_010 }, rules), 0);
});

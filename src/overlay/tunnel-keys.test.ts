import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TunnelKeys } from '../model/encryption.ts';
import { rotate } from './tunnel-keys.ts';

/* As in `src/overlay/tunnel-keys.ts`. */
const keyPeriodMs = 12 * 3_600_000;
const keyNoticeMs = 60_000;

const pair = (name: string) => ({ privateKey: `${name}-private`, publicKey: name });
const newPair = () => pair('second');
const start: TunnelKeys = { current: pair('first'), since: 1_000 };
const due = start.since + keyPeriodMs;

test('a key serves for its time, and then a next one is made and not used', () => {
  const at = (now: number) => rotate(start, { now, told: undefined, newPair });
  assert.equal(at(due - 1), start);
  assert.deepEqual(at(due), { ...start, next: pair('second') });
});

test('the next one is used some time after managers know it, and not without them', () => {
  const next = { ...start, next: pair('second') };
  const later = due + 100 * keyPeriodMs;
  for (const told of [undefined, 'first']) {
    assert.equal(rotate(next, { now: later, told, newPair }), next, String(told));
  }
  const known = rotate(next, { now: due, told: 'second', newPair });
  assert.deepEqual(known, { ...next, nextKnownAt: due });
  const early = { now: due + keyNoticeMs - 1, told: 'second', newPair };
  assert.equal(rotate(known, early), known);
  const now = due + keyNoticeMs;
  assert.deepEqual(rotate(known, { now, told: 'second', newPair }), {
    current: pair('second'),
    since: now,
  });
});

test('managers that forgot the next one are told again, and given time again', () => {
  const known = { ...start, next: pair('second'), nextKnownAt: due };
  const now = due + keyNoticeMs;
  const { nextKnownAt: _, ...forgotten } = known;
  assert.deepEqual(rotate(known, { now, told: undefined, newPair }), forgotten);
});

test('a clock that was set back delays a key, and does not keep it', () => {
  const known = { ...start, next: pair('second'), nextKnownAt: due };
  const back = rotate(known, { now: due - keyPeriodMs, told: 'second', newPair });
  assert.equal(back.nextKnownAt, due - keyPeriodMs);
  const ahead = { ...start, since: due + keyPeriodMs };
  assert.ok(rotate(ahead, { now: due, told: undefined, newPair }).next, 'it does not count time');
});

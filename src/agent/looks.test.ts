import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Looks } from './looks.ts';

const periodMs = 30_000;

/** Looks every half a minute for a day: whole ones take so long, brief ones nothing. */
function wholeLooksOfDay(tookMs: number): number {
  const looks = new Looks();
  let count = 0;
  for (let now = 1; now < 24 * 3_600_000; now += periodMs) {
    const isBrief = !looks.isWholeDue(now);
    if (!isBrief) count += 1;
    now += looks.restAfter({ began: now, ended: now + (isBrief ? 0 : tookMs), isBrief });
  }
  return count;
}

test('a look that takes no time is always a whole one', () => {
  assert.ok(wholeLooksOfDay(100) > 2_700);
});

test('whole looks take half a hundredth of the time, however long one of them takes', () => {
  for (const tookMs of [1_000, 5_000, 20_000]) {
    const share = (wholeLooksOfDay(tookMs) * tookMs) / (24 * 3_600_000);
    assert.ok(share < 0.006 && share > 0.003, `${tookMs}: ${share}`);
  }
});

test('who makes us look again and again gets half of the time at most', () => {
  const looks = new Looks();
  assert.equal(looks.restAfter({ began: 0, ended: 10, isBrief: false }), 1_000);
  assert.equal(looks.restAfter({ began: 0, ended: 4_000, isBrief: false }), 4_000);
});

test('a clock that was set back does not keep the kernel from being looked at', () => {
  const looks = new Looks();
  looks.restAfter({ began: 5_000, ended: 1_000, isBrief: false });
  assert.ok(looks.isWholeDue(1_000));
});

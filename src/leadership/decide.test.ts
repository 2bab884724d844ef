import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decide, type LeadershipCircumstances, mayAct, wakeAt } from './decide.ts';
import {
  type Decision,
  type LeadershipEvent,
  type Stance,
  startFollowing,
  startVacant,
} from './stance.ts';
import { leadershipTerms as terms } from './terms.ts';

const seen = { epoch: 4, sign: 'a' };
const later = { epoch: 4, sign: 'b' };

function at(now: number, rank = 0): LeadershipCircumstances {
  return { terms, now, rank, fraction: 0 };
}

/** Event after event, each at its time; the decision on the last one. */
function after(
  stance: Stance,
  ...events: readonly (readonly [now: number, event: LeadershipEvent])[]
): Decision {
  let decision: Decision = { stance, steps: [] };
  for (const [now, event] of events) decision = decide(decision.stance, event, at(now));
  return decision;
}

const following = startFollowing(seen, { now: 0, extraMs: 0 });
const tick = { kind: 'tick' } as const;
const answered = { kind: 'answered', seen } as const;

function holding(): Stance {
  const { stance } = after(
    following,
    [500, tick],
    [510, answered],
    [1_000, tick],
    [1_015, { kind: 'taken', epoch: 5 }],
  );
  return stance;
}

test('an epoch whose holder is gone is taken at once', () => {
  const vacant = startVacant(seen, { now: 0, extraMs: 0, silentMs: terms.silentMs });
  const { steps } = after(vacant, [0, tick]);
  assert.deepEqual(steps, [{ kind: 'take', seen }]);
  const heard = after(vacant, [0, { kind: 'heard', seen: later }], [1, tick]);
  assert.deepEqual(heard.steps, [], 'somebody was faster');
});

test('an epoch that was given back is taken at once, by the first in rank', () => {
  const released = { epoch: 4, sign: '-', isReleased: true };
  const heard = { kind: 'heard', seen: released } as const;
  for (const rank of [0, 1]) {
    const told = decide(following, heard, at(300, rank));
    assert.deepEqual(told.steps, []);
    const first = decide(told.stance, tick, at(300, rank));
    assert.deepEqual(
      first.steps.map(({ kind }) => kind),
      [rank === 0 ? 'take' : 'ask'],
    );
    const answered = { kind: 'answered', seen: released } as const;
    const later = decide(first.stance, answered, at(300 + terms.rankStepMs, rank));
    assert.equal(later.steps[0]?.kind, rank === 0 ? undefined : 'take');
  }
});

test('who hears the holder does nothing', () => {
  const { stance, steps } = after(following, [400, { kind: 'heard', seen: later }], [800, tick]);
  assert.deepEqual(steps, []);
  assert.equal(wakeAt(stance, terms), 400 + terms.doubtMs);
});

test('who is in doubt asks first, and takes only after the whole silence', () => {
  assert.deepEqual(after(following, [500, tick]).steps, [{ kind: 'ask' }]);
  assert.deepEqual(after(following, [500, tick], [510, answered]).steps, []);
  const { steps } = after(following, [500, tick], [510, answered], [999, tick]);
  assert.deepEqual(steps, [{ kind: 'ask' }]);
  const taking = after(following, [500, tick], [510, answered], [999, tick], [1_001, answered]);
  assert.deepEqual(taking.steps, [{ kind: 'take', seen }]);
});

test('an answer that tells of a sign of life ends the doubt', () => {
  const { stance, steps } = after(
    following,
    [990, tick],
    [1_200, { kind: 'answered', seen: later }],
  );
  assert.deepEqual(steps, []);
  assert.equal(stance.kind === 'following' && stance.heardAt, 1_200);
});

test('a store that was silent itself leaves the holder its grace', () => {
  const events = [
    [500, tick],
    [750, { kind: 'unanswered' }],
    [3_000, tick],
    [3_010, answered],
  ] as const;
  assert.deepEqual(after(following, ...events).steps, []);
  const graced = 3_010 + terms.graceMs;
  assert.deepEqual(after(following, ...events, [graced - 1, tick]).steps, [{ kind: 'ask' }]);
  const { steps } = after(following, ...events, [graced - 1, tick], [graced, answered]);
  assert.deepEqual(steps, [{ kind: 'take', seen }]);
});

test('each rank waits longer', () => {
  for (const rank of [0, 1, 4]) {
    const { stance } = decide(following, { kind: 'heard', seen: later }, at(100, rank));
    assert.equal(stance.kind === 'following' && stance.extraMs, rank * terms.rankStepMs);
  }
});

test('the epoch counts from when it was asked for, and is proven again in time', () => {
  const stance = holding();
  assert.ok(mayAct(stance, { now: 1_899, terms }));
  assert.ok(!mayAct(stance, { now: 1_900, terms }));
  assert.equal(wakeAt(stance, terms), 1_000 + terms.signEveryMs);
  const { steps } = after(stance, [1_255, tick]);
  assert.deepEqual(steps, [{ kind: 'write-sign', epoch: 5 }]);
});

test('a commit is a sign of life', () => {
  const { stance } = after(holding(), [
    1_200,
    { kind: 'proven', by: 'commit', epoch: 5, sentAt: 1_190 },
  ]);
  assert.equal(wakeAt(stance, terms), 1_190 + terms.signEveryMs);
  assert.ok(mayAct(stance, { now: 2_000, terms }));
});

test('a holder that proves nothing pauses, and goes on when the epoch is still its own', () => {
  const paused = after(holding(), [1_255, tick], [1_905, tick]);
  assert.deepEqual(paused.steps, [{ kind: 'pause' }]);
  const again = after(
    paused.stance,
    [2_500, { kind: 'sign-lost' }],
    [2_550, tick],
    [2_560, { kind: 'proven', by: 'sign', epoch: 5, sentAt: 2_550 }],
  );
  assert.deepEqual(again.steps, [{ kind: 'lead', epoch: 5 }]);
});

test('a holder that wakes from a freeze may not act before it has asked', () => {
  const stance = holding();
  assert.ok(!mayAct(stance, { now: 9_000, terms }));
  const refused = after(
    stance,
    [9_000, tick],
    [9_010, { kind: 'refused', seen: { epoch: 6, sign: 'c' } }],
  );
  assert.deepEqual(refused.steps, [{ kind: 'follow', epoch: 6 }]);
  assert.equal(refused.stance.kind, 'following');
});

test('who was too slow, or cannot tell, follows', () => {
  const taking = after(following, [500, tick], [510, answered], [999, tick], [1_001, answered]);
  for (const event of [{ kind: 'not-taken', seen: later }, { kind: 'take-lost' }] as const) {
    const { stance, steps } = after(taking.stance, [1_050, event]);
    assert.equal(stance.kind, 'following');
    assert.deepEqual(steps, []);
  }
});

test('what belongs to another stance changes nothing', () => {
  const strays: readonly LeadershipEvent[] = [
    { kind: 'taken', epoch: 9 },
    { kind: 'take-lost' },
    { kind: 'sign-lost' },
    { kind: 'proven', by: 'sign', epoch: 3, sentAt: 0 },
  ];
  for (const event of strays) assert.equal(after(following, [10, event]).stance, following);
  const held = holding();
  assert.equal(
    after(held, [1_100, { kind: 'proven', by: 'sign', epoch: 4, sentAt: 1_099 }]).stance,
    held,
  );
  assert.equal(after(held, [1_100, { kind: 'heard', seen }]).stance, held);
});

test('the terms leave room for clocks that differ', () => {
  assert.ok(terms.holdMs * 1.02 < terms.silentMs * 0.98);
  assert.ok(terms.signEveryMs * 3 < terms.holdMs);
});

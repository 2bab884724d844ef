import assert from 'node:assert/strict';
import { test } from 'node:test';
import { leaseTerms } from '../../src/liveness/terms.ts';
import { type DrawnLink, drawLife } from './drawn-link.ts';

const quiet: DrawnLink = {
  lossChance: 0,
  lossRunMs: 0,
  delayMs: 1,
  jitterMs: 0,
  stallMs: 0,
  betweenStallsMs: 0,
  cutEveryMs: 0,
  deafens: false,
};
const hourMs = 3_600_000;

const bad: readonly (readonly [string, Partial<DrawnLink>])[] = [
  ['10 % loss', { lossChance: 0.1 }],
  ['10 % loss in runs of 200 ms', { lossChance: 0.1, lossRunMs: 200 }],
  ['jitter of 400 ms', { jitterMs: 400 }],
  ['a manager that stalls for a second, again and again', { stallMs: 1_000, betweenStallsMs: 10 }],
  [
    '10 % loss, jitter and stalls together',
    { lossChance: 0.1, jitterMs: 200, stallMs: 1_000, betweenStallsMs: 10 },
  ],
];

for (const [name, link] of bad) {
  test(`nobody is given up in an hour of ${name}`, () => {
    const life = drawLife(
      { ...quiet, ...link },
      { terms: leaseTerms, durationMs: hourMs, seed: 7 },
    );
    assert.equal(life.falselyDown, 0);
    assert.ok(life.datagrams > 6_000);
  });
}

test('a cut is seen within three seconds, and fenced tasks are stopped before they are given away', () => {
  const link = { ...quiet, cutEveryMs: 60_000 };
  const life = drawLife(link, { terms: leaseTerms, durationMs: hourMs, seed: 8 });
  assert.equal(life.noticedAfterMs.length, 60);
  const sorted = life.noticedAfterMs.toSorted((left, right) => left - right);
  assert.ok((sorted[30] ?? Infinity) <= 2_600);
  assert.ok((sorted.at(-1) ?? Infinity) <= 3_000);
  assert.equal(life.fencedTooLate, 0);
});

test('a node that is heard and hears nothing is given up within four seconds', () => {
  const link = { ...quiet, cutEveryMs: 60_000, deafens: true };
  const life = drawLife(link, { terms: leaseTerms, durationMs: hourMs, seed: 10 });
  assert.equal(life.noticedAfterMs.length, 60);
  assert.ok(Math.max(...life.noticedAfterMs) <= 4_000);
  assert.deepEqual([life.falselyDown, life.fencedTooLate], [0, 0]);
});

test('terms that leave no room for loss are found out', () => {
  const hasty = { ...leaseTerms, silentAfterMs: 100, doubtMs: 100 };
  const link = { ...quiet, lossChance: 0.3, lossRunMs: 500 };
  assert.ok(drawLife(link, { terms: hasty, durationMs: hourMs, seed: 9 }).falselyDown > 0);
});

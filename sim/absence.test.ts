import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runAbsence } from './absence.ts';
import { seedThatFinds } from './planted/find-planted.ts';
import { absenceBugs } from './planted/absence-bugs.ts';

const seeds = 6;

test('a node whose managers are away keeps its tasks up, and counts as they would', async () => {
  let startedAlone = 0;
  for (let seed = 1; seed <= seeds; seed += 1) {
    const outcome = await runAbsence(seed);
    assert.deepEqual(outcome.violations, [], `seed ${seed}`);
    startedAlone += outcome.startedAlone;
  }
  assert.ok(startedAlone > seeds);
});

for (const bug of absenceBugs) {
  test(`a seed finds the planted bug: ${bug.name}`, async () => {
    const found = await seedThatFinds(bug, async (seed) => {
      const { violations } = await runAbsence(seed, bug);
      return violations.some((violation) => bug.finds.test(violation));
    });
    assert.ok(found !== undefined);
  });
}

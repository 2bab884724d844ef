import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runAbsence } from './absence.ts';
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

for (const { name, finds, seed, seams } of absenceBugs) {
  test(`seed ${seed} finds the planted bug: ${name}`, async () => {
    const { violations } = await runAbsence(seed, { seams });
    assert.ok(violations.some((violation) => finds.test(violation)));
  });
}

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runClusterSeed } from './cluster/cluster-life.ts';
import { clusterBugs } from './planted/cluster-bugs.ts';
import { seedThatFinds } from './planted/find-planted.ts';
import { nodeBugs } from './planted/node-bugs.ts';
import { roundBugs } from './planted/round-bugs.ts';
import { storeBugs } from './planted/store-bugs.ts';
import { runSeed } from './scenario.ts';

test('the same seed lives the same life', async () => {
  const lives: string[][] = [[], []];
  for (const lines of lives) await runSeed(3, { tell: (line) => lines.push(line) });
  assert.ok((lives[0]?.length ?? 0) > 50);
  assert.deepEqual(lives[0], lives[1]);
});

for (const bug of [...storeBugs, ...roundBugs, ...nodeBugs]) {
  test(`a seed finds the planted bug: ${bug.name}`, async () => {
    const found = await seedThatFinds(bug, async (seed) => {
      const { violations } = await runSeed(seed, bug);
      return violations.some(({ check }) => check === bug.check);
    });
    assert.ok(found !== undefined);
  });
}

for (const bug of clusterBugs) {
  test(`a seed of a cluster finds the planted bug: ${bug.name}`, async () => {
    const found = await seedThatFinds(bug, async (seed) => {
      const { violations } = await runClusterSeed(seed, bug);
      return violations.some(({ check }) => check === bug.check);
    });
    assert.ok(found !== undefined);
  });
}

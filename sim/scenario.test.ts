import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runClusterSeed } from './cluster/cluster-life.ts';
import { clusterBugs } from './planted/cluster-bugs.ts';
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

for (const { name, check, seed, seams } of [...storeBugs, ...roundBugs, ...nodeBugs]) {
  test(`seed ${seed} finds the planted bug: ${name}`, async () => {
    const { violations } = await runSeed(seed, { seams });
    assert.ok(violations.some((violation) => violation.check === check));
  });
}

for (const { name, check, seed, seams } of clusterBugs) {
  test(`seed ${seed} of a cluster finds the planted bug: ${name}`, async () => {
    const { violations } = await runClusterSeed(seed, { seams });
    assert.ok(violations.some((violation) => violation.check === check));
  });
}

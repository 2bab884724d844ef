import assert from 'node:assert/strict';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { runClusterFaults } from './cluster/run.ts';
import { onOwnHost } from './fixture/on-own-host.ts';

/** The short version of `npm run prove -- cluster`. */
const seed = 32;
const faults = 4;

onOwnHost(import.meta.filename, () => {
  test('a cluster outlives faults: no write lost, nothing twice, its application answers', async (t) => {
    const { records } = await runClusterFaults({
      seed,
      faults,
      managers: 1,
      workers: 2,
      longestHoldMs: 4_500,
      // Other tests run beside it, and then a node is missed later.
      oneLostOf: 200,
      evidence: join(tmpdir(), `tutti-cluster-seed-${seed}`),
      report: (line) => t.diagnostic(line),
      signal: t.signal,
    });
    assert.equal(records.length, faults);
    assert.ok(records.every(({ requests, writes }) => requests > 0 && writes > 0));
  });
});

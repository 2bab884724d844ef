import assert from 'node:assert/strict';
import { it } from 'node:test';
import { measureFailovers } from './etcd/etcd-failover.ts';

it('another manager writes after the leader hung or was killed, and what returns follows', async () => {
  const faults = ['hang', 'kill'] as const;
  const failovers = await measureFailovers(faults);
  assert.deepEqual(
    failovers.map(({ fault }) => fault),
    faults,
  );
});

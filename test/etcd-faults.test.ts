import assert from 'node:assert/strict';
import { it } from 'node:test';
import { proveEtcdFaults } from './etcd/etcd-faults.ts';

it('a store in etcd loses no acknowledged write, whoever is killed or frozen', async () => {
  const { acknowledged, faults } = await proveEtcdFaults({ seed: 1, rounds: 4 });
  assert.ok(acknowledged > 100, `${acknowledged} acknowledged`);
  for (const [fault, count] of Object.entries(faults)) assert.equal(count, 1, fault);
});

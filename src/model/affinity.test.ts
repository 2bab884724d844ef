import assert from 'node:assert/strict';
import { test } from 'node:test';
import { affinityOf } from './affinity.ts';

test('a service has an affinity that its label names, and no other', () => {
  assert.equal(affinityOf({ 'dev.tutti.affinity': 'client-ip' }), 'client-ip');
  assert.equal(affinityOf({ 'dev.tutti.affinity': 'cookie' }), undefined);
  assert.equal(affinityOf({}), undefined);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { heldText, type NodeDescription } from './node.ts';

const description: NodeDescription = {
  hostname: 'vm',
  os: 'linux',
  architecture: 'x86_64',
  nanoCpus: 4e9,
  memoryBytes: 8 * 1024 ** 3,
  engineVersion: '28.2.2',
  engineLabels: {},
  plugins: [],
  hostSubnets: [],
  address: '192.0.2.1',
};

test('a node that keeps tasks says how many, and what to do; another one says nothing', () => {
  assert.match(heldText({ ...description, heldTasks: 4 }) ?? '', /^4 tasks .* `tutti node accept`/);
  assert.equal(heldText(description), undefined);
  assert.equal(heldText({ ...description, heldTasks: 0 }), undefined);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TuttiError } from '../lib/error.ts';
import { noManagerAnswers } from './lost-node.ts';
import type { Member } from './seat-taking.ts';

const managers = ['192.0.2.1:2377', '192.0.2.2:2377'].map((address, index) => ({
  nodeId: `n${index}`,
  address,
}));
const membership = { clusterId: 'c', certificate: '', roots: [], managers, address: '192.0.2.3' };
const member: Member = { nodeId: 'n3', key: '', membership };

test('a node that hears of no manager says where it looks, and what to do', () => {
  const silence = new TuttiError('unavailable', 'connect ECONNREFUSED 192.0.2.2:2377');
  const said = noManagerAnswers(member, { error: silence, isLost: true }) ?? '';
  assert.match(said, /answers at 192\.0\.2\.1:2377, 192\.0\.2\.2:2377: connect ECONNREFUSED/);
  assert.match(said, /docker swarm join --token TOKEN ADDRESS/);
});

test('nobody is advised what would be refused yet', () => {
  const silence = new TuttiError('unavailable', 'connect ECONNREFUSED 192.0.2.2:2377');
  const said = noManagerAnswers(member, { error: silence, isLost: false }) ?? '';
  assert.match(said, /ECONNREFUSED 192\.0\.2\.2:2377\. Tasks run on meanwhile\.$/);
});

test('what a manager said is not taken for silence', () => {
  const refused = new TuttiError('unauthenticated', 'it was removed');
  assert.equal(noManagerAnswers(member, { error: refused, isLost: true }), undefined);
});

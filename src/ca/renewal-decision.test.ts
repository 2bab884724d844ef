import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { NodeRecord, PeerCertificate } from '../model/identity.ts';
import type { Knowledge } from './authorise.ts';
import { decideRenewal } from './renewal-decision.ts';

/** Two years: what the documents promise. */
const renewalGraceMs = 2 * 365 * 24 * 3_600_000;

const now = Date.UTC(2026, 10, 21);
const dayMs = 24 * 3_600_000;
const row: NodeRecord = { nodeId: 'n', role: 'manager', keyDigest: 'key' };
const knowledge: Knowledge = {
  clusterId: 'c',
  roots: [
    { id: 'new', stage: 'signing' },
    { id: 'old', stage: 'retired' },
  ],
  node: (nodeId) => (nodeId === 'n' ? row : undefined),
  now,
};
const certificate: PeerCertificate = {
  nodeId: 'n',
  role: 'worker',
  clusterId: 'c',
  keyDigest: 'key',
  notBefore: now - 90 * dayMs,
  notAfter: now + dayMs,
  rootId: 'new',
};
const accepted = { kind: 'accepted', nodeId: 'n', role: 'manager' };

test('a promoted node gets the certificate of a manager when it renews', () => {
  assert.deepEqual(decideRenewal({ certificate, keyDigest: 'key' }, knowledge), accepted);
});

test('a node that was off for a year, or slept through a rotation, gets one too', () => {
  for (const change of [{ notAfter: now - 365 * dayMs }, { rootId: 'old' }]) {
    const late = { certificate: { ...certificate, ...change }, keyDigest: 'key' };
    assert.deepEqual(decideRenewal(late, knowledge), accepted);
  }
});

const refusals = [
  ['another key', certificate, 'other', 'wrong-key'],
  ['nothing shown', undefined, 'key', 'no-certificate'],
  ['a removed node', { ...certificate, nodeId: 'gone' }, 'key', 'unknown-node'],
  ['a stolen root', { ...certificate, keyDigest: 'thief' }, 'thief', 'wrong-key'],
  [
    'a certificate from long ago',
    { ...certificate, notAfter: now - renewalGraceMs },
    'key',
    'grace-over',
  ],
] as const;

for (const [name, shown, keyDigest, reason] of refusals) {
  test(`nothing is renewed for ${name}`, () => {
    const said = decideRenewal({ certificate: shown, keyDigest }, knowledge);
    assert.equal(said.kind === 'refused' && said.reason, reason);
  });
}

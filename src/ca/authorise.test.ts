import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import type { NodeRecord, PeerCertificate } from '../model/identity.ts';
import { authorise, type Knowledge } from './authorise.ts';
import { accessOfCalls } from './calls.ts';
import type { RefusalReason } from './refusal.ts';

/** Two years: what the documents promise. */
const renewalGraceMs = 2 * 365 * 24 * 3_600_000;

const now = Date.UTC(2026, 10, 21);
const dayMs = 24 * 3_600_000;

const rows: readonly NodeRecord[] = [
  { nodeId: 'm', role: 'manager', keyDigest: 'key-m' },
  { nodeId: 'w', role: 'worker', keyDigest: 'key-w' },
  { nodeId: 'demoted', role: 'worker', keyDigest: 'key-d' },
  { nodeId: 'promoted', role: 'manager', keyDigest: 'key-p' },
];

const knowledge: Knowledge = {
  clusterId: 'c',
  roots: [
    { id: 'r2', stage: 'signing' },
    { id: 'r1', stage: 'trusted' },
    { id: 'r0', stage: 'retired' },
  ],
  node: (nodeId) => rows.find((row) => row.nodeId === nodeId),
  now,
};

const worker: PeerCertificate = {
  nodeId: 'w',
  role: 'worker',
  clusterId: 'c',
  keyDigest: 'key-w',
  notBefore: now - dayMs,
  notAfter: now + dayMs,
  rootId: 'r2',
};
const manager: PeerCertificate = { ...worker, nodeId: 'm', role: 'manager', keyDigest: 'key-m' };

const workerCalls = ['session.open', 'session.logs', 'node.leave', 'authority.renew'];
const managerCalls = [
  'manager.forward',
  'manager.relay',
  'manager.member',
  'manager.sealing-key',
  'manager.admit',
  'manager.left',
];

test('a worker makes the calls of nodes, and none of managers', () => {
  for (const call of workerCalls) {
    const said = authorise({ call, certificate: worker }, knowledge);
    assert.deepEqual(said, { kind: 'node', nodeId: 'w', role: 'worker' }, call);
  }
  for (const call of managerCalls) {
    const said = authorise({ call, certificate: worker }, knowledge);
    assert.equal(said.kind === 'refused' && said.reason, 'wrong-role', call);
  }
});

test('a manager makes every call', () => {
  for (const call of [...workerCalls, ...managerCalls]) {
    const said = authorise({ call, certificate: manager }, knowledge);
    assert.deepEqual(said, { kind: 'node', nodeId: 'm', role: 'manager' }, call);
  }
});

test('without a certificate a peer can ask for the root and join, and nothing else', () => {
  const allowed = Object.keys(accessOfCalls).filter(
    (call) => authorise({ call, certificate: undefined }, knowledge).kind !== 'refused',
  );
  assert.deepEqual(allowed, ['authority.root', 'authority.join']);
});

test('the cross-signed root that still counts is as good as the new one', () => {
  const certificate = { ...worker, rootId: 'r1' };
  assert.equal(authorise({ call: 'session.open', certificate }, knowledge).kind, 'node');
});

test('a demoted manager is a worker at once, a promoted worker once it has the certificate', () => {
  const demoted = { ...manager, nodeId: 'demoted', keyDigest: 'key-d' };
  const promoted = { ...worker, nodeId: 'promoted', keyDigest: 'key-p' };
  for (const certificate of [demoted, promoted]) {
    const session = authorise({ call: 'session.open', certificate }, knowledge);
    assert.equal(session.kind === 'node' && session.role, 'worker');
    const forward = authorise({ call: 'manager.forward', certificate }, knowledge);
    assert.equal(forward.kind === 'refused' && forward.reason, 'wrong-role');
  }
});

const refusals: readonly (readonly [string, Partial<PeerCertificate>, RefusalReason])[] = [
  ['of a foreign authority', { rootId: undefined }, 'unknown-issuer'],
  ['of a root that was forgotten', { rootId: 'r-old' }, 'unknown-issuer'],
  ['of a root that was rotated out', { rootId: 'r0' }, 'retired-issuer'],
  ['for another cluster', { clusterId: 'other' }, 'wrong-cluster'],
  ['of a removed node', { nodeId: 'gone' }, 'unknown-node'],
  ['with another key than the node has', { keyDigest: 'key-m' }, 'wrong-key'],
  ['that claims the id of a manager', { nodeId: 'm', role: 'manager' }, 'wrong-key'],
  ['without a role', { role: undefined }, 'wrong-role'],
  ['that begins tomorrow', { notBefore: now + dayMs }, 'not-yet-valid'],
  ['that ended yesterday', { notAfter: now - dayMs }, 'expired'],
  ['that ended years ago', { notAfter: now - renewalGraceMs - 1 }, 'grace-over'],
];

for (const [name, change, reason] of refusals) {
  test(`a certificate ${name} opens no session`, () => {
    const certificate = { ...worker, ...change };
    const said = authorise({ call: 'session.open', certificate }, knowledge);
    assert.ok(said.kind === 'refused');
    assert.equal(said.reason, reason);
    assert.match(said.message, /\w/);
    assert.match(said.hint, /\.$/);
  });
}

test('a node speaks for itself alone', () => {
  const own = authorise({ call: 'session.open', certificate: worker, nodeId: 'w' }, knowledge);
  assert.equal(own.kind, 'node');
  for (const certificate of [worker, manager]) {
    const call = { call: 'session.open', certificate, nodeId: 'demoted' };
    const said = authorise(call, knowledge);
    assert.equal(said.kind === 'refused' && said.reason, 'other-node');
  }
});

test('an expired or rotated-out certificate renews itself, with its own key, and does no more', () => {
  for (const change of [{ notAfter: now - 365 * dayMs }, { rootId: 'r0' }]) {
    const certificate = { ...worker, ...change };
    assert.equal(authorise({ call: 'authority.renew', certificate }, knowledge).kind, 'node');
    const stolen = { ...certificate, keyDigest: 'key-thief' };
    const said = authorise({ call: 'authority.renew', certificate: stolen }, knowledge);
    assert.equal(said.kind === 'refused' && said.reason, 'wrong-key');
    for (const call of Object.keys(accessOfCalls)) {
      if (call.startsWith('authority.')) continue;
      assert.equal(authorise({ call, certificate }, knowledge).kind, 'refused', call);
    }
  }
});

test('what is not in the table is refused, also what every object has', () => {
  for (const call of ['', 'api.anything', 'constructor', 'toString', '__proto__']) {
    const said = authorise({ call, certificate: manager }, knowledge);
    assert.equal(said.kind === 'refused' && said.reason, 'unknown-call', call);
  }
});

test('no certificate is allowed what a dumb reading of the rules forbids', () => {
  const certificates = fc.record({
    nodeId: fc.constantFrom('m', 'w', 'demoted', 'promoted', 'gone'),
    role: fc.constantFrom('manager' as const, 'worker' as const, undefined),
    clusterId: fc.constantFrom('c', 'other'),
    keyDigest: fc.constantFrom('key-m', 'key-w', 'key-d', 'key-p', 'key-x'),
    notBefore: fc.constantFrom(now - dayMs, now, now + 1),
    notAfter: fc.constantFrom(now + dayMs, now - dayMs, now - renewalGraceMs - dayMs),
    rootId: fc.constantFrom('r0', 'r1', 'r2', 'r3', undefined),
  });
  const calls = fc.constantFrom(...Object.keys(accessOfCalls), 'other');
  let allowed = 0;
  fc.assert(
    fc.property(certificates, calls, (certificate, call) => {
      const said = authorise({ call, certificate }, knowledge);
      assert.equal(said.kind !== 'refused', dumbly(certificate, call), JSON.stringify(said));
      if (said.kind === 'node') allowed += 1;
    }),
    { numRuns: 20_000, seed: 1 },
  );
  assert.ok(allowed > 20, `only ${allowed} were allowed: the test says little`);
});

function dumbly(certificate: PeerCertificate, call: string): boolean {
  if (call === 'other') return false;
  if (call === 'authority.root' || call === 'authority.join') return true;
  const row = rows.find(({ nodeId }) => nodeId === certificate.nodeId);
  const isOurs = row?.keyDigest === certificate.keyDigest && certificate.clusterId === 'c';
  if (!isOurs || certificate.role === undefined || certificate.notBefore > now) return false;
  const renews = call === 'authority.renew';
  const roots = renews ? ['r0', 'r1', 'r2'] : ['r1', 'r2'];
  if (!roots.includes(certificate.rootId ?? '')) return false;
  if (certificate.notAfter < now - (renews ? renewalGraceMs : 0)) return false;
  return !call.startsWith('manager.') || `${certificate.role}${row?.role}` === 'managermanager';
}

import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  parseCertificateAnswer,
  parseJoinCall,
  parseRenewCall,
  parseRootAnswer,
  readRefusal,
} from './authority-calls.ts';

const description = {
  hostname: 'a',
  os: 'linux',
  architecture: 'x86_64',
  nanoCpus: 1,
  memoryBytes: 1,
  engineVersion: '20.10.24',
  engineLabels: {},
  plugins: [],
  hostSubnets: [],
  address: '127.0.0.1',
};
const join = {
  token: 'SWMTKN-1-a-b',
  nodeId: 'n1',
  request: 'pem',
  proof: 'p',
  availability: 'active',
  description,
};
const certificate = {
  kind: 'accepted',
  nodeId: 'n1',
  role: 'worker',
  clusterId: 'c1',
  certificate: 'pem',
  roots: ['pem'],
  managers: [{ nodeId: 'm1', address: '192.0.2.1:2377' }],
  address: '192.0.2.2',
  warnings: [],
};

test('what is whole passes unchanged', () => {
  assert.equal(parseJoinCall(join), join);
  assert.equal(parseCertificateAnswer(certificate), certificate);
  const renew = { request: 'pem', proof: 'p' };
  assert.equal(parseRenewCall(renew), renew);
  const root = { certificate: 'pem', now: 1 };
  assert.equal(parseRootAnswer(root), root);
});

type Parse = (value: unknown) => unknown;
const bad: readonly (readonly [string, Parse, unknown, RegExp])[] = [
  ['a join that is a list', parseJoinCall, [], /must be a JSON object/],
  ['a join that is nothing', parseJoinCall, null, /must be a JSON object/],
  ['a join without a token', parseJoinCall, { ...join, token: '' }, /token/],
  ['a join with a number as token', parseJoinCall, { ...join, token: 1 }, /token/],
  ['a join without a proof', parseJoinCall, { ...join, proof: undefined }, /proof/],
  ['a join with an id of a path', parseJoinCall, { ...join, nodeId: '../x' }, /nodeId/],
  ['a join with an id that is long', parseJoinCall, { ...join, nodeId: 'a'.repeat(65) }, /nodeId/],
  ['a join that is half available', parseJoinCall, { ...join, availability: 'x' }, /availability/],
  ['a join without a machine', parseJoinCall, { ...join, description: {} }, /description/],
  ['a renewal without a request', parseRenewCall, { proof: 'p' }, /request/],
  ['a root without a time', parseRootAnswer, { certificate: 'pem', now: '1' }, /now/],
  ['a certificate for a king', parseCertificateAnswer, { ...certificate, role: 'king' }, /role/],
  [
    'a certificate with one root that is no text',
    parseCertificateAnswer,
    { ...certificate, roots: [1] },
    /roots/,
  ],
  [
    'a certificate of managers without addresses',
    parseCertificateAnswer,
    { ...certificate, managers: [{ nodeId: 'm1' }] },
    /managers/,
  ],
];

for (const [name, parse, value, message] of bad) {
  test(`refused: ${name}`, () => {
    assert.throws(() => parse(value), { code: 'invalid-argument', message });
  });
}

test('a refusal is read from what has its words, and from nothing else', () => {
  const refusal = { reason: 'wrong-key', message: 'm', hint: 'h' };
  assert.deepEqual(readRefusal(refusal), { ...refusal, kind: 'refused' });
  assert.equal(readRefusal({ reason: 'wrong-key', message: 'm' }), undefined);
  assert.equal(readRefusal('refused'), undefined);
});

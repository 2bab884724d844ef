import assert from 'node:assert/strict';
import { test } from 'node:test';
import { dropPolicies } from './drop-policies.ts';

test('chains that drop what nobody accepts are found, those of IPv6 and others are not', () => {
  const chain = { family: 'inet', table: 'fw', type: 'filter', hook: 'input', policy: 'drop' };
  const nftables = [
    { metainfo: { version: '1.0.6' } },
    { chain: { ...chain, name: 'in' } },
    { chain: { ...chain, name: 'open', policy: 'accept' } },
    { chain: { ...chain, name: 'six', family: 'ip6' } },
    { chain: { family: 'ip', table: 'filter', name: 'DOCKER' } },
    { chain: { ...chain, family: 'ip', table: 'filter', name: 'FORWARD', hook: 'forward' } },
  ];
  assert.deepEqual(dropPolicies(JSON.stringify({ nftables })), [
    { table: 'inet fw', chain: 'in', hook: 'input' },
    { table: 'ip filter', chain: 'FORWARD', hook: 'forward' },
  ]);
});

test('where chains cannot be listed, none is named', () => assert.deepEqual(dropPolicies(''), []));

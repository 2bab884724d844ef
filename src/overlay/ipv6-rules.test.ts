import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { NetworkAssignment } from '../model/assignment.ts';
import { ipv6Rules } from './ipv6-rules.ts';
import { elementsOf, renderWhole } from './ruleset.ts';

function network(networkId: string, others: Partial<NetworkAssignment> = {}): NetworkAssignment {
  return {
    networkId,
    name: networkId,
    labels: {},
    subnet: '10.0.1.0/24',
    gateway: '10.0.1.1',
    internal: false,
    ingress: false,
    driverOptions: {},
    predefined: false,
    ...others,
  };
}

test('only what stays on a bridge passes, whatever bridges there are besides', () => {
  const rules = ipv6Rules([
    network('front-id-and-more'),
    network('ingress', { ingress: true }),
    network('host', { predefined: true }),
  ]);
  assert.deepEqual([...elementsOf(rules, 'within').keys()], ['"tt-front-id" . "tt-front-id"']);
  const [hook = '', ...forward] = rules.chains.get('forward') ?? [];
  assert.match(hook, /hook forward/);
  assert.deepEqual(forward, [
    'iifname . oifname @within accept',
    'iifname "tt-*" reject with icmpv6 type admin-prohibited',
    'oifname "tt-*" drop',
  ]);
});

test('to the machine itself nothing leads but what finds the gateway', () => {
  const lines = renderWhole(ipv6Rules([])).split('\n');
  const input = lines.filter((line) => line.startsWith('add rule ip6 tutti input '));
  assert.equal(input.at(-1), 'add rule ip6 tutti input reject with icmpv6 type admin-prohibited');
  const accepted = input.filter((line) => line.endsWith(' accept'));
  assert.equal(accepted.length, 3);
  assert.ok(accepted.every((line) => !line.includes('dport')));
});

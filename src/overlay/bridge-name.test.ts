import assert from 'node:assert/strict';
import { test } from 'node:test';
import { missedWayOut } from './bridge-name.ts';

const ipv6 = { subnet: 'fd00::/64', gateway: 'fd00::1' };

function network(name: string, others: Partial<Parameters<typeof missedWayOut>[0][number]> = {}) {
  return { networkId: name, name, ingress: false, internal: false, predefined: false, ...others };
}

test('the way out is told to the engine where it would prefer a network with IPv6', () => {
  const ingress = network('visitors', { ingress: true });
  const both = network('both', { ipv6 });
  const old = network('old');
  for (const [networks, missed] of [
    [[both, ingress], '00-visitors'],
    [[old, ingress, both, network('inner', { internal: true })], '00-visitors'],
    [[both, network('bridge', { predefined: true }), network('a')], 'a'],
    [[both, old], undefined],
    [[network('inner', { internal: true, ipv6 }), ingress, old], undefined],
    [[network('a', { internal: true }), both, old], undefined],
    [[ingress, old], undefined],
    [[both], undefined],
    [[], undefined],
  ] as const) {
    assert.equal(missedWayOut(networks), missed, networks.map(({ name }) => name).join());
  }
});

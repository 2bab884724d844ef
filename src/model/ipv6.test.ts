import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { formatAddress, subnetAt, formatSubnet } from '../lib/ipv4.ts';
import { parseIpv6 } from '../lib/ipv6.ts';
import { ipv4AddressOf, ipv6AddressOf } from './ipv6.ts';

const both = { subnet: '10.0.1.0/24', ipv6: { subnet: 'fd12:3456:789a:1::/64' } };

test('an address of IPv6 is as far into its subnet as the one of IPv4', () => {
  assert.equal(ipv6AddressOf(both, '10.0.1.5/24'), 'fd12:3456:789a:1::5');
  assert.equal(ipv6AddressOf(both, '10.0.1.255'), 'fd12:3456:789a:1::ff');
  assert.equal(ipv6AddressOf({ subnet: both.subnet }, '10.0.1.5'), undefined);
  for (const foreign of ['10.0.2.5', 'fd00::5', '']) {
    assert.equal(ipv6AddressOf(both, foreign), undefined, foreign);
  }
});

test('an address of IPv6 says whose it is, and one beyond the subnet of IPv4 is nobody’s', () => {
  const beyond = parseIpv6('fd12:3456:789a:1::100');
  const before = parseIpv6('fd12:3456:789a::ffff');
  for (const address of [beyond, before]) {
    assert.ok(address);
    assert.equal(ipv4AddressOf(both, address), undefined);
  }
  const place = fc.tuple(fc.integer({ min: 0, max: 2 ** 32 - 1 }), fc.integer({ min: 8, max: 29 }));
  fc.assert(
    fc.property(place, fc.nat(), ([address, prefixLength], drawn) => {
      const range = subnetAt(address, prefixLength);
      const held = formatAddress(range.first + (drawn % (range.last - range.first + 1)));
      const of = { subnet: formatSubnet(range), ipv6: { subnet: 'fd00:1::/96' } };
      const found = parseIpv6(ipv6AddressOf(of, held) ?? '');
      assert.ok(found !== undefined);
      assert.equal(ipv4AddressOf(of, found), held);
    }),
  );
});

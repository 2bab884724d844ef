import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import {
  formatIpv6,
  formatIpv6Subnet,
  ipv6SubnetsOverlap,
  isInIpv6Subnet,
  parseIpv6,
  parseIpv6Reverse,
  parseIpv6Subnet,
} from './ipv6.ts';

const address = fc.oneof(
  fc.bigInt({ min: 0n, max: 2n ** 128n - 1n }),
  // With runs of zeros.
  fc
    .array(fc.oneof(fc.constant(0), fc.nat(0xffff)), { minLength: 8, maxLength: 8 })
    .map((groups) => groups.reduce((all, group) => (all << 16n) | BigInt(group), 0n)),
);

test('an address is read as it is written, and written as URLs write it', () => {
  fc.assert(
    fc.property(address, (value) => {
      const text = formatIpv6(value);
      assert.equal(parseIpv6(text), value);
      assert.equal(new URL(`http://[${text}]/`).hostname, `[${text}]`);
    }),
  );
});

test('what is no address of IPv6 is none', () => {
  const bad = [
    '',
    ':',
    '1',
    '1:2:3:4:5:6:7',
    '1:2:3:4:5:6:7:8:9',
    '1::2::3',
    ':::',
    '::g',
    '12345::',
  ];
  const unknown = ['fe80::1%eth0', '::ffff:10.0.0.1', '10.0.0.1', ' ::1', '1:2:3:4:5:6:7::8'];
  for (const text of [...bad, ...unknown]) assert.equal(parseIpv6(text), undefined, text);
});

test('a subnet is where its addresses are, and has no host bits', () => {
  const subnet = parseIpv6Subnet('fd12:3456:789a:1::5/64');
  assert.ok(subnet);
  assert.equal(formatIpv6Subnet(subnet), 'fd12:3456:789a:1::/64');
  for (const text of ['fd00::', 'fd00::/129', 'fd00::/x', 'fd00::/64/2', '10.0.0.0/8']) {
    assert.equal(parseIpv6Subnet(text), undefined, text);
  }
  fc.assert(
    fc.property(address, address, fc.nat(128), (one, other, prefixLength) => {
      const range = parseIpv6Subnet(`${formatIpv6(one)}/${prefixLength}`);
      assert.ok(range);
      const bits = (value: bigint) => value.toString(2).padStart(128, '0').slice(0, prefixLength);
      assert.equal(isInIpv6Subnet(one, range), true);
      assert.equal(isInIpv6Subnet(other, range), bits(other) === bits(one));
    }),
  );
});

test('subnets overlap where one contains the other', () => {
  const overlap = (left: string, right: string): boolean => {
    const [one, other] = [parseIpv6Subnet(left), parseIpv6Subnet(right)];
    assert.ok(one && other);
    assert.equal(ipv6SubnetsOverlap(one, other), ipv6SubnetsOverlap(other, one));
    return ipv6SubnetsOverlap(one, other);
  };
  assert.ok(overlap('fd00::/48', 'fd00:0:0:1::/64'));
  assert.ok(!overlap('fd00:0:0:2::/64', 'fd00:0:0:1::/64'));
});

test('a name of the reverse tree is the address backwards', () => {
  const name = '5.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.1.0.0.0.A.9.8.7.6.5.4.3.2.1.d.f.ip6.arpa';
  assert.equal(parseIpv6Reverse(name), parseIpv6('fd12:3456:789a:1::5'));
  for (const bad of ['5.ip6.arpa', '1.0.0.10.in-addr.arpa', name.slice(2)]) {
    assert.equal(parseIpv6Reverse(bad), undefined, bad);
  }
});

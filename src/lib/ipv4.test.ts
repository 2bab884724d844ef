import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  addressInSubnet,
  formatAddress,
  formatSubnet,
  parseAddress,
  parseSubnet,
  subnetSize,
  subnetsOverlap,
} from './ipv4.ts';

for (const text of ['0.0.0.0', '10.0.1.2', '172.16.254.1', '255.255.255.255']) {
  test(`${text} survives the way to an integer and back`, () => {
    assert.equal(formatAddress(parseAddress(text) ?? -1), text);
  });
}

for (const text of [
  '',
  '10.0.0',
  '10.0.0.0.1',
  '10.0.0.256',
  '10.0.0.-1',
  '10.0.0.01',
  '::1',
  'a.b.c.d',
]) {
  test(`"${text}" is no address`, () => assert.equal(parseAddress(text), undefined));
}

const subnets: readonly (readonly [text: string, canonical: string, size: number])[] = [
  ['10.0.1.0/24', '10.0.1.0/24', 256],
  ['10.0.1.77/24', '10.0.1.0/24', 256],
  ['192.168.255.255/12', '192.160.0.0/12', 2 ** 20],
  ['0.0.0.0/0', '0.0.0.0/0', 2 ** 32],
  ['255.255.255.255/32', '255.255.255.255/32', 1],
];

for (const [text, canonical, size] of subnets) {
  test(`${text} is ${canonical} with ${size} addresses`, () => {
    const subnet = parseSubnet(text);
    assert.ok(subnet);
    assert.equal(formatSubnet(subnet), canonical);
    assert.equal(subnetSize(subnet), size);
  });
}

for (const text of [
  '10.0.0.0',
  '10.0.0.0/',
  '10.0.0.0/33',
  '10.0.0.0/-1',
  '10.0.0.0/8/8',
  '10.0.0/8',
  'fd00::/8',
]) {
  test(`"${text}" is no subnet`, () => assert.equal(parseSubnet(text), undefined));
}

const pairs: readonly (readonly [left: string, right: string, overlap: boolean])[] = [
  ['10.0.0.0/24', '10.0.1.0/24', false],
  ['10.0.0.0/23', '10.0.1.0/24', true],
  ['10.0.1.128/25', '10.0.1.0/24', true],
  ['10.0.1.0/25', '10.0.1.128/25', false],
  ['0.0.0.0/0', '192.168.0.0/16', true],
];

for (const [left, right, overlap] of pairs) {
  test(`${left} and ${right} ${overlap ? 'overlap' : 'are apart'}`, () => {
    const [one, other] = [parseSubnet(left), parseSubnet(right)];
    assert.ok(one && other);
    assert.equal(subnetsOverlap(one, other), overlap);
    assert.equal(subnetsOverlap(other, one), overlap);
  });
}

const insides: readonly (readonly [
  address: string,
  subnet: string,
  inside: boolean | undefined,
])[] = [
  ['10.0.1.2', '10.0.1.0/24', true],
  ['10.0.2.2', '10.0.1.0/24', false],
  ['10.0.1.2', '10.0.1.2', true],
  ['10.0.1.2/24', '10.0.1.2', true],
  ['10.0.1.3', '10.0.1.2', false],
  ['fd00::1', '10.0.1.0/24', undefined],
  ['10.0.1.2', 'everywhere', undefined],
];

for (const [address, subnet, inside] of insides) {
  test(`${address} in ${subnet}: ${inside}`, () => {
    assert.equal(addressInSubnet(address, subnet), inside);
  });
}

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { addressNow } from './own-address.ts';

const eth0 = { device: 'eth0', address: '192.0.2.1' };
const eth1 = { device: 'eth1', address: '203.0.113.1' };

test('the address of a node is where its device is, and stays where that cannot be told', async () => {
  const cases = [
    ['first seen', { address: '192.0.2.1' }, [eth0, eth1], eth0],
    ['still there', eth1, [eth0, eth1], eth1],
    ['another one', eth1, [eth0, { ...eth1, address: '203.0.113.9' }], '203.0.113.9'],
    ['both for a while', eth0, [{ ...eth0, address: '192.0.2.9' }, eth0], '192.0.2.1'],
    ['none for a while', eth1, [eth0], '203.0.113.1'],
    ['behind a router', { address: '198.51.100.7' }, [eth0], '198.51.100.7'],
    ['moved to another device', eth0, [{ ...eth0, device: 'bond0' }], { ...eth0, device: 'bond0' }],
  ] as const;
  for (const [what, known, present, expected] of cases) {
    const found = await addressNow(known, { ownAddresses: () => present });
    if (typeof expected === 'string') assert.equal(found.address, expected, what);
    else assert.deepEqual(found, expected, what);
  }
});

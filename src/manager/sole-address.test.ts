import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Node, NodeDescription } from '../model/node.ts';
import type { Transaction } from '../store/view.ts';
import { followSoleAddress } from './sole-address.ts';

type Said = Pick<NodeDescription, 'address' | 'hostSubnets' | 'isAddressChosen'>;

const one: Said = { address: '192.0.2.1', hostSubnets: ['192.0.2.1/24', '203.0.113.1/24'] };

/** The advertised address after an agent said `after`, where it had said `before`. */
function advertisedAfter(
  advertiseAddress: string,
  said: { readonly before?: Said; readonly after: Said; readonly row?: Partial<Node> },
): string {
  const { before = one, after, row = {} } = said;
  let cluster = { id: 'c1', advertiseAddress };
  const clusters = {
    all: () => [cluster],
    put: (changed: typeof cluster) => {
      cluster = changed;
    },
  };
  const spec = { role: 'manager', availability: 'active', labels: {} };
  followSoleAddress({ clusters } as unknown as Transaction, {
    row: { id: 'n1', spec, description: before, ...row } as never,
    after: after as never,
  });
  return cluster.advertiseAddress;
}

test('the only manager is found at the address that its machine has got instead', () => {
  const after = { address: '192.0.2.9', hostSubnets: ['192.0.2.9/24', '203.0.113.1/24'] };
  assert.equal(advertisedAfter('192.0.2.1', { after }), '192.0.2.9');
  assert.equal(advertisedAfter('192.0.2.1:4000', { after }), '192.0.2.9:4000');
  const second = { address: '192.0.2.1', hostSubnets: ['192.0.2.1/24', '203.0.113.9/24'] };
  assert.equal(advertisedAfter('203.0.113.1', { after: second }), '203.0.113.9');
});

test('an address that is there still, or never was, stays; what a person says counts', () => {
  const more = { address: '192.0.2.9', hostSubnets: ['192.0.2.9/24', '192.0.2.1/24'] };
  assert.equal(advertisedAfter('192.0.2.1', { after: more }), '192.0.2.1');
  const gone = { address: '192.0.2.9', hostSubnets: ['192.0.2.9/24'] };
  assert.equal(advertisedAfter('198.51.100.7', { after: gone }), '198.51.100.7');
  const none = { address: '127.0.0.1', hostSubnets: [] };
  assert.equal(advertisedAfter('192.0.2.1', { after: none }), '192.0.2.1');
  const chosen = { ...one, address: '198.51.100.7', isAddressChosen: true } as const;
  assert.equal(advertisedAfter('192.0.2.1', { after: chosen }), '198.51.100.7');
});

test('the address of a worker, and of one of several managers, is not that of the cluster', () => {
  const after = { address: '192.0.2.9', hostSubnets: ['192.0.2.9/24'] };
  const worker = { spec: { role: 'worker', availability: 'active', labels: {} } } as const;
  assert.equal(advertisedAfter('192.0.2.1', { after, row: worker }), '192.0.2.1');
  const seat = { address: '192.0.2.1:2377', peerUrl: 'https://192.0.2.1:2380' };
  assert.equal(advertisedAfter('192.0.2.1', { after, row: { seat } }), '192.0.2.1');
  assert.equal(advertisedAfter('192.0.2.1', { after, row: { keyDigest: 'd' } }), '192.0.2.1');
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CatalogNode } from '../model/assignment.ts';
import { tunnelOf } from './tunnels.ts';
import type { Span } from './spans.ts';

const [keyB, nextB, keyC] = ['B', 'N', 'C'].map((letter) => `${letter.repeat(43)}=`);
const port = 7_946;
const own = { publicKey: `${'A'.repeat(43)}=`, port };

function span(node: string, sealed = true): Span {
  return {
    bridge: 'tt-net',
    device: 'tt-net-x',
    vxlanId: 4_098,
    port: 4_789,
    localAddress: '192.0.2.1',
    mtu: 1_390,
    remotes: new Map([['10.0.1.3', node]]),
    ...(sealed && { tunnel: 'tt-node-w' }),
  };
}

const nodes: readonly CatalogNode[] = [
  {
    nodeId: 'b',
    address: '192.0.2.2',
    tunnel: { publicKey: keyB ?? '', nextPublicKey: nextB ?? '', port },
  },
  { nodeId: 'c', address: '192.0.2.3', tunnel: { publicKey: keyC ?? '', port } },
  { nodeId: 'd', address: '192.0.2.4' },
];

const peersOf = (spans: readonly Span[], inUse?: string) =>
  tunnelOf({ spans, nodes, own, mtu: 1_440, isInUse: (key) => key === inUse })?.peers;

test('a tunnel is there for encrypted spans alone, and has their nodes as peers and no others', () => {
  assert.equal(peersOf([]), undefined);
  assert.equal(peersOf([span('192.0.2.3', false)]), undefined);
  const endpoint = '192.0.2.3:7946';
  const both = [span('192.0.2.3'), span('192.0.2.2', false)];
  assert.deepEqual(peersOf(both), new Map([[keyC, { endpoint, address: '192.0.2.3' }]]));
});

test('a node without a key is no peer', () => {
  assert.deepEqual(peersOf([span('192.0.2.4')]), new Map());
});

test('a key that is to come is known, and carries the node once it is in use', () => {
  const [endpoint, address] = ['192.0.2.2:7946', '192.0.2.2'];
  const before = new Map([
    [keyB, { endpoint, address }],
    [nextB, { endpoint, address: undefined }],
  ]);
  assert.deepEqual(peersOf([span(address)]), before);
  const after = new Map([
    [keyB, { endpoint, address: undefined }],
    [nextB, { endpoint, address }],
  ]);
  assert.deepEqual(peersOf([span(address)], nextB), after);
});

test('of two nodes that tell one key neither takes what is the other’s', () => {
  const twin: CatalogNode = {
    nodeId: 'e',
    address: '192.0.2.5',
    tunnel: { publicKey: keyC ?? '', port },
  };
  const spans = [span('192.0.2.3'), span('192.0.2.5')];
  const tunnel = tunnelOf({
    spans,
    nodes: [...nodes, twin],
    own,
    mtu: 1_440,
    isInUse: () => false,
  });
  assert.deepEqual(tunnel?.peers, new Map());
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CatalogNode, CatalogTask, NetworkAssignment } from '../model/assignment.ts';
import { networkMtu, type Span, spansOf, type Spanned } from './spans.ts';

const here = 'node-a';
const encrypted = { encrypted: '' };
const nodes = new Map(
  [
    { nodeId: here, address: '192.0.2.1' },
    { nodeId: 'node-b', address: '192.0.2.2' },
    { nodeId: 'node-c', address: '192.0.2.3' },
  ].map((node) => [node.nodeId, node]),
);

function network(id: string, others: Partial<NetworkAssignment> = {}): NetworkAssignment {
  return {
    networkId: id,
    name: id,
    labels: {},
    subnet: '10.0.1.0/24',
    gateway: '10.0.1.1',
    internal: false,
    ingress: false,
    vxlan: { id: 4_097, port: 4_789 },
    driverOptions: {},
    predefined: false,
    ...others,
  };
}

function task(nodeId: string, address: string, networkId = 'abcdefghijk'): CatalogTask {
  const taskId = `${nodeId}-${address}`;
  const addresses = [{ networkId, address: `${address}/24` }];
  return { taskId, serviceId: 's', nodeId, name: taskId, addresses, ready: true };
}

function spanned(tasks: readonly CatalogTask[], others: Partial<Spanned> = {}): Spanned {
  return {
    nodeId: here,
    networks: new Map([['abcdefghijk', network('abcdefghijk')]]),
    tasks: new Map(tasks.map((one) => [one.taskId, one])),
    nodes,
    linkMtu: 1_500,
    ...others,
  };
}

/** With maps that can be compared. */
function plain(spans: readonly Span[]): readonly Span[] {
  return spans.map((span) => ({ ...span, remotes: new Map(span.remotes) }));
}

test('a network with tasks here and elsewhere spans nodes, and leads to each task at its node', () => {
  const tasks = [
    task(here, '10.0.1.2'),
    task('node-b', '10.0.1.3'),
    { ...task('node-c', '10.0.1.4'), ready: false },
  ];
  assert.deepEqual(plain(spansOf(spanned(tasks))), [
    {
      bridge: 'tt-abcdefgh',
      device: 'tt-abcdefgh-x',
      vxlanId: 4_097,
      port: 4_789,
      localAddress: '192.0.2.1',
      mtu: 1_450,
      remotes: new Map([
        ['10.0.1.3', '192.0.2.2'],
        ['10.0.1.4', '192.0.2.3'],
      ]),
    },
  ]);
});

test('no network spans nodes that has all of its tasks on one', () => {
  const own = [task(here, '10.0.1.2'), task(here, '10.0.1.3')];
  const others = [task('node-b', '10.0.1.2'), task('node-b', '10.0.1.3')];
  for (const tasks of [[], own, others]) assert.deepEqual(plain(spansOf(spanned(tasks))), []);
});

test('nothing leads to nodes that are down, and nothing from a node that is not known', () => {
  const tasks = [task(here, '10.0.1.2'), task('node-b', '10.0.1.3')];
  const without = (nodeId: string) => new Map([...nodes].filter(([id]) => id !== nodeId));
  assert.deepEqual(spansOf(spanned(tasks, { nodes: without('node-b') })), []);
  assert.deepEqual(spansOf(spanned(tasks, { nodes: without(here) })), []);
});

test('a node that has the address of this one is not sent to', () => {
  const tasks = [task(here, '10.0.1.2'), task('node-b', '10.0.1.3')];
  const same = new Map(nodes).set('node-b', { nodeId: 'node-b', address: '192.0.2.1' });
  assert.deepEqual(spansOf(spanned(tasks, { nodes: same })), []);
});

test('networks without a number or a bridge here and the ingress network stay on each node', () => {
  const tasks = [task(here, '10.0.1.2'), task('node-b', '10.0.1.3')];
  const { vxlan: _, ...unnumbered } = network('abcdefghijk');
  const others = [[], [unnumbered], [network('abcdefghijk', { ingress: true })]];
  for (const list of others) {
    const networks = new Map(list.map((one) => [one.networkId, one]));
    assert.deepEqual(spansOf(spanned(tasks, { networks })), []);
  }
});

test('what is encrypted leads through the tunnel, to nodes whose key is known, or nowhere', () => {
  const tasks = [task(here, '10.0.1.2'), task('node-b', '10.0.1.3'), task('node-c', '10.0.1.4')];
  const end = { publicKey: 'c=', port: 7_946 };
  const nodeC = { nodeId: 'node-c', address: '192.0.2.3', tunnel: end };
  const sealed = {
    networks: new Map([['abcdefghijk', network('abcdefghijk', { driverOptions: encrypted })]]),
    nodes: new Map<string, CatalogNode>(nodes).set('node-c', nodeC),
  };
  assert.deepEqual(spansOf(spanned(tasks, sealed)), [], 'this node cannot encrypt');
  const [span, ...others] = spansOf(spanned(tasks, { ...sealed, tunnel: 'tt-node-a-w' }));
  assert.deepEqual(others, []);
  assert.equal(span?.tunnel, 'tt-node-a-w');
  assert.deepEqual([...span.remotes], [['10.0.1.4', '192.0.2.3']]);
  const [plain] = spansOf(spanned(tasks, { tunnel: 'tt-node-a-w' }));
  assert.equal(plain?.tunnel, undefined, 'what is not encrypted does not take the tunnel');
  assert.deepEqual(spansOf(spanned(tasks, { ...sealed, nodes, tunnel: 'tt-node-a-w' })), []);
});

test('packets are as large as declared, or as the link lets pass', () => {
  const declared = network('n', { driverOptions: { 'com.docker.network.driver.mtu': '1280' } });
  assert.deepEqual(
    [network('n'), declared, network('n', { driverOptions: encrypted })].map((one) =>
      [1_400, 1_500, 9_000].map((mtu) => networkMtu(one, mtu)),
    ),
    [
      [1_350, 1_450, 1_450],
      [1_280, 1_280, 1_280],
      [1_290, 1_390, 1_390],
    ],
  );
});

test('a span says how addresses of IPv6 go with those of IPv4, where its network has them', () => {
  const tasks = [task(here, '10.0.1.2'), task('node-b', '10.0.1.3')];
  const ipv6 = { subnet: 'fd00:1::/64', gateway: 'fd00:1::1' };
  const networks = new Map([['abcdefghijk', network('abcdefghijk', { ipv6 })]]);
  const [span] = spansOf(spanned(tasks, { networks }));
  assert.deepEqual(span?.subnets, { subnet: '10.0.1.0/24', ipv6 });
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import type { CatalogNode, NetworkAssignment } from '../model/assignment.ts';
import { markOfWay, meshOf, meshPeers, numberOfTable, numberWays } from './mesh.ts';
import type { Spanned } from './spans.ts';

const ingress: NetworkAssignment = {
  networkId: 'ingress01',
  name: 'ingress',
  labels: {},
  subnet: '10.255.0.0/16',
  gateway: '10.255.0.1',
  internal: false,
  ingress: true,
  vxlan: { id: 4_097, port: 4_789 },
  driverOptions: {},
  predefined: false,
};

function node(last: number, others: Partial<CatalogNode> = {}): CatalogNode {
  const address = `192.0.2.${last}`;
  return { nodeId: `node-${last}`, address, ownAddresses: [address], ...others };
}

function spanned(
  nodes: readonly CatalogNode[],
  network: NetworkAssignment | undefined = ingress,
): Spanned {
  const tasks = [1, 2, 3].map((last) => ({
    taskId: `t${last}`,
    serviceId: 's',
    nodeId: `node-${last}`,
    name: `s.${last}`,
    ready: last === 2,
    addresses: [
      { networkId: 'ingress01', address: `10.255.0.${last}/16` },
      { networkId: 'other', address: `10.0.1.${last}/24` },
    ],
  }));
  return {
    nodeId: 'node-1',
    networks: new Map(network === undefined ? [] : [[network.networkId, network]]),
    tasks: new Map(tasks.map((one) => [one.taskId, one])),
    nodes: new Map(nodes.map((one) => [one.nodeId, one])),
    linkMtu: 1_500,
  };
}

const numbers = new Map([2, 3].map((last) => [`192.0.2.${last}`, last * 10]));

test('tasks elsewhere are led to by way of their nodes, ready or not', () => {
  assert.deepEqual(meshOf(spanned([node(1), node(2), node(3)]), numbers), {
    bridge: 'tt-ingress0',
    device: 'tt-ingress0-x',
    vxlanId: 4_097,
    port: 4_789,
    localAddress: '192.0.2.1',
    mtu: 1_450,
    remotes: new Map([
      ['10.255.0.2', '192.0.2.2'],
      ['10.255.0.3', '192.0.2.3'],
    ]),
    ways: new Map([
      ['192.0.2.2', 20],
      ['192.0.2.3', 30],
    ]),
    callers: [],
  });
});

test('by a node that is down callers may come, and none is led there', () => {
  const view = { ...spanned([node(1), node(3)]), downNodes: new Map([['node-2', node(2)]]) };
  const found = meshOf(view, numbers);
  assert.deepEqual([...(found?.remotes.values() ?? [])], ['192.0.2.3']);
  assert.deepEqual(
    [...(found?.ways ?? [])],
    [
      ['192.0.2.3', 30],
      ['192.0.2.2', 20],
    ],
  );
  assert.deepEqual(found?.callers, ['192.0.2.2']);
  const last = { ...view, nodes: new Map([['node-1', node(1)]]) };
  assert.deepEqual(meshOf(last, numbers)?.callers, ['192.0.2.2'], 'the only one that is left');
});

test('a node of an older program, behind another address or without a number is left out', () => {
  const { ownAddresses: _, ...old } = node(2);
  for (const other of [
    old,
    node(2, { ownAddresses: ['10.9.9.9'] }),
    node(2, { address: '192.0.2.8' }),
  ]) {
    const view = spanned([node(1), other, node(3)]);
    assert.deepEqual([...meshPeers(view).live.values()], ['192.0.2.3'], JSON.stringify(other));
    assert.deepEqual([...(meshOf(view, numbers)?.remotes ?? [])], [['10.255.0.3', '192.0.2.3']]);
  }
  const few = new Map([['192.0.2.3', 1]]);
  const found = meshOf(spanned([node(1), node(2), node(3)]), few);
  assert.deepEqual([...(found?.remotes.values() ?? [])], ['192.0.2.3']);
});

test('nothing is joined by a node that takes no callers itself, is alone, or may send nothing', () => {
  const { ownAddresses: _, ...old } = node(1);
  const both = [node(1), node(2)];
  assert.equal(meshOf(spanned([old, node(2)]), numbers), undefined);
  assert.equal(meshOf(spanned([node(1)]), numbers), undefined);
  assert.equal(meshOf(spanned([node(2)]), numbers), undefined, 'it is not told of itself');
  const { vxlan: __, ...alone } = ingress;
  for (const network of [
    alone,
    { ...ingress, ingress: false },
    { ...ingress, driverOptions: { encrypted: '' } },
  ]) {
    assert.equal(meshOf(spanned(both, network), numbers), undefined);
  }
  assert.ok(meshOf(spanned(both), numbers));
});

const someAddresses = fc.array(
  fc.nat(20).map((last) => `192.0.2.${last}`),
  { maxLength: 12 },
);

test('who was given a number keeps it, and nobody else ever has it', () => {
  fc.assert(
    fc.property(fc.array(someAddresses), (rounds) => {
      let known: ReadonlyMap<string, number> = new Map();
      for (const addresses of rounds) {
        const next = numberWays(known, addresses);
        for (const [address, number] of known) assert.equal(next.get(address), number);
        for (const address of addresses) assert.ok((next.get(address) ?? 0) > 0);
        assert.equal(new Set(next.values()).size, next.size);
        known = next;
      }
    }),
  );
});

test('numbers end where zones do, and a table of routes tells its number', () => {
  const all = new Map(Array.from({ length: 65_535 }, (_, index) => [String(index), index + 1]));
  assert.equal(numberWays(all, ['192.0.2.1']).has('192.0.2.1'), false);
  for (const number of [1, 65_535]) assert.equal(numberOfTable(markOfWay(number)), number);
  for (const table of [Number.NaN, 254, markOfWay(0), markOfWay(65_536)]) {
    assert.equal(numberOfTable(table), undefined);
  }
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import type { Mesh } from './mesh.ts';
import { parseSpans, type SpanListing } from './span-listing.ts';
import {
  changedSpans,
  isEmptyDifference,
  type SpanDifference,
  spanDifference,
  tablesOf,
  waysOf,
} from './span-tables.ts';
import type { Span } from './spans.ts';

const span: Span = {
  bridge: 'tt-net',
  device: 'tt-net-x',
  vxlanId: 4_098,
  port: 4_789,
  localAddress: '192.168.77.1',
  mtu: 1_450,
  remotes: new Map([['10.0.1.6', '192.168.77.2']]),
};

test('a span is made whole, and is up at the end', () => {
  assert.deepEqual(spanDifference(tablesOf([]), tablesOf([span])), {
    removals: { ip: [], bridge: [] },
    additions: {
      ip: [
        'link add dev tt-net-x mtu 1450 type vxlan id 4098 local 192.168.77.1 dstport 4789 nolearning',
        'link set dev tt-net-x addrgenmode none master tt-net',
        'link set dev tt-net-x type bridge_slave ' +
          'learning off flood off mcast_flood off bcast_flood off neigh_suppress on',
        'link set dev tt-net-x up',
        'neighbour replace 10.0.1.6 dev tt-net lladdr 02:42:0a:00:01:06 nud permanent',
      ],
      bridge: [
        'fdb replace 02:42:0a:00:01:06 dev tt-net-x dst 192.168.77.2 self master static sticky',
      ],
    },
  });
});

test('what leads through a tunnel is told to the device and to its bridge by themselves', () => {
  const { bridge } = spanDifference(
    tablesOf([]),
    tablesOf([{ ...span, tunnel: 'tt-w' }]),
  ).additions;
  assert.deepEqual(bridge, [
    'fdb replace 02:42:0a:00:01:06 dev tt-net-x dst 192.168.77.2 via tt-w self permanent',
    'fdb replace 02:42:0a:00:01:06 dev tt-net-x master static sticky',
  ]);
});

test('a task that has an address of IPv6 is found by it, too, and is forgotten with the other', () => {
  const subnets = { subnet: '10.0.1.0/24', ipv6: { subnet: 'fd00:1::/64' } };
  const both = { ...span, subnets };
  const entry = 'fd00:1::6 dev tt-net';
  const { before, after } = changedSpans([span], [both]);
  assert.deepEqual(spanDifference(tablesOf(before), tablesOf(after)).additions, {
    ip: [`neighbour replace ${entry} lladdr 02:42:0a:00:01:06 nud permanent`],
    bridge: [],
  });
  const none = { ...both, remotes: new Map() };
  assert.deepEqual(spanDifference(tablesOf([both]), tablesOf([none])).removals.ip, [
    'neighbour delete 10.0.1.6 dev tt-net',
    `neighbour delete ${entry}`,
  ]);
});

test('a span that is wanted no more goes with what leads through it', () => {
  assert.deepEqual(spanDifference(tablesOf([span]), tablesOf([])), {
    removals: {
      ip: ['link delete dev tt-net-x', 'neighbour delete 10.0.1.6 dev tt-net'],
      bridge: [],
    },
    additions: { ip: [], bridge: [] },
  });
});

test('a task that comes, goes or is on another node changes its own entries alone', () => {
  const others: Span = {
    ...span,
    remotes: new Map([
      ['10.0.1.6', '192.168.77.3'],
      ['10.0.1.7', '192.168.77.2'],
    ]),
  };
  assert.deepEqual(spanDifference(tablesOf([span]), tablesOf([others])), {
    removals: { ip: [], bridge: [] },
    additions: {
      ip: ['neighbour replace 10.0.1.7 dev tt-net lladdr 02:42:0a:00:01:07 nud permanent'],
      bridge: [
        'fdb replace 02:42:0a:00:01:06 dev tt-net-x dst 192.168.77.3 self permanent',
        'fdb replace 02:42:0a:00:01:07 dev tt-net-x dst 192.168.77.2 self master static sticky',
      ],
    },
  });
  assert.deepEqual(spanDifference(tablesOf([others]), tablesOf([span])).removals, {
    ip: ['neighbour delete 10.0.1.7 dev tt-net'],
    bridge: [
      'fdb delete 02:42:0a:00:01:07 dev tt-net-x self',
      'fdb delete 02:42:0a:00:01:07 dev tt-net-x master',
    ],
  });
});

test('a device with another address, number or size is made anew with all of its entries', () => {
  const same = tablesOf([span]);
  for (const other of [{ localAddress: '192.168.77.9' }, { vxlanId: 5_000 }, { mtu: 1_280 }]) {
    const { removals, additions } = spanDifference(same, tablesOf([{ ...span, ...other }]));
    assert.deepEqual(removals, { ip: ['link delete dev tt-net-x'], bridge: [] });
    assert.deepEqual([additions.ip.length, additions.bridge.length], [5, 1]);
  }
});

const listing: SpanListing = {
  // As iproute2 6.1 prints them; of each only some of what it says.
  links: JSON.stringify([
    {
      ifname: 'tt-net-x',
      flags: ['BROADCAST', 'MULTICAST', 'UP', 'LOWER_UP'],
      mtu: 1450,
      master: 'tt-net',
      linkinfo: {
        info_kind: 'vxlan',
        info_data: { id: 4098, local: '192.168.77.1', port: 4789, learning: false },
        info_slave_kind: 'bridge',
        info_slave_data: {
          hairpin: false,
          learning: false,
          flood: false,
          mcast_flood: false,
          bcast_flood: false,
          neigh_suppress: true,
        },
      },
    },
    { ifname: 'vxlan.calico', flags: ['UP'], mtu: 1450, linkinfo: { info_data: { id: 4096 } } },
  ]),
  forwarding: JSON.stringify([
    { mac: '02:42:0a:00:01:05', ifname: 'vethc', flags: [], master: 'tt-net', state: '' },
    {
      mac: '02:42:0a:00:01:06',
      ifname: 'tt-net-x',
      flags: ['sticky'],
      master: 'tt-net',
      state: 'static',
    },
    {
      mac: 'ea:a1:28:84:23:82',
      ifname: 'tt-net-x',
      flags: [],
      master: 'tt-net',
      state: 'permanent',
    },
    {
      mac: '02:42:0a:00:01:06',
      ifname: 'tt-net-x',
      dst: '192.168.77.2',
      flags: ['self'],
      state: 'permanent',
    },
  ]),
  neighbours: JSON.stringify([
    { dst: '10.0.1.6', dev: 'tt-net', lladdr: '02:42:0a:00:01:06', state: ['PERMANENT'] },
    { dst: '192.168.77.9', dev: 'eth0', lladdr: '02:00:00:00:00:01', state: ['PERMANENT'] },
  ]),
  routes: JSON.stringify([{ dst: 'default', gateway: '192.168.77.254', dev: 'eth0', flags: [] }]),
  rules: JSON.stringify([{ priority: 32_766, src: 'all', table: 'main' }]),
};

const mesh: Mesh = {
  ...span,
  remotes: new Map([['10.255.0.7', '192.168.77.2']]),
  ways: new Map([['192.168.77.2', 3]]),
  callers: [],
};

/** As iproute2 6.1 prints them. */
const meshListing: SpanListing = {
  links: JSON.stringify([
    {
      ifname: 'tt-net-x',
      flags: ['BROADCAST', 'MULTICAST', 'UP', 'LOWER_UP'],
      mtu: 1450,
      address: '02:42:c0:a8:4d:01',
      linkinfo: {
        info_kind: 'vxlan',
        info_data: { id: 4098, local: '192.168.77.1', port: 4789, learning: false },
      },
      addr_info: [{ family: 'inet', local: '192.168.77.1', prefixlen: 32, scope: 'global' }],
    },
  ]),
  forwarding: JSON.stringify([
    {
      mac: '02:42:c0:a8:4d:02',
      ifname: 'tt-net-x',
      dst: '192.168.77.2',
      flags: ['self'],
      state: 'permanent',
    },
  ]),
  neighbours: JSON.stringify([
    { dst: '192.168.77.2', dev: 'tt-net-x', lladdr: '02:42:c0:a8:4d:02', state: ['PERMANENT'] },
  ]),
  routes: JSON.stringify([
    {
      dst: 'default',
      gateway: '192.168.77.2',
      dev: 'tt-net-x',
      table: '1414856707',
      flags: ['onlink'],
    },
    { dst: '10.255.0.7', gateway: '192.168.77.2', dev: 'tt-net-x', flags: ['onlink'] },
    { type: 'local', dst: '192.168.77.1', dev: 'tt-net-x', table: 'local', flags: [] },
  ]),
  rules: JSON.stringify([
    { priority: 0, src: 'all', table: 'local' },
    {
      priority: 21_540,
      not: null,
      src: 'all',
      fwmark: '0x54550000',
      fwmask: '0xffff0000',
      iif: 'tt-net',
      goto: 21_543,
    },
    { priority: 21_541, src: 'all', fwmark: '0x54550003', iif: 'tt-net', table: '1414856707' },
    {
      priority: 21_542,
      src: 'all',
      fwmark: '0x54550000',
      fwmask: '0xffff0000',
      iif: 'tt-net',
      action: 'blackhole',
    },
    { priority: 21_543, src: 'all', nop: null },
    { priority: 32_766, src: 'all', table: 'main' },
  ]),
};

test('the way of callers is a link of its own, with a way back for each node', () => {
  const { additions } = spanDifference(tablesOf([]), tablesOf([mesh]));
  const reply = 'iif tt-net fwmark 0x54550000/0xffff0000';
  assert.deepEqual(additions, {
    ip: [
      'link add dev tt-net-x address 02:42:c0:a8:4d:01 mtu 1450 ' +
        'type vxlan id 4098 local 192.168.77.1 dstport 4789 nolearning',
      'link set dev tt-net-x addrgenmode none',
      'address add 192.168.77.1/32 dev tt-net-x',
      'link set dev tt-net-x up',
      'neighbour replace 192.168.77.2 dev tt-net-x lladdr 02:42:c0:a8:4d:02 nud permanent',
      'route replace default dev tt-net-x table 1414856707 via 192.168.77.2 onlink',
      'route replace 10.255.0.7 dev tt-net-x table main via 192.168.77.2 onlink',
      'rule add pref 21541 iif tt-net fwmark 0x54550003 lookup 1414856707',
      `rule add pref 21540 not ${reply} goto 21543`,
      `rule add pref 21542 ${reply} blackhole`,
      'rule add pref 21543 nop',
    ],
    bridge: ['fdb replace 02:42:c0:a8:4d:02 dev tt-net-x dst 192.168.77.2 self permanent'],
  });
});

test('what the kernel lists of the way of callers differs in nothing, and tells the numbers', () => {
  const found = parseSpans(meshListing);
  assert.deepEqual(found, tablesOf([mesh]));
  assert.deepEqual(waysOf(found), mesh.ways);
  assert.deepEqual(waysOf(parseSpans(listing)), new Map());
});

test('a way of callers that has another address, or lost its own, is made anew', () => {
  const [good] = JSON.parse(meshListing.links) as [object];
  for (const harm of [{ address: '02:42:c0:a8:4d:09' }, { addr_info: [] }, { master: 'tt-net' }]) {
    const links = JSON.stringify([{ ...good, ...harm }]);
    const found = parseSpans({ ...meshListing, links });
    const { removals, additions } = spanDifference(found, tablesOf([mesh]));
    assert.deepEqual(removals, { ip: ['link delete dev tt-net-x'], bridge: [] });
    assert.deepEqual([additions.ip.length, additions.bridge.length], [7, 1], 'rules stay');
  }
});

test('a node that goes takes its way back along, and replies to it go nowhere', () => {
  const { removals, additions } = spanDifference(
    tablesOf([mesh]),
    tablesOf([{ ...mesh, ways: new Map(), remotes: new Map() }]),
  );
  assert.deepEqual(removals, {
    ip: [
      'rule delete pref 21541 iif tt-net fwmark 0x54550003 lookup 1414856707',
      'neighbour delete 192.168.77.2 dev tt-net-x',
      'route delete default dev tt-net-x table 1414856707',
      'route delete 10.255.0.7 dev tt-net-x table main',
    ],
    bridge: ['fdb delete 02:42:c0:a8:4d:02 dev tt-net-x self'],
  });
  assert.deepEqual(additions, { ip: [], bridge: [] });
});

test('what the kernel lists of a span that is as it must be differs in nothing', () => {
  const found = parseSpans(listing);
  assert.deepEqual(found, tablesOf([span]));
  assert.ok(isEmptyDifference(spanDifference(found, tablesOf([span]))));
  assert.deepEqual(
    parseSpans({ links: '', forwarding: '', neighbours: '', routes: '', rules: '' }),
    tablesOf([]),
  );
});

test('a device that learns, floods, lost its bridge or is down is made anew', () => {
  const [good] = JSON.parse(listing.links) as [
    { readonly linkinfo: { readonly info_data: object; readonly info_slave_data: object } },
  ];
  const { linkinfo } = good;
  const harms: readonly object[] = [
    { ...good, flags: [] },
    { ...good, master: undefined },
    { ...good, linkinfo: { ...linkinfo, info_data: { ...linkinfo.info_data, learning: true } } },
    ...['learning', 'flood', 'bcast_flood', 'hairpin'].map((name) => ({
      ...good,
      linkinfo: { ...linkinfo, info_slave_data: { ...linkinfo.info_slave_data, [name]: true } },
    })),
  ];
  for (const harmed of harms) {
    const found = parseSpans({ ...listing, links: JSON.stringify([harmed]) });
    const { removals, additions } = spanDifference(found, tablesOf([span]));
    assert.deepEqual(removals.ip, ['link delete dev tt-net-x'], JSON.stringify(harmed));
    assert.equal(additions.bridge.length, 1);
  }
});

const anySpans: fc.Arbitrary<readonly Span[]> = fc
  .uniqueArray(
    fc.record({
      name: fc.constantFrom('one', 'two', 'three'),
      mtu: fc.constantFrom(1_280, 1_450),
      remotes: fc.dictionary(
        fc.constantFrom('10.0.1.6', '10.0.1.7', '10.0.1.8'),
        fc.constantFrom('192.168.77.2', '192.168.77.3'),
      ),
      ways: fc.option(fc.subarray([2, 3, 4])),
    }),
    { selector: ({ name }) => name },
  )
  .map((all) =>
    all.map(({ name, mtu, remotes, ways }) => ({
      ...span,
      bridge: `tt-${name}`,
      device: `tt-${name}-x`,
      mtu,
      remotes: new Map(Object.entries(remotes)),
      ...(ways !== null && {
        ways: new Map(ways.map((number) => [`192.168.77.${number}`, number])),
      }),
    })),
  );

function sorted({ removals, additions }: SpanDifference) {
  return [removals.ip, removals.bridge, additions.ip, additions.bridge].map((all) =>
    all.toSorted(),
  );
}

test('what differs between spans needs the orders that all of them would need', () => {
  fc.assert(
    fc.property(anySpans, anySpans, (one, other) => {
      const { before, after } = changedSpans(one, other);
      assert.deepEqual(
        sorted(spanDifference(tablesOf(before), tablesOf(after))),
        sorted(spanDifference(tablesOf(one), tablesOf(other))),
      );
    }),
  );
});

test('what leads through a tunnel names it, also as the kernel lists it', () => {
  const sealed = { ...span, tunnel: 'tt-node-w' };
  const { additions } = spanDifference(tablesOf([]), tablesOf([sealed]));
  const entry = 'dst 192.168.77.2 via tt-node-w self permanent';
  assert.ok(additions.bridge.some((line) => line.endsWith(entry)));
  const [hardware] = [...tablesOf([sealed]).bridged].map((key) => key.split(' ')[1]);
  const listed = (via: object) =>
    parseSpans({
      links: '',
      forwarding: JSON.stringify([
        { mac: hardware, ifname: span.device, dst: '192.168.77.2', ...via },
      ]),
      neighbours: '',
      routes: '',
      rules: '',
    }).forwarding;
  assert.deepEqual(listed({ viaIf: 'tt-node-w' }), tablesOf([sealed]).forwarding);
  assert.notDeepEqual(listed({ viaIf: 'if7' }), tablesOf([sealed]).forwarding, 'it is gone');
  assert.notDeepEqual(listed({}), tablesOf([sealed]).forwarding, 'it leads past the tunnel');
  const { before, after } = changedSpans([span], [sealed]);
  assert.deepEqual([before, after], [[span], [sealed]]);
});

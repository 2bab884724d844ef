import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseSpans, type SpanListing } from './span-listing.ts';
import { isEmptyDifference, noSpans, spanDifference, tablesOf } from './span-tables.ts';
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
  assert.deepEqual(spanDifference(noSpans, tablesOf([span])), {
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
        'fdb replace 02:42:0a:00:01:06 dev tt-net-x dst 192.168.77.2 self permanent',
        'fdb replace 02:42:0a:00:01:06 dev tt-net-x master static sticky',
      ],
    },
  });
});

test('a span that is wanted no more goes with what leads through it', () => {
  assert.deepEqual(spanDifference(tablesOf([span]), noSpans), {
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
        'fdb replace 02:42:0a:00:01:07 dev tt-net-x dst 192.168.77.2 self permanent',
        'fdb replace 02:42:0a:00:01:07 dev tt-net-x master static sticky',
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
    assert.deepEqual([additions.ip.length, additions.bridge.length], [5, 2]);
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
};

test('what the kernel lists of a span that is as it must be differs in nothing', () => {
  const found = parseSpans(listing);
  assert.deepEqual(found, tablesOf([span]));
  assert.ok(isEmptyDifference(spanDifference(found, tablesOf([span]))));
  assert.deepEqual(parseSpans({ links: '', forwarding: '', neighbours: '' }), noSpans);
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
    assert.equal(additions.bridge.length, 2);
  }
});

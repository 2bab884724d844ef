import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { DiscoveryView } from '../host/node-network.ts';
import type { CatalogTask, NetworkAssignment } from '../model/assignment.ts';
import { bridgeName } from './bridge-name.ts';
import { driftOf, parseListing } from './listing.ts';
import { nodeRules } from './node-rules.ts';
import { portForwards } from './port-forwards.ts';
import { renderDifference, renderWhole } from './ruleset.ts';
import type { Span } from './spans.ts';

function network(networkId: string, changes: Partial<NetworkAssignment>): NetworkAssignment {
  return {
    networkId,
    name: networkId,
    labels: {},
    subnet: '10.0.0.0/24',
    gateway: '10.0.0.1',
    internal: false,
    ingress: false,
    enableIpv6: false,
    driverOptions: {},
    predefined: false,
    ...changes,
  };
}

function task(taskId: string, ready: boolean): CatalogTask {
  const last = Number(taskId.slice(1)) + 10;
  return {
    taskId,
    serviceId: 'web',
    nodeId: 'node1',
    name: `web.${taskId}`,
    ready,
    addresses: [
      { networkId: 'frontnet1', address: `10.0.1.${last}/24` },
      { networkId: 'ingress01', address: `10.0.0.${last}/24` },
    ],
  };
}

/** One service on two networks, published on 8080, with these tasks. */
function viewOf(tasks: readonly CatalogTask[]): DiscoveryView {
  return {
    networks: new Map([
      ['ingress01', network('ingress01', { ingress: true })],
      ['frontnet1', network('frontnet1', { subnet: '10.0.1.0/24', gateway: '10.0.1.1' })],
    ]),
    services: new Map([
      [
        'web',
        {
          serviceId: 'web',
          name: 'web',
          endpointMode: 'vip',
          networks: [{ networkId: 'frontnet1', aliases: [], virtualAddress: '10.0.1.2' }],
          ports: [{ protocol: 'tcp', targetPort: 80, publishedPort: 8080, mode: 'ingress' }],
        },
      ],
    ]),
    tasks: new Map(tasks.map((one) => [one.taskId, one])),
    nodes: new Map(),
    nodeId: 'node1',
    own: new Map(),
    publications: [],
  };
}

const dnsPorts = new Map([['frontnet1', 5353]]);

function rulesOf(view: DiscoveryView, spans: readonly Span[] = []) {
  const forwards = portForwards(view).wanted.map(({ forward }) => forward);
  return nodeRules({ view, dnsPorts, forwards, spans });
}

function elements(view: DiscoveryView, name: string): readonly (readonly [string, string])[] {
  return [...(rulesOf(view).ruleset.collections.get(name)?.elements ?? [])];
}

test('a bridge fits into the 15 characters of a device name', () => {
  assert.equal(bridgeName('frontnet1abcdefghijklmnop'), 'tt-frontnet');
});

test('a virtual address leads members of its network to the tasks that are ready', () => {
  const view = viewOf([task('t1', true), task('t2', false), task('t3', true)]);
  assert.deepEqual(elements(view, 'vip'), [['"tt-frontnet" . 10.0.1.2', 'goto vip-2']]);
  assert.deepEqual(elements(view, 'vip-slot'), [
    ['10.0.1.2 . 0', '10.0.1.11'],
    ['10.0.1.2 . 1', '10.0.1.13'],
  ]);
});

test('a published port leads to addresses on the ingress network and the target port', () => {
  const view = viewOf([task('t1', true)]);
  assert.deepEqual(elements(view, 'port'), [['tcp . 8080', 'goto port-1']]);
  assert.deepEqual(elements(view, 'port-slot'), [['tcp . 8080 . 0', '10.0.0.11']]);
  assert.deepEqual(elements(view, 'port-target'), [['tcp . 8080', '80']]);
});

test('a service without a ready task leads nowhere and refuses at once', () => {
  const view = viewOf([task('t1', false)]);
  assert.deepEqual(elements(view, 'vip'), []);
  assert.deepEqual(elements(view, 'port'), []);
  assert.deepEqual(elements(view, 'virtual'), [['10.0.1.2', '']]);
  assert.deepEqual(elements(view, 'idle'), [['tcp . 8080', '']]);
});

test('names are asked of the gateway, and virtual addresses are the bridge’s to answer for', () => {
  const view = viewOf([]);
  assert.deepEqual(elements(view, 'dns'), [['"tt-frontnet"', '10.0.1.1 . 5353']]);
  assert.deepEqual(rulesOf(view).virtualAddresses.get('tt-frontnet'), ['10.0.1.2']);
  assert.deepEqual(
    elements(view, 'own').map(([address]) => address),
    ['10.0.0.1', '10.0.1.1', '10.0.1.2'],
  );
});

test('the whole table replaces what is there, chains before what jumps to them', () => {
  const script = renderWhole(rulesOf(viewOf([task('t1', true)])).ruleset);
  assert.match(script, /^add table ip tutti\ndelete table ip tutti\nadd table ip tutti\n/);
  assert.ok(script.indexOf('add chain ip tutti vip-1') < script.indexOf('goto vip-1'));
  assert.match(script, /add chain ip tutti prerouting \{ type nat hook prerouting/);
});

test('a task that goes costs its elements alone', () => {
  const before = rulesOf(viewOf([task('t1', true), task('t2', true)])).ruleset;
  const after = rulesOf(viewOf([task('t1', true), task('t2', false)])).ruleset;
  const script = renderDifference(before, after) ?? '';
  assert.match(script, /delete element ip tutti vip-slot \{ 10\.0\.1\.2 \. 1 \}/);
  assert.match(script, /add element ip tutti vip \{ "tt-frontnet" \. 10\.0\.1\.2 : goto vip-1 \}/);
  assert.doesNotMatch(script, /delete table|10\.0\.1\.11/);
});

test('a port that this node does not hold is left to who has it', () => {
  const view = viewOf([task('t1', true)]);
  const { ruleset } = nodeRules({ view, dnsPorts, forwards: [], spans: [] });
  for (const name of ['port', 'port-slot', 'held', 'idle']) {
    assert.equal(ruleset.collections.get(name)?.elements.size, 0, name);
  }
});

test('the ingress network gives services no address for each other', () => {
  const view = viewOf([task('t1', true)]);
  const web = view.services.get('web');
  assert.ok(web);
  const networks = [{ networkId: 'ingress01', aliases: [], virtualAddress: '10.0.0.2' }];
  const services = new Map([['web', { ...web, networks }]]);
  assert.deepEqual(elements({ ...view, services }, 'vip'), []);
  assert.deepEqual(elements({ ...view, services }, 'closed'), [['"tt-ingress0"', '']]);
});

test('a task that is led to itself by any of its addresses is masqueraded', () => {
  assert.deepEqual(
    elements(viewOf([task('t1', true), task('t2', false)]), 'self').map(([pair]) => pair),
    [
      '10.0.1.11 . 10.0.1.11',
      '10.0.1.11 . 10.0.0.11',
      '10.0.0.11 . 10.0.1.11',
      '10.0.0.11 . 10.0.0.11',
    ],
  );
});

test('nothing to change is an empty script; another table is no difference', () => {
  const { ruleset } = rulesOf(viewOf([task('t1', true)]));
  assert.equal(renderDifference(ruleset, ruleset), '');
  assert.equal(renderDifference(ruleset, { ...ruleset, table: 'ip other' }), undefined);
});

test('more back ends than ever before bring the chain that they need', () => {
  const before = rulesOf(viewOf([task('t1', true)])).ruleset;
  const after = rulesOf(viewOf([task('t1', true), task('t2', true)])).ruleset;
  assert.match(renderDifference(before, after) ?? '', /^add chain ip tutti vip-2\n/);
});

/** As nft 1.0.6 prints it. */
const listed = `table ip tutti {
	map vip {
		typeof iifname . ip daddr : verdict
		elements = { "tt-frontnet" . 10.0.1.2 : goto vip-1,
			     "tt-frontnet" . 10.0.1.3 : goto vip-1 }
	}

	set held {
		typeof meta l4proto . th dport
		elements = { 6 . 8080 }
	}

	chain vip-1 {
		dnat to ip daddr . numgen random mod 1 map @vip-slot
	}

	chain input {
		type filter hook input priority filter; policy accept;
		ip daddr @virtual reject
	}
}
`;

test('a listing of the kernel is compared element by element, rules by what was seen before', () => {
  const goTo = (address: string) => [`"tt-frontnet" . ${address}`, 'goto vip-1'] as const;
  const ruleset = {
    table: 'ip tutti',
    chains: new Map([
      ['vip-1', ['dnat to …']],
      ['input', ['type filter hook input priority 0;', 'ip daddr @virtual reject']],
    ]),
    collections: new Map([
      [
        'vip',
        { kind: 'map', type: '', elements: new Map([goTo('10.0.1.2'), goTo('10.0.1.3')]) } as const,
      ],
      ['held', { kind: 'set', type: '', elements: new Map([['tcp . 8080', '']]) } as const],
    ]),
  };
  const whole = parseListing(listed);
  const drift = (text: string, knownChains = whole.chains) =>
    driftOf(parseListing(text), { ruleset, knownChains });
  assert.deepEqual(drift(listed), []);
  const table: readonly (readonly [from: string, to: string, expected: string])[] = [
    ['10.0.1.3 : goto', '10.0.1.4 : goto', 'map vip has other elements'],
    ['6 . 8080', '6 . 8080, 6 . 8081', 'set held has other elements'],
    ['mod 1', 'mod 2', 'chain vip-1 has other rules'],
    ['\t\tip daddr @virtual reject\n', '', 'chain input has other rules'],
    ['chain vip-1 {', 'chain vip-7 {', 'chain vip-1 is gone'],
    ['\tset held {', '\tset gone {', 'set held is gone'],
    ['table ip tutti {\n', 'table ip tutti {\n\tflags dormant\n', '"flags dormant" is not ours'],
  ];
  for (const [from, to, expected] of table) {
    assert.equal(drift(listed.replace(from, to))[0], expected, expected);
  }
  assert.deepEqual(drift(listed.replace('mod 1', 'mod 2'), new Map()), [], 'not seen before');
});

function spanTo(...addresses: readonly string[]): Span {
  return {
    bridge: 'tt-frontnet',
    device: 'tt-frontnet-x',
    vxlanId: 4_098,
    port: 4_789,
    localAddress: '192.0.2.1',
    mtu: 1_450,
    remotes: new Map(addresses.map((address) => [address, '192.0.2.2'])),
  };
}

test('a virtual address leads to all nodes that are reached, a published port to this one', () => {
  const view = viewOf([task('t1', true), { ...task('t2', true), nodeId: 'node2' }]);
  const joined = rulesOf(view, [spanTo('10.0.1.12')]).ruleset;
  assert.deepEqual(
    [...(joined.collections.get('vip-slot')?.elements.values() ?? [])],
    ['10.0.1.11', '10.0.1.12'],
  );
  assert.deepEqual(elements(view, 'vip-slot'), [['10.0.1.2 . 0', '10.0.1.11']]);
  assert.deepEqual(elements(view, 'port-slot'), [['tcp . 8080 . 0', '10.0.0.11']]);
  const elsewhere = viewOf([{ ...task('t2', true), nodeId: 'node2' }]);
  assert.deepEqual(elements(elsewhere, 'idle'), [['tcp . 8080', '']]);
  assert.deepEqual(elements(elsewhere, 'vip'), [], 'it is refused at once');
});

test('frames of a network come from nodes of the catalog alone; a node alone has no rule for them', () => {
  const address = '192.0.2.2';
  const view = { ...viewOf([]), nodes: new Map([['node2', { nodeId: 'node2', address }]]) };
  const joined = rulesOf(view, [spanTo()]).ruleset;
  assert.deepEqual(joined.collections.get('segment')?.elements, new Map([['4789 . 0x1002', '']]));
  assert.deepEqual(joined.collections.get('peer')?.elements, new Map([[address, '']]));
  assert.match(joined.chains.get('input')?.[1] ?? '', /@segment ip saddr != @peer drop$/);
  const alone = rulesOf(view).ruleset;
  assert.equal(alone.collections.has('segment'), false);
  assert.equal(alone.chains.get('input')?.length, (joined.chains.get('input')?.length ?? 0) - 1);
  assert.equal(renderDifference(alone, joined), undefined, 'it is loaded whole');
});

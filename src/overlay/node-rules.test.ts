import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { DiscoveryView } from '../host/node-network.ts';
import type { CatalogTask, NetworkAssignment } from '../model/assignment.ts';
import { bridgeName } from './bridge-name.ts';
import { driftOf, parseListing } from './listing.ts';
import type { Mesh } from './mesh.ts';
import { nodeRules } from './node-rules.ts';
import { portForwards } from './port-forwards.ts';
import { elementsOf, renderDifference, renderWhole, type Ruleset } from './ruleset.ts';
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

const joined: Mesh = {
  bridge: 'tt-ingress0',
  device: 'tt-ingress0-x',
  vxlanId: 4_097,
  port: 4_789,
  localAddress: '192.0.2.1',
  mtu: 1_450,
  remotes: new Map([['10.0.0.12', '192.0.2.2']]),
  ways: new Map([['192.0.2.2', 7]]),
  callers: [],
};

const shownAlone = { view: viewOf([]), dnsPorts, forwards: [] };

test('callers are led to tasks elsewhere as to own ones, and only a node that does so has rules', () => {
  const nodes = [
    { nodeId: 'node1', address: '192.0.2.1', ownAddresses: ['192.0.2.1', '10.9.0.1'] },
    { nodeId: 'node2', address: '192.0.2.2', ownAddresses: ['192.0.2.2', '10.9.0.2'] },
  ];
  const view = {
    ...viewOf([{ ...task('t2', true), nodeId: 'node2' }]),
    nodes: new Map(nodes.map((one) => [one.nodeId, one])),
  };
  const forwards = portForwards(view, { mesh: joined }).wanted.map(({ forward }) => forward);
  const { ruleset } = nodeRules({ view, dnsPorts, forwards, spans: [joined], mesh: joined });
  const found = (name: string) => [...elementsOf(ruleset, name)];
  assert.deepEqual(found('port-slot'), [['tcp . 8080 . 0', '10.0.0.12']]);
  assert.deepEqual(found('port-target'), [['tcp . 8080', '80']]);
  assert.deepEqual([found('relay'), found('relayed')], [[], []]);
  assert.deepEqual(found('neighbour'), [['02:42:c0:00:02:02', '7']]);
  assert.deepEqual(found('way-back'), [['7', '0x54550007']]);
  assert.deepEqual(
    found('home').map(([address]) => address),
    ['192.0.2.1', '10.9.0.1', '192.0.2.2', '10.9.0.2'],
  );
  assert.deepEqual(found('segment'), [['4789 . 0x1001', '']]);
  const isOfMesh = ([, rules]: readonly [string, readonly string[]]) =>
    rules.some((rule) => rule.includes('"tt-ingress0-x"'));
  const chains = (of: Ruleset) => [...of.chains].filter(isOfMesh).map(([name]) => name);
  assert.deepEqual(chains(ruleset), ['zones', 'ways', 'postrouting', 'forward', 'input']);
  assert.deepEqual(chains(rulesOf(view).ruleset), []);
  assert.equal(rulesOf(view).ruleset.chains.has('to-node'), false);
  assert.equal(rulesOf(view).ruleset.collections.has('neighbour'), false);
});

test('what each packet meets about the mesh looks for devices in no set', () => {
  const { ruleset } = nodeRules({ ...shownAlone, spans: [joined], mesh: joined });
  for (const name of ['zones', 'ways', 'forward', 'input']) {
    const rules = ruleset.chains.get(name)?.slice(1) ?? [];
    assert.ok(rules.length > 0, name);
    for (const rule of rules) assert.doesNotMatch(rule, /^[io]ifname @/, name);
  }
  const other = { ...joined, device: 'tt-ingress1-x', bridge: 'tt-ingress1' };
  const { ruleset: next } = nodeRules({ ...shownAlone, spans: [other], mesh: other });
  assert.equal(
    renderDifference(ruleset, next),
    undefined,
    'the whole is loaded for another device',
  );
});

test('chains stand after those that they lead to', () => {
  const { ruleset } = nodeRules({ ...shownAlone, spans: [joined], mesh: joined });
  const seen = new Set<string>();
  for (const [name, rules] of ruleset.chains) {
    for (const rule of rules) {
      const [, to] = /\b(?:goto|jump) (\S+)$/.exec(rule) ?? [];
      assert.ok(to === undefined || seen.has(to), `${name}: ${rule}`);
    }
    seen.add(name);
  }
  assert.ok(seen.has('to-node') && seen.has('from-node'));
});

function elements(view: DiscoveryView, name: string): readonly (readonly [string, string])[] {
  return [...elementsOf(rulesOf(view).ruleset, name)];
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

test('a service with affinity is led to by the address of the caller', () => {
  const view = viewOf([task('t1', true), task('t3', true)]);
  const web = view.services.get('web');
  assert.ok(web);
  const services = new Map([['web', { ...web, affinity: 'client-ip' as const }]]);
  const { ruleset } = rulesOf({ ...view, services });
  for (const [chain, slots] of [
    ['vip-sticky', 'vip-slot'],
    ['port-sticky', 'port-slot'],
  ] as const) {
    assert.match(ruleset.chains.get(chain)?.at(-1) ?? '', /jhash ip saddr mod 256 seed 0x7475 map/);
    const found = [...elementsOf(ruleset, slots)];
    assert.equal(found.length, 256);
    assert.equal(new Set(found.map(([, address]) => address)).size, 2);
  }
  assert.deepEqual([...elementsOf(ruleset, 'port')], [['tcp . 8080', 'goto port-sticky']]);
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
  assert.deepEqual(
    [...(rulesOf(view).virtualAddresses.get('tt-frontnet')?.keys() ?? [])],
    ['10.0.1.2'],
  );
  assert.deepEqual(
    elements(view, 'own').map(([address]) => address),
    ['10.0.0.1', '10.0.1.1'],
  );
});

test('neither gateways nor virtual addresses are a place for published ports', () => {
  const rules = rulesOf(viewOf([])).ruleset.chains.get('prerouting') ?? [];
  const published = rules.findIndex((rule) => rule.endsWith('vmap @port'));
  for (const one of ['ip daddr @own return', 'ip daddr @virtual return']) {
    assert.ok(rules.includes(one) && rules.indexOf(one) < published, one);
  }
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
    assert.equal(elementsOf(ruleset, name).size, 0, name);
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
  const elsewhere = { ...task('t1', true), nodeId: 'node2' };
  assert.deepEqual(elements(viewOf([elsewhere]), 'self'), [], 'by its own node alone');
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
      ['vip', { kind: 'map', type: '' } as const],
      ['held', { kind: 'set', type: '' } as const],
    ]),
    sources: [
      new Map([
        ['a', { part: { vip: new Map([goTo('10.0.1.2'), goTo('10.0.1.3')]) } }],
        ['b', { part: { held: new Map([['tcp . 8080', '']]) } }],
      ]),
    ],
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
  assert.deepEqual([...elementsOf(joined, 'vip-slot').values()], ['10.0.1.11', '10.0.1.12']);
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
  assert.deepEqual(elementsOf(joined, 'segment'), new Map([['4789 . 0x1002', '']]));
  assert.deepEqual(elementsOf(joined, 'peer'), new Map([[address, '']]));
  const [, first = '', second = ''] = joined.chains.get('input') ?? [];
  assert.match(first, /@segment ip saddr @peer accept$/, 'before anything else is asked of it');
  assert.match(second, /@segment drop$/);
  const alone = rulesOf(view).ruleset;
  assert.equal(alone.collections.has('segment'), false);
  assert.equal(alone.chains.get('input')?.length, (joined.chains.get('input')?.length ?? 0) - 2);
  assert.equal(renderDifference(alone, joined), undefined, 'it is loaded whole');
});

test('frames of an encrypted network pass by the tunnel alone, and nothing else comes by it', () => {
  const view = viewOf([]);
  const [id, network] = [...view.networks][0] ?? assert.fail();
  const sealed = {
    ...network,
    vxlan: { id: 4_098, port: 4_789 },
    driverOptions: { encrypted: '' },
  };
  const nodeId = 'nodeabcdefgh';
  const { ruleset } = rulesOf({ ...view, nodeId, networks: new Map([[id, sealed]]) });
  assert.deepEqual(elementsOf(ruleset, 'sealed'), new Map([['4789 . 0x1002', '']]));
  const past = (direction: string) =>
    `${direction} != "tt-nodeabcd-w" udp dport . @th,96,24 @sealed drop`;
  assert.equal(ruleset.chains.get('input')?.[1], past('iifname'));
  const shown = { ...view, nodeId, networks: new Map([[id, sealed]]) };
  const more = { ...shownAlone, view: shown, spans: [joined, spanTo()], mesh: joined };
  const chains = nodeRules(more).ruleset.chains;
  const rules = chains.get('input') ?? [];
  const known = rules.findIndex((rule) => rule.endsWith('@peer accept'));
  assert.ok(rules.indexOf(past('iifname')) < known, 'before known frames are let in');
  assert.equal(ruleset.chains.get('tunnel-out')?.[1], past('oifname'));
  const isFirst = 'it is marked as let in: before anything else goes by the mark';
  assert.equal(chains.get('forward')?.[1], 'iifname "tt-nodeabcd-w" drop', isFirst);
  const verdicts = ruleset.chains
    .get('tunnel-in')
    ?.slice(1)
    .map((rule) => rule.split(' ').at(-1));
  assert.deepEqual(verdicts?.slice(0, 3), ['accept', 'drop', 'drop']);
  const { ruleset: plain } = rulesOf(view);
  assert.equal(plain.collections.has('sealed'), false);
  assert.equal(plain.chains.has('tunnel-in'), false);
});

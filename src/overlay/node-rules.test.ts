import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { DiscoveryView } from '../host/node-network.ts';
import type { CatalogTask, NetworkAssignment } from '../model/assignment.ts';
import { bridgeName } from './bridge-name.ts';
import { nodeRules } from './node-rules.ts';
import { renderDifference, renderWhole } from './ruleset.ts';

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
  };
}

const dnsPorts = new Map([['frontnet1', 5353]]);

function elements(view: DiscoveryView, name: string): readonly (readonly [string, string])[] {
  return [...(nodeRules(view, dnsPorts).ruleset.collections.get(name)?.elements ?? [])];
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
  assert.deepEqual(elements(view, 'port-slot'), [['tcp . 8080 . 0', '10.0.0.11 . 80']]);
});

test('a service without a ready task leads nowhere and refuses at once', () => {
  const view = viewOf([task('t1', false)]);
  assert.deepEqual(elements(view, 'vip'), []);
  assert.deepEqual(elements(view, 'port'), []);
  assert.deepEqual(elements(view, 'virtual'), [['10.0.1.2', '']]);
});

test('names are asked of the gateway, and virtual addresses are the bridge’s to answer for', () => {
  const view = viewOf([]);
  assert.deepEqual(elements(view, 'dns-port'), [['"tt-frontnet"', '5353']]);
  assert.deepEqual(nodeRules(view, dnsPorts).virtualAddresses.get('tt-frontnet'), ['10.0.1.2']);
  assert.deepEqual(
    elements(view, 'own').map(([address]) => address),
    ['10.0.0.1', '10.0.1.1', '10.0.1.2'],
  );
});

test('the whole table replaces what is there, chains before what jumps to them', () => {
  const script = renderWhole(nodeRules(viewOf([task('t1', true)]), dnsPorts).ruleset);
  assert.match(script, /^add table ip tutti\ndelete table ip tutti\nadd table ip tutti\n/);
  assert.ok(script.indexOf('add chain ip tutti vip-1') < script.indexOf('goto vip-1'));
  assert.match(script, /add chain ip tutti prerouting \{ type nat hook prerouting/);
});

test('a task that goes costs its elements alone', () => {
  const before = nodeRules(viewOf([task('t1', true), task('t2', true)]), dnsPorts).ruleset;
  const after = nodeRules(viewOf([task('t1', true), task('t2', false)]), dnsPorts).ruleset;
  const script = renderDifference(before, after) ?? '';
  assert.match(script, /delete element ip tutti vip-slot \{ 10\.0\.1\.2 \. 1 : 10\.0\.1\.12 \}/);
  assert.match(script, /add element ip tutti vip \{ "tt-frontnet" \. 10\.0\.1\.2 : goto vip-1 \}/);
  assert.doesNotMatch(script, /delete table|10\.0\.1\.11/);
});

test('nothing to change is an empty script; another table is no difference', () => {
  const { ruleset } = nodeRules(viewOf([task('t1', true)]), dnsPorts);
  assert.equal(renderDifference(ruleset, ruleset), '');
  assert.equal(renderDifference(ruleset, { ...ruleset, table: 'ip other' }), undefined);
});

test('more back ends than ever before bring the chain that they need', () => {
  const before = nodeRules(viewOf([task('t1', true)]), dnsPorts).ruleset;
  const after = nodeRules(viewOf([task('t1', true), task('t2', true)]), dnsPorts).ruleset;
  assert.match(renderDifference(before, after) ?? '', /^add chain ip tutti vip-2\n/);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { DiscoveryView } from '../host/node-network.ts';
import type { CatalogService, CatalogTask, NetworkAssignment } from '../model/assignment.ts';
import { Names } from './names.ts';

function network(networkId: string, others: Partial<NetworkAssignment>): NetworkAssignment {
  return {
    networkId,
    name: networkId,
    labels: {},
    subnet: '10.0.1.0/24',
    gateway: '10.0.1.1',
    internal: true,
    ingress: false,
    driverOptions: {},
    predefined: false,
    ...others,
  };
}

function task(taskId: string, serviceId: string, on: Readonly<Record<string, string>>) {
  const addresses = Object.entries(on).map(([networkId, address]) => ({ networkId, address }));
  const name = `${serviceId}.1.${taskId}`;
  return { taskId, serviceId, nodeId: 'n', name, addresses, ready: taskId !== 'late' };
}

function service(serviceId: string, virtual: Readonly<Record<string, string>>): CatalogService {
  const networks = ['both', 'old'].map((networkId) => ({
    networkId,
    aliases: [],
    ...(virtual[networkId] !== undefined && { virtualAddress: virtual[networkId] }),
  }));
  const endpointMode = Object.keys(virtual).length > 0 ? 'vip' : 'dnsrr';
  return { serviceId, name: serviceId, endpointMode, networks, ports: [] };
}

const tasks: readonly CatalogTask[] = [
  task('asker', 'client', { both: '10.0.1.2/24' }),
  task('t1', 'list', { both: '10.0.1.5/24', old: '10.0.2.5/24' }),
  task('late', 'list', { both: '10.0.1.6/24' }),
  task('t2', 'web', { both: '10.0.1.7/24' }),
  task('t3', 'alone', { old: '10.0.2.9/24' }),
];
const view: DiscoveryView = {
  networks: new Map(
    [
      network('both', { ipv6: { subnet: 'fd00:1::/64', gateway: 'fd00:1::1' } }),
      network('old', { subnet: '10.0.2.0/24', gateway: '10.0.2.1' }),
    ].map((one) => [one.networkId, one]),
  ),
  services: new Map(
    [
      service('client', { both: '10.0.1.3' }),
      service('list', {}),
      service('web', { both: '10.0.1.8' }),
      service('alone', {}),
    ].map((one) => [one.serviceId, one]),
  ),
  tasks: new Map(tasks.map((one) => [one.taskId, one])),
  nodes: new Map(),
  nodeId: 'n',
  own: new Map(),
  publications: [],
};
const names = new Names(view);

function ask(name: string, type: string, clientAddress = '10.0.1.2'): readonly string[] | string {
  const networkId = clientAddress.startsWith('10.0.1.') ? 'both' : 'old';
  const answer = names.answer({ name, type, networkId, clientAddress });
  if (answer.kind !== 'records') return answer.kind;
  return answer.records.map((one) => `${one.type} ${'address' in one ? one.address : one.target}`);
}

test('names of tasks answer with addresses of IPv6 to who asks for these', () => {
  for (const name of ['list', 'tasks.list', 'list.1.t1', 't1', 'LIST.both.']) {
    assert.deepEqual(ask(name, 'AAAA'), ['AAAA fd00:1::5'], name);
    assert.deepEqual(ask(name, 'A'), ['A 10.0.1.5'], name);
  }
  assert.deepEqual(ask('tasks.web', 'AAAA'), ['AAAA fd00:1::7']);
});

test('a virtual address has none of IPv6, nor has a network without it, and the name is there', () => {
  assert.deepEqual(ask('web', 'AAAA'), []);
  assert.deepEqual(ask('alone', 'AAAA', '10.0.2.9'), []);
  assert.deepEqual(ask('late', 'AAAA'), [], 'it is not ready');
  assert.equal(ask('nobody', 'AAAA'), 'no-such-name');
});

test('an address of IPv6 has the name of its task, for those on its network alone', () => {
  const reverse = (last: string) => `${last}.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.1.0.0.0`;
  const name = `${reverse('5')}.0.0.d.f.ip6.arpa`;
  assert.deepEqual(ask(name, 'PTR'), ['PTR list.1.t1.both']);
  assert.equal(ask(name, 'PTR', '10.0.2.9'), 'no-such-name');
  // The virtual address, and one that goes with no address of IPv4.
  assert.equal(ask(`${reverse('8')}.0.0.d.f.ip6.arpa`, 'PTR'), 'no-such-name');
  assert.deepEqual(ask('8.1.0.10.in-addr.arpa', 'PTR'), ['PTR web.both']);
});

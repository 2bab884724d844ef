import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { DnsAnswer } from '../host/network-devices.ts';
import type { DiscoveryView } from '../host/node-network.ts';
import type { CatalogService, CatalogTask } from '../model/assignment.ts';
import { explainName } from './explain-name.ts';
import { Names } from './names.ts';

const front = {
  networkId: 'front',
  name: 'shop_front',
  labels: {},
  subnet: '10.0.1.0/24',
  gateway: '10.0.1.1',
  internal: false,
  ingress: false,
  driverOptions: {},
  predefined: false,
} as const;

const web: CatalogService = {
  serviceId: 'web',
  name: 'shop_web',
  endpointMode: 'vip',
  networks: [{ networkId: 'front', aliases: ['web', 'www'], virtualAddress: '10.0.1.2' }],
  ports: [
    { name: 'HTTP', protocol: 'tcp', targetPort: 80, publishedPort: 8_080, mode: 'ingress' },
    { protocol: 'tcp', targetPort: 8_080, publishedPort: 443, mode: 'ingress' },
  ],
  hostPorts: [{ protocol: 'udp', targetPort: 53, publishedPort: 5_353, mode: 'host' }],
};
const db: CatalogService = {
  serviceId: 'db',
  name: 'db',
  endpointMode: 'vip',
  networks: [{ networkId: 'front', aliases: ['data.base'], virtualAddress: '10.0.1.3' }],
  ports: [],
};

function task(slot: number, ready: boolean): CatalogTask {
  return {
    taskId: `t${slot}`,
    serviceId: 'web',
    nodeId: 'node1',
    name: `shop_web.${slot}.t${slot}`,
    addresses: [{ networkId: 'front', address: `10.0.1.1${slot}/24` }],
    ready,
  };
}

const tasks = [task(1, true), task(2, false), task(3, true)];
const view: DiscoveryView = {
  networks: new Map([['front', front]]),
  services: new Map([web, db].map((one) => [one.serviceId, one])),
  tasks: new Map(tasks.map((one) => [one.taskId, one])),
  nodes: new Map(),
  nodeId: 'node1',
  own: new Map(),
  publications: [],
};

function ask(name: string, type = 'SRV'): DnsAnswer {
  return new Names(view).answer({ networkId: 'front', clientAddress: '10.0.1.11', name, type });
}

/** `target:port` of each record, and the addresses that come with them. */
function told(answer: DnsAnswer): readonly string[] | string {
  if (answer.kind !== 'records') return answer.kind;
  return [...answer.records, ...(answer.additionals ?? [])].map((record) => {
    switch (record.type) {
      case 'SRV':
        return `${record.target}:${record.port}`;
      case 'A':
      case 'AAAA':
        return `${record.name}=${record.address}`;
      case 'PTR':
        return record.target;
    }
  });
}

const ofService = (port: number) => [`shop_web.shop_front:${port}`, 'shop_web.shop_front=10.0.1.2'];

test('a port has a name, by its own name or its number, published or not', () => {
  const table: readonly (readonly [string, readonly string[] | string])[] = [
    ['_http._tcp.web', ofService(80)],
    ['_80._tcp.web', ofService(80)],
    ['_80._TCP.WWW.', ofService(80)],
    ['_80._tcp.shop_web', ofService(80)],
    ['_80._tcp.web.shop', ofService(80)],
    ['_80._tcp.web.shop_front', ofService(80)],
    ['_443._tcp.web', ofService(8_080)],
    // A target of this number comes before one that is published under it.
    ['_8080._tcp.web', ofService(8_080)],
    ['_53._udp.web', ofService(53)],
    ['_5353._udp.web', ofService(53)],
    ['_53._tcp.web', 'no-such-name'],
    ['_81._tcp.web', 'no-such-name'],
    ['_5432._tcp.db', 'no-such-name'],
    ['_80._tcp.nobody', 'no-such-name'],
    ['_80._icmp.web', 'forward'],
    ['_xmpp._tcp.example.org', 'forward'],
  ];
  for (const [name, expected] of table) assert.deepEqual(told(ask(name)), expected, name);
});

test('the port of the tasks of a service is that of each task that is ready', () => {
  assert.deepEqual(told(ask('_http._tcp.tasks.web')), [
    'shop_web.1.t1.shop_front:80',
    'shop_web.3.t3.shop_front:80',
    'shop_web.1.t1.shop_front=10.0.1.11',
    'shop_web.3.t3.shop_front=10.0.1.13',
  ]);
});

test('what a port’s name leads to has the address that comes with it', () => {
  for (const name of ['_http._tcp.web', '_http._tcp.tasks.web']) {
    const answer = ask(name);
    assert.ok(answer.kind === 'records');
    for (const additional of answer.additionals ?? []) {
      assert.ok(additional.type === 'A');
      assert.deepEqual(told(ask(additional.name, 'A')), [
        `${additional.name}=${additional.address}`,
      ]);
    }
  }
});

test('a port’s name has no address', () => {
  assert.deepEqual(told(ask('_http._tcp.web', 'A')), []);
});

test('a service of a stack has the stack behind its name', () => {
  assert.deepEqual(told(ask('web.shop', 'A')), ['web.shop=10.0.1.2']);
  assert.deepEqual(told(ask('tasks.web.shop', 'A')), [
    'tasks.web.shop=10.0.1.11',
    'tasks.web.shop=10.0.1.13',
  ]);
  assert.equal(told(ask('www.shop', 'A')), 'forward');
  assert.equal(told(ask('base.data', 'A')), 'forward');
});

test('a virtual address has the name of its service', () => {
  assert.deepEqual(told(ask('2.1.0.10.in-addr.arpa', 'PTR')), ['shop_web.shop_front']);
  assert.deepEqual(told(ask('13.1.0.10.in-addr.arpa', 'PTR')), ['shop_web.3.t3.shop_front']);
});

test('names follow when a service gets another virtual address, and when it goes', () => {
  const names = new Names(view);
  const asker = { networkId: 'front', clientAddress: '10.0.1.11' };
  const reverse = (last: number) =>
    told(names.answer({ ...asker, name: `${last}.1.0.10.in-addr.arpa`, type: 'PTR' }));
  const shownAs = (services: readonly CatalogService[]) => {
    const next = { ...view, services: new Map(services.map((one) => [one.serviceId, one])) };
    const before = names.revision;
    names.show(next);
    assert.ok(names.revision > before);
  };
  const [own = { networkId: 'front', aliases: [] }] = web.networks;
  shownAs([{ ...web, networks: [{ ...own, virtualAddress: '10.0.1.9' }] }, db]);
  assert.deepEqual([reverse(2), reverse(9)], ['forward', ['shop_web.shop_front']]);
  shownAs([db]);
  assert.deepEqual([reverse(9), reverse(3)], ['forward', ['db.shop_front']]);
});

test('an explanation of a port’s name says where it leads, or which ports there are', () => {
  const lines = (name: string) => explainName(view, { name, fromTaskId: 't1' }).lines;
  assert.equal(lines('_HTTP._tcp.web')[0], 'service shop_web takes it on port 80/tcp');
  assert.match(lines('_http._tcp.web')[1] ?? '', /it is service shop_web/);
  assert.equal(
    lines('_99._tcp.web')[0],
    'service shop_web declares only HTTP/tcp, 8080/tcp, 53/udp: the answer is "no such name"',
  );
  assert.match(lines('_1._tcp.db')[0] ?? '', /service db declares no port/);
  assert.match(lines('_1._tcp.nobody')[0] ?? '', /no service, alias or task/);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { DiscoveryView } from '../host/node-network.ts';
import type { CatalogService, CatalogTask, NetworkAssignment } from '../model/assignment.ts';
import { explainName } from './explain-name.ts';
import { Names } from './names.ts';

function network(networkId: string, internal: boolean): NetworkAssignment {
  return {
    networkId,
    name: `st_${networkId}`,
    labels: {},
    subnet: '10.0.0.0/24',
    gateway: '10.0.0.1',
    internal,
    ingress: false,
    driverOptions: {},
    predefined: false,
  };
}

function service(name: string, on: CatalogService['networks']): CatalogService {
  const endpointMode = on[0]?.virtualAddress === undefined ? 'dnsrr' : 'vip';
  return { serviceId: name, name, endpointMode, networks: on, ports: [] };
}

interface TaskOf {
  readonly service: string;
  readonly slot: number;
  readonly on: Readonly<Record<string, string>>;
  readonly ready?: boolean;
}

function task(of: TaskOf): CatalogTask {
  const taskId = `${of.service}${of.slot}`;
  return {
    taskId,
    serviceId: of.service,
    nodeId: 'node1',
    name: `${of.service}.${of.slot}.${taskId}`,
    hostname: `host-${taskId}`,
    ready: of.ready ?? true,
    addresses: Object.entries(of.on).map(([networkId, address]) => ({ networkId, address })),
  };
}

const tasks = [
  task({ service: 'web', slot: 1, on: { front: '10.0.1.11/24', back: '10.0.2.11/24' } }),
  task({ service: 'api', slot: 1, on: { front: '10.0.1.21/24' } }),
  task({ service: 'api', slot: 2, on: { front: '10.0.1.22/24' }, ready: false }),
  task({ service: 'db', slot: 1, on: { back: '10.0.2.31/24' } }),
];

const view: DiscoveryView = {
  networks: new Map([
    ['front', network('front', false)],
    ['back', network('back', true)],
  ]),
  services: new Map([
    [
      'web',
      service('web', [
        { networkId: 'front', aliases: ['www'], virtualAddress: '10.0.1.2' },
        { networkId: 'back', aliases: [], virtualAddress: '10.0.2.2' },
      ]),
    ],
    ['api', service('api', [{ networkId: 'front', aliases: [] }])],
    [
      'db',
      service('db', [{ networkId: 'back', aliases: ['database'], virtualAddress: '10.0.2.3' }]),
    ],
  ]),
  tasks: new Map(tasks.map((one) => [one.taskId, one])),
  own: new Map([
    ['api2', { notReady: 'waiting for the health check to pass' }],
    ['web1', { nameservers: ['192.0.2.53'] }],
  ]),
  nodes: new Map(),
  nodeId: 'n1',
  publications: [],
};

/** What a task of `api` (front only) or of `db` (back only, no way out) gets. */
function ask(who: 'api' | 'db', name: string, type = 'A'): string {
  const asker =
    who === 'api'
      ? { networkId: 'front', clientAddress: '10.0.1.21' }
      : { networkId: 'back', clientAddress: '10.0.2.31' };
  const answer = new Names(view).answer({ ...asker, name, type });
  if (answer.kind !== 'records') return answer.kind;
  return answer.records
    .map((record) => ('address' in record ? record.address : record.target))
    .join(' ');
}

test('names answer as the service declares, and only on networks that the asker is on', () => {
  const table: readonly (readonly ['api' | 'db', string, string])[] = [
    ['api', 'web', '10.0.1.2'],
    ['api', 'WWW.', '10.0.1.2'],
    ['db', 'web', '10.0.2.2'],
    ['db', 'www', 'no-such-name'],
    ['api', 'tasks.web', '10.0.1.11'],
    ['api', 'api', '10.0.1.21'],
    ['api', 'tasks.api', '10.0.1.21'],
    ['api', 'db', 'no-such-name'],
    ['db', 'database', '10.0.2.3'],
    ['api', 'host-web1', '10.0.1.11'],
    ['api', 'web.1.web1', '10.0.1.11'],
    ['api', 'host-api2', ''],
    ['api', 'web.st_front', '10.0.1.2'],
    ['api', 'web.1.web1.st_front', '10.0.1.11'],
    ['api', 'db.st_back', 'forward'],
    ['db', 'web.st_front', 'no-such-name'],
    ['api', 'example.org', 'forward'],
    ['db', 'example.org', 'no-such-name'],
    ['api', 'nothing', 'no-such-name'],
  ];
  for (const [who, name, expected] of table)
    assert.equal(ask(who, name), expected, `${who} ${name}`);
});

test('a name of ours has no other records, and nobody else is asked for them', () => {
  assert.equal(ask('api', 'web', 'AAAA'), '');
  assert.equal(ask('api', 'example.org', 'AAAA'), 'forward');
});

test('an address of ours has a name', () => {
  assert.equal(ask('api', '11.1.0.10.in-addr.arpa', 'PTR'), 'web.1.web1.st_front');
  assert.equal(ask('api', '31.2.0.10.in-addr.arpa', 'PTR'), 'forward');
  assert.equal(ask('db', '11.1.0.10.in-addr.arpa', 'PTR'), 'no-such-name');
});

test('somebody unknown on a network sees that network alone', () => {
  const names = new Names(view);
  const asker = { networkId: 'front', clientAddress: '10.0.1.99', type: 'A' };
  assert.equal(names.answer({ ...asker, name: 'web' }).kind, 'records');
  assert.equal(names.answer({ ...asker, name: 'db' }).kind, 'no-such-name');
});

test('an explanation shows the rows behind the answer, those that were left out too', () => {
  const explained = explainName(view, { name: 'api', fromTaskId: 'web1' });
  assert.equal(explained.subject, 'api, asked by web.1.web1');
  assert.deepEqual(explained.lines, [
    'on network st_front it is service api',
    'it answers with 1 address: 10.0.1.21',
    'back end: api.1.api1 at 10.0.1.21',
    'left out, not ready: api.2.api2 at 10.0.1.22: waiting for the health check to pass',
  ]);
});

test('an explanation says where a name exists that the asker cannot see', () => {
  const explained = explainName(view, { name: 'db', fromTaskId: 'api.1' });
  assert.match(explained.lines[0] ?? '', /exists on st_back, which the asking task is not on/);
  assert.match(explained.hint ?? '', /one network/);
});

test('a task that names its own nameservers has them asked for the world', () => {
  const asker = { networkId: 'front', clientAddress: '10.0.1.11', type: 'A' };
  assert.deepEqual(new Names(view).answer({ ...asker, name: 'example.org' }), {
    kind: 'forward',
    nameservers: ['192.0.2.53'],
  });
  const explained = explainName(view, { name: 'example.org', fromTaskId: 'web.1' });
  assert.match(explained.lines[1] ?? '', /nameservers of the task: 192\.0\.2\.53/);
});

test('services that share an alias answer together, but never for the name of another', () => {
  const on = (aliases: readonly string[], virtualAddress: string) =>
    [{ networkId: 'front', aliases, virtualAddress }] as const;
  const shared: DiscoveryView = {
    ...view,
    services: new Map([
      ['blue', service('blue', on(['site', 'green'], '10.0.1.3'))],
      ['green', service('green', on(['site'], '10.0.1.4'))],
    ]),
  };
  const asker = { networkId: 'front', clientAddress: '10.0.1.99', type: 'A' };
  const answers = (name: string) => {
    const answer = new Names(shared).answer({ ...asker, name });
    return answer.kind === 'records'
      ? answer.records.map((one) => ('address' in one ? one.address : one.target))
      : answer.kind;
  };
  assert.deepEqual(answers('site'), ['10.0.1.3', '10.0.1.4']);
  assert.deepEqual(answers('green'), ['10.0.1.4']);
});

test('an explanation of a service without a ready task says what callers get', () => {
  const none = new Map([['api2', { ...task({ service: 'web', slot: 1, on: {} }), ready: false }]]);
  const idle: DiscoveryView = { ...view, tasks: none };
  const unready = explainName(idle, { name: 'web', fromTaskId: undefined });
  assert.match(unready.lines[1] ?? '', /10\.0\.1\.2, which refuses connections/);
  assert.match(unready.hint ?? '', /tutti why task web1/);
  const empty = explainName({ ...view, tasks: new Map() }, { name: 'api', fromTaskId: undefined });
  assert.deepEqual(empty.lines, [
    'on network st_front it is service api',
    'it answers with no address, for no task is ready',
    'the service has no task that is to run',
  ]);
  assert.match(empty.hint ?? '', /tutti why service api/);
});

test('an explanation of what is nowhere, or asked by nobody, says so', () => {
  const nowhere = explainName(view, { name: 'nope', fromTaskId: undefined });
  assert.match(nowhere.lines[0] ?? '', /no service, alias or task/);
  assert.equal(nowhere.hint, 'Names of services here: api, database, db, web, www.');
  const nobody = explainName(view, { name: 'web', fromTaskId: 'ghost' });
  assert.match(nobody.lines[0] ?? '', /no task "ghost"/);
});

test('a container that is no task is found by its name and aliases, and takes no service’s', () => {
  const box: CatalogTask = {
    taskId: 'c0ffee',
    serviceId: 'c0ffee',
    nodeId: 'node2',
    name: 'box',
    ready: true,
    addresses: [{ networkId: 'front', address: '10.0.1.77/24' }],
    isContainer: true,
  };
  const names = (name: string, networks: CatalogService['networks'], ready = true): Names => {
    const found = { ...service(name, networks), serviceId: 'c0ffee', isContainer: true } as const;
    return new Names({
      ...view,
      services: new Map([...view.services, ['c0ffee', found]]),
      tasks: new Map([...view.tasks, ['c0ffee', { ...box, ready }]]),
    });
  };
  const ask = (one: Names, name: string): readonly string[] => {
    const asked = { name, type: 'A', networkId: 'front', clientAddress: '10.0.1.21' } as const;
    const answer = one.answer(asked);
    return answer.kind === 'records'
      ? answer.records.flatMap((row) => (row.type === 'A' ? row.address : []))
      : [];
  };
  const on = [{ networkId: 'front', aliases: ['c0', 'box', 'www'] }];
  const known = names('box', on);
  for (const name of ['box', 'BOX', 'c0', 'box.st_front']) {
    assert.deepEqual(ask(known, name), ['10.0.1.77'], name);
  }
  assert.deepEqual(ask(known, 'www'), ['10.0.1.2', '10.0.1.77'], 'an alias is shared');
  assert.deepEqual(ask(names('api', on), 'api'), ['10.0.1.21'], 'a name is not');
  assert.deepEqual(ask(names('box', on, false), 'box'), []);
  const reverse = { name: '77.1.0.10.in-addr.arpa', type: 'PTR', networkId: 'front' } as const;
  assert.deepEqual(known.answer({ ...reverse, clientAddress: '10.0.1.21' }), {
    kind: 'records',
    records: [{ type: 'PTR', name: reverse.name, target: 'box.st_front' }],
  });
});

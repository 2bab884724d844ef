import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { DiscoveryView } from '../host/node-network.ts';
import type { CatalogService, CatalogTask } from '../model/assignment.ts';
import { explainPort, parseAskedPort } from './explain-port.ts';
import { portForwards } from './port-forwards.ts';

const ports = [{ protocol: 'tcp', targetPort: 80, publishedPort: 8080, mode: 'ingress' }] as const;

function service(serviceId: string, changes: Partial<CatalogService> = {}) {
  const row = { serviceId, name: serviceId, endpointMode: 'vip', networks: [], ports } as const;
  return [serviceId, { ...row, ...changes }] as const;
}

function task(place: number, changes: Partial<CatalogTask> = {}) {
  const taskId = `t${place}`;
  const row = {
    taskId,
    serviceId: 'web',
    nodeId: 'here',
    name: `web.${place}.${taskId}`,
    addresses: [{ networkId: 'ingress', address: `10.0.0.${place}/24` }],
    ready: true,
    ...changes,
  };
  return [taskId, row] as const;
}

function viewOf(changes: Partial<DiscoveryView>): DiscoveryView {
  const ingress = {
    networkId: 'ingress',
    name: 'ingress',
    labels: {},
    subnet: '10.0.0.0/24',
    gateway: '10.0.0.1/24',
    internal: false,
    ingress: true,
    driverOptions: {},
    predefined: false,
  };
  return {
    networks: new Map([['ingress', ingress]]),
    services: new Map([service('web')]),
    tasks: new Map(),
    nodes: new Map([
      ['here', { nodeId: 'here', address: '192.0.2.1' }],
      ['there', { nodeId: 'there', address: '192.0.2.2' }],
    ]),
    nodeId: 'here',
    own: new Map(),
    publications: [],
    ...changes,
  };
}

function explained(asked: string, view: DiscoveryView): readonly string[] {
  const { subject, lines, hint } = explainPort(parseAskedPort(asked), {
    view,
    ...portForwards(view),
  });
  return [subject, ...lines, ...(hint === undefined ? [] : [`hint: ${hint}`])];
}

const sick = { ready: false };
const own = new Map([['t2', { notReady: 'waiting for the health check' }]]);

test('a port leads to the tasks of this node that are ready, and others are said', () => {
  const tasks = new Map([task(1), task(2, sick), task(3, { nodeId: 'there' })]);
  assert.deepEqual(explained('8080', viewOf({ tasks, own })), [
    'port 8080',
    'service web publishes 8080/tcp on every node',
    'back end: web.1.t1 on this node, at 10.0.0.1:80',
    'left out, not ready: web.2.t2 on this node: waiting for the health check',
    'ready: web.3.t3 on node 192.0.2.2; tasks of this node come first',
  ]);
});

test('a port leads to another node where this one has no task', () => {
  assert.deepEqual(
    explained('8080/tcp', viewOf({ tasks: new Map([task(3, { nodeId: 'there' })]) })),
    [
      'port 8080/tcp',
      'service web publishes 8080/tcp on every node',
      'back end: web.3.t3 on node 192.0.2.2, by its node, so that it sees this node’s address as its caller’s',
    ],
  );
});

test('a port whose service has no ready task refuses', () => {
  assert.deepEqual(explained('8080', viewOf({ tasks: new Map([task(2, sick)]), own })), [
    'port 8080',
    'service web publishes 8080/tcp on every node',
    'callers are refused, for no task is ready',
    'left out, not ready: web.2.t2 on this node: waiting for the health check',
    'hint: `tutti why service web` says why no task is ready.',
  ]);
});

test('of two services with one port the second is told who has it', () => {
  const services = new Map([service('web'), service('xenon', { affinity: 'client-ip' })]);
  const lines = explained('8080', viewOf({ services, tasks: new Map([task(1)]) }));
  assert.deepEqual(lines.slice(-3), [
    'service xenon publishes 8080/tcp on every node',
    'this node does not lead there: port 8080/tcp is taken by service web',
    'hint: Publish another port, or end what has this one; it is tried again at each look.',
  ]);
});

test('a port of mode host is that of its task', () => {
  const publication = {
    taskId: 't2',
    taskName: 'echo.1.t2',
    serviceId: 'echo',
    ports: [{ protocol: 'tcp', targetPort: 80, publishedPort: 8090 }],
    addresses: [],
    engineAddress: '172.17.0.5',
  } as const;
  const services = new Map([service('echo', { ports: [] })]);
  const of = (ready: boolean) =>
    explained('8090', viewOf({ services, own, publications: [{ ...publication, ready }] }));
  const whose = 'task echo.1.t2 of service echo publishes 8090/tcp on this node alone (mode host)';
  assert.deepEqual(of(true), ['port 8090', whose, 'it leads to 172.17.0.5:80']);
  assert.deepEqual(of(false), [
    'port 8090',
    whose,
    'callers are refused, for it is not ready: waiting for the health check',
    'hint: `tutti why service echo` says why no task is ready.',
  ]);
});

test('a port of nobody is said with those that there are', () => {
  assert.deepEqual(explained('81', viewOf({})), [
    'port 81',
    'no service publishes it: this node leads it nowhere',
    'hint: Published on this node: 8080/tcp.',
  ]);
  const hostPorts = [{ protocol: 'udp', targetPort: 53, publishedPort: 53, mode: 'host' }] as const;
  const services = new Map([service('dns', { ports: [], hostPorts })]);
  assert.deepEqual(explained('53/udp', viewOf({ services })), [
    'port 53/udp',
    'service dns publishes it in mode host: where its tasks run, and not here',
    'hint: No port is published on this node: `docker service update --publish-add`.',
  ]);
  assert.match(explained('53/tcp', viewOf({ services })).join(), /no service publishes it/);
});

for (const text of ['', '0', '65536', '123456', 'http', '80/http', '80/', '-1', '8.5', '80 ']) {
  test(`"${text}" is no port`, () => {
    assert.throws(() => parseAskedPort(text), { code: 'invalid-argument', field: 'port' });
  });
}

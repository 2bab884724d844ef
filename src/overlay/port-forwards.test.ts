import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { DiscoveryView, HostPublication } from '../host/node-network.ts';
import type { NetworkAssignment } from '../model/assignment.ts';
import { nodeRules } from './node-rules.ts';
import { portForwards } from './port-forwards.ts';
import { elementsOf } from './ruleset.ts';

function network(networkId: string, changes: Partial<NetworkAssignment> = {}) {
  const assignment: NetworkAssignment = {
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
  return [networkId, assignment] as const;
}

function publication(changes: Partial<HostPublication> = {}): HostPublication {
  return {
    taskId: 't1',
    taskName: 'echo.1.t1',
    serviceId: 'echo',
    ports: [{ protocol: 'tcp', targetPort: 80, publishedPort: 8090 }],
    ready: true,
    addresses: [
      { networkId: 'zebra', address: '10.0.1.11/24' },
      { networkId: 'front', address: '10.0.2.11/24' },
    ],
    ...changes,
  };
}

function viewOf(...publications: readonly HostPublication[]): DiscoveryView {
  return {
    networks: new Map([network('zebra'), network('front'), network('in', { ingress: true })]),
    services: new Map([
      [
        'web',
        {
          serviceId: 'web',
          name: 'web',
          endpointMode: 'vip',
          networks: [],
          ports: [{ protocol: 'tcp', targetPort: 80, publishedPort: 8080, mode: 'ingress' }],
        },
      ],
    ]),
    tasks: new Map(),
    nodes: new Map(),
    nodeId: 'node1',
    own: new Map(),
    publications,
  };
}

/** Where the port of one task leads. */
function ledTo(changes: Partial<HostPublication>, view = viewOf(publication(changes))) {
  const { wanted } = portForwards(view);
  const found = wanted.find((port) => port.publication?.taskId === 't1');
  return found?.forward.backEnds.map(({ address, port }) => `${address}:${port}`);
}

test('a port of mode host leads to its one task, by the network that is its way out', () => {
  assert.deepEqual(ledTo({}), ['10.0.2.11:80'], 'the first name');
  const visited = [...publication().addresses, { networkId: 'in', address: '10.0.0.11/16' }];
  assert.deepEqual(ledTo({ addresses: visited }), ['10.0.0.11:80'], 'who has visitors by ingress');
  const engineAddress = '172.17.0.2';
  assert.deepEqual(ledTo({ addresses: [], engineAddress }), ['172.17.0.2:80'], 'the engine’s own');
  assert.deepEqual(ledTo({ engineAddress }), ['172.17.0.2:80'], '"bridge" is before "front"');
});

test('who is not ready, or is on internal networks alone, keeps its port and is not led to', () => {
  assert.deepEqual(ledTo({ ready: false }), []);
  const view = viewOf(publication());
  const networks = new Map([network('zebra', { internal: true })]);
  assert.deepEqual(ledTo({}, { ...view, networks }), []);
  assert.deepEqual(ledTo({}, { ...view, networks: new Map() }), [], 'not made yet');
});

test('who has a port first keeps it; the other one hears of whom', () => {
  const second = publication({ taskId: 't2', taskName: 'echo.2.t2' });
  const chosen = publication({
    taskId: 't3',
    taskName: 'echo.3.t3',
    ports: [{ protocol: 'tcp', targetPort: 80, publishedPort: 8080 }],
  });
  const { wanted, refused } = portForwards(viewOf(publication(), second, chosen));
  assert.deepEqual(
    wanted.map(({ publication: of, forward }) => [of?.taskId, forward.port]),
    [
      ['t1', 8090],
      ['t3', 8080],
    ],
  );
  assert.deepEqual(
    refused.map(({ port, message }) => [port.publication?.taskId ?? port.serviceId, message]),
    [
      ['t2', 'port 8090/tcp is taken by task echo.1.t1'],
      ['web', 'port 8080/tcp is taken by task echo.3.t3'],
    ],
  );
});

test('the same number over UDP is another port', () => {
  const udp = publication({
    taskId: 't2',
    ports: [{ protocol: 'udp', targetPort: 53, publishedPort: 8090 }],
  });
  assert.deepEqual(portForwards(viewOf(publication(), udp)).refused, []);
});

test('a task on the engine’s own bridge comes to itself by the socket of its port', () => {
  const view = viewOf(publication({ addresses: [], engineAddress: '172.17.0.2' }));
  const forwards = portForwards(view).wanted.map(({ forward }) => forward);
  const { ruleset } = nodeRules({ view, dnsPorts: new Map(), forwards, spans: [] });
  const keys = (name: string) => [...elementsOf(ruleset, name).keys()];
  assert.deepEqual(keys('by-socket'), ['tcp . 8090 . 172.17.0.2']);
  assert.deepEqual(keys('port-slot'), ['tcp . 8090 . 0']);
  const rules = ruleset.chains.get('prerouting') ?? [];
  const returns = rules.findIndex((rule) => rule.includes('@by-socket return'));
  assert.ok(returns >= 0 && returns < rules.findIndex((rule) => rule.includes('vmap @port')));
});

test('a port whose tasks are elsewhere leads to their nodes, until one of this node is ready', () => {
  const task = (taskId: string, nodeId: string, ready = true) => ({
    taskId,
    serviceId: 'web',
    nodeId,
    name: taskId,
    ready,
    addresses: [{ networkId: 'in', address: `10.0.0.${taskId.length}/16` }],
  });
  const nodes = ['node1', 'node2', 'node3'].map((nodeId) => ({
    nodeId,
    address: `192.0.2.${nodeId.slice(-1)}`,
  }));
  const led = (...tasks: readonly ReturnType<typeof task>[]) => {
    const view = {
      ...viewOf(),
      nodes: new Map(nodes.map((node) => [node.nodeId, node])),
      tasks: new Map(tasks.map((one) => [one.taskId, one])),
    };
    const forwards = portForwards(view).wanted.map(({ forward }) => forward);
    const { ruleset } = nodeRules({ view, dnsPorts: new Map(), forwards, spans: [] });
    const keys = (name: string) => [...elementsOf(ruleset, name).keys()];
    const to = forwards.flatMap(({ backEnds }) => backEnds);
    return [to.map(({ address, port }) => `${address}:${port}`), keys('relay'), keys('relayed')];
  };
  const [own, far] = [task('a', 'node1'), task('bb', 'node2')];
  assert.deepEqual(led(own, far), [['10.0.0.1:80'], [], []]);
  assert.deepEqual(led({ ...own, ready: false }, far, task('ccc', 'node3')), [
    ['192.0.2.2:8080', '192.0.2.3:8080'],
    ['192.0.2.2', '192.0.2.3'],
    ['tcp . 8080'],
  ]);
  assert.deepEqual(led({ ...far, ready: false }), [[], [], []]);
  assert.deepEqual(led(task('dddd', 'node4')), [[], [], []], 'its node is down');
});

test('who can be led to all tasks elsewhere is, and else on to their nodes, as in an upgrade', () => {
  const nodes = ['node1', 'node2', 'node3'].map((nodeId, index) => ({
    nodeId,
    address: `192.0.2.${index + 1}`,
  }));
  const task = (last: number, ready = true) => ({
    taskId: `t${last}`,
    serviceId: 'web',
    nodeId: `node${last}`,
    name: `web.${last}`,
    ready,
    addresses: [{ networkId: 'in', address: `10.0.0.${last}/24` }],
  });
  const view = {
    ...viewOf(),
    nodes: new Map(nodes.map((one) => [one.nodeId, one])),
    tasks: new Map([task(2), task(3)].map((one) => [one.taskId, one])),
  };
  const ledBy = (reached: readonly string[], of: DiscoveryView = view) => {
    const remotes = new Map(reached.map((address) => [address, '192.0.2.9']));
    const mesh = {
      bridge: 'tt-in',
      device: 'tt-in-x',
      vxlanId: 4_097,
      port: 4_789,
      localAddress: '192.0.2.1',
      mtu: 1_450,
      remotes,
      ways: new Map(),
      callers: [],
    };
    const [web] = portForwards(of, { mesh }).wanted;
    return web?.forward.backEnds.map(({ address, port }) => `${address}:${port}`);
  };
  assert.deepEqual(ledBy(['10.0.0.2', '10.0.0.3']), ['10.0.0.2:80', '10.0.0.3:80']);
  assert.deepEqual(ledBy(['10.0.0.2']), ['192.0.2.2:8080', '192.0.2.3:8080']);
  const waiting = { ...view, tasks: new Map([task(2), task(3, false)].map((t) => [t.taskId, t])) };
  assert.deepEqual(ledBy(['10.0.0.2'], waiting), ['10.0.0.2:80'], 'others are asked later');
  const own = { ...view, tasks: new Map([task(1), task(2)].map((t) => [t.taskId, t])) };
  assert.deepEqual(ledBy(['10.0.0.2'], own), ['10.0.0.1:80']);
  const [, web] = [...view.services][0] ?? assert.fail();
  const sticky = {
    ...own,
    services: new Map([['web', { ...web, affinity: 'client-ip' as const }]]),
  };
  assert.deepEqual(ledBy(['10.0.0.2'], sticky), ['10.0.0.1:80', '10.0.0.2:80'], 'by any node');
  assert.deepEqual(ledBy([], sticky), ['10.0.0.1:80'], 'while another one cannot');
});

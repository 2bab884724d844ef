import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { NodeState } from '../../src/model/node.ts';
import type { Placement, ServiceSpec } from '../../src/model/service.ts';
import type { Task } from '../../src/model/task.ts';
import type { ContainerSpec, TaskTemplateSpec } from '../../src/model/template.ts';
import { NodeLoads } from '../../src/scheduler/node-loads.ts';
import { placeTasks } from '../../src/scheduler/place-tasks.ts';
import { MemoryTables } from './memory-tables.ts';
import type { NodeOptions } from './rows.ts';
import { anywhere, networkRow, nodeRow, serviceRow, templateSpec } from './rows.ts';

interface Wanted {
  readonly placement?: Partial<Placement>;
  readonly container?: Partial<ContainerSpec>;
  readonly template?: Partial<TaskTemplateSpec>;
}

/** Nodes and tasks without orchestrator: places what it is told, for good. */
class Cluster {
  readonly tables = new MemoryTables();
  readonly loads: NodeLoads;
  readonly states = new Map<string, NodeState>();
  now = 0;
  #count = 0;

  constructor(nodes: Readonly<Record<string, NodeOptions>>) {
    this.tables.update((tx) => {
      for (const [id, options] of Object.entries(nodes)) tx.nodes.put(nodeRow(id, options));
    });
    this.loads = new NodeLoads(this.tables.view);
  }

  commit(run: Parameters<MemoryTables['update']>[0]): void {
    for (const change of this.tables.update(run)) this.loads.apply(change);
  }

  /** Places tasks of a service; returns the node or the sentence of each. */
  place(serviceId: string, count: number, wanted: Wanted = {}): readonly string[] {
    return this.placements(serviceId, count, wanted).map((one) =>
      one.kind === 'placed' ? one.nodeId : one.reason.message,
    );
  }

  placements(serviceId: string, count: number, wanted: Wanted = {}) {
    const spec: Partial<ServiceSpec> = { placement: { ...anywhere, ...wanted.placement } };
    const templateId = `template-${serviceId}`;
    const service = serviceRow(serviceId, { templateId, spec });
    const template = {
      id: templateId,
      serviceId,
      spec: templateSpec(wanted.template, wanted.container),
    };
    const tasks = Array.from({ length: count }, () => this.task(serviceId));
    const trial = this.loads.trial();
    const result: ReturnType<typeof placeTasks>[] = [];
    this.commit((tx) => {
      tx.templates.put(template);
      const { now } = this;
      const observed = {
        task: () => undefined,
        node: (nodeId: string) => {
          const state = this.states.get(nodeId) ?? 'ready';
          return { nodeId, state, since: 0, message: '' };
        },
        portProblems: () => [],
      };
      const request = { view: tx, service, template, tasks, observed, now, trial };
      const placed = placeTasks(this.loads, request);
      for (const one of placed) {
        if (one.kind === 'placed') tx.tasks.put({ ...one.task, nodeId: one.nodeId });
      }
      result.push(placed);
    });
    return result.flat();
  }

  task(serviceId: string): Task {
    this.#count += 1;
    return {
      id: `task-${this.#count}`,
      serviceId,
      slot: this.#count,
      templateId: `template-${serviceId}`,
      generation: 1,
      createdAt: 0,
      desired: 'running',
      addresses: [],
      restarts: [],
    };
  }

  tasksOn(nodeId: string): readonly Task[] {
    return [...this.tables.view.tasks.by('node', nodeId)];
  }

  change(task: Task, change: Partial<Task>): void {
    this.commit((tx) => tx.tasks.put({ ...task, ...change }));
  }
}

const counted = (nodes: readonly string[]): Readonly<Record<string, number>> =>
  Object.fromEntries(
    [...Map.groupBy(nodes, (node) => node)].map(([node, all]) => [node, all.length]),
  );

test('tasks of a service are spread evenly', () => {
  const cluster = new Cluster({ a: {}, b: {}, c: {} });
  assert.deepEqual(counted(cluster.place('web', 7)), { a: 3, b: 2, c: 2 });
});

test('a service counts its own tasks first: a node that is full of others still gets its share', () => {
  const cluster = new Cluster({ a: {}, b: {} });
  cluster.place('other', 5, { placement: { constraints: ['node.id==a'] } });
  assert.deepEqual(counted(cluster.place('web', 4)), { a: 2, b: 2 });
});

test('with equal counts of its own the node with the fewest tasks in all comes first', () => {
  const cluster = new Cluster({ a: {}, b: {}, c: {} });
  cluster.place('other', 2);
  assert.deepEqual(cluster.place('web', 1), ['c']);
});

test('a new node catches up with the others', () => {
  const cluster = new Cluster({ a: {}, b: {} });
  cluster.place('web', 4);
  cluster.commit((tx) => tx.nodes.put(nodeRow('c')));
  assert.deepEqual(cluster.place('web', 2), ['c', 'c']);
});

test('a task that ended frees its node, one that is stopping only its count', () => {
  const cluster = new Cluster({ a: { description: { nanoCpus: 1e9 } } });
  const wanted = { container: { reservations: { nanoCpus: 1e9 } } };
  assert.deepEqual(cluster.place('web', 1, wanted), ['a']);
  const full = 'no suitable node (insufficient resources on 1 node)';
  assert.deepEqual(cluster.place('web', 1, wanted), [full]);
  const [first] = cluster.tasksOn('a');
  assert.ok(first);
  cluster.change(first, { desired: 'shutdown' });
  assert.equal(cluster.loads.get('a')?.taskCount, 0);
  assert.deepEqual(cluster.place('web', 1, wanted), [full]);
  const reason = { code: 'stopped', message: '', since: 0 } as const;
  cluster.change(first, { desired: 'shutdown', end: { state: 'shutdown', at: 0, reason } });
  assert.deepEqual(cluster.place('web', 1, wanted), ['a']);
});

test('reservations of all containers add up, and memory counts as well as processors', () => {
  const cluster = new Cluster({
    a: { description: { nanoCpus: 2e9, memoryBytes: 1_000 } },
    b: { description: { nanoCpus: 1e9, memoryBytes: 9_000 } },
  });
  assert.deepEqual(
    cluster.place('big', 1, { container: { reservations: { memoryBytes: 2_000 } } }),
    ['b'],
  );
  const [half] = templateSpec({}, { reservations: { nanoCpus: 0.75e9 } }).containers;
  assert.ok(half);
  assert.deepEqual(cluster.place('two', 1, { template: { containers: [half, half] } }), ['a']);
});

test('spread over a label is even between its values, whatever their numbers of nodes', () => {
  const zone = (name: string): NodeOptions => ({ spec: { labels: { zone: name } } });
  const cluster = new Cluster({
    a1: zone('a'),
    a2: zone('a'),
    a3: zone('a'),
    b1: zone('b'),
    none: {},
  });
  const preferences = [{ spread: 'node.labels.zone' }];
  const placed = cluster.place('web', 9, { placement: { preferences } });
  assert.deepEqual(counted(placed), { a1: 1, a2: 1, a3: 1, b1: 3, none: 3 });
});

test('spread preferences nest: racks within zones', () => {
  const at = (zone: string, rack: string): NodeOptions => ({
    spec: { labels: { zone } },
    description: { engineLabels: { rack } },
  });
  const cluster = new Cluster({
    a11: at('a', '1'),
    a12: at('a', '1'),
    a21: at('a', '2'),
    b11: at('b', '1'),
  });
  const preferences = [{ spread: 'node.labels.zone' }, { spread: 'engine.labels.rack' }];
  const placed = cluster.place('web', 8, { placement: { preferences } });
  assert.deepEqual(counted(placed), { a11: 1, a12: 1, a21: 2, b11: 4 });
});

test('a branch that is full leaves its share to the others, and scaling up goes on evenly', () => {
  const cluster = new Cluster({
    a: { spec: { labels: { zone: 'a' } }, description: { nanoCpus: 1e9 } },
    b: { spec: { labels: { zone: 'b' } }, description: { nanoCpus: 100e9 } },
  });
  const wanted: Wanted = {
    placement: { preferences: [{ spread: 'node.labels.zone' }] },
    container: { reservations: { nanoCpus: 0.5e9 } },
  };
  assert.deepEqual(counted(cluster.place('web', 3, wanted)), { a: 2, b: 1 });
  assert.deepEqual(counted(cluster.place('web', 5, wanted)), { b: 5 });
});

test('a node on which the template keeps failing comes last, for five minutes, and only for it', () => {
  const cluster = new Cluster({ a: {}, b: {} });
  const fail = (): void => {
    const task = { ...cluster.task('web'), nodeId: 'a' };
    cluster.commit((tx) => tx.tasks.put(task));
    const reason = { code: 'exited-with-error', message: '', since: cluster.now } as const;
    cluster.change(task, { end: { state: 'failed', at: cluster.now, reason } });
  };
  for (let failures = 0; failures < 4; failures += 1) fail();
  assert.deepEqual(counted(cluster.place('web', 2)), { a: 1, b: 1 });
  fail();
  assert.deepEqual(counted(cluster.place('web', 2)), { b: 2 });
  assert.deepEqual(counted(cluster.place('other', 2)), { a: 1, b: 1 });
  cluster.now = 5 * 60_000;
  assert.deepEqual(counted(cluster.place('web', 2)), { a: 2 });
});

test('a faulty node is taken when there is no other', () => {
  const cluster = new Cluster({ a: {} });
  const reason = { code: 'exited-with-error', message: '', since: 0 } as const;
  for (let failures = 0; failures < 6; failures += 1) {
    const task = { ...cluster.task('web'), nodeId: 'a' };
    cluster.commit((tx) => tx.tasks.put(task));
    cluster.change(task, { end: { state: 'failed', at: 0, reason } });
  }
  assert.deepEqual(cluster.place('web', 1), ['a']);
});

test('each node takes a host port once, for each protocol, whoever asks', () => {
  const cluster = new Cluster({ a: {}, b: {} });
  const port = (protocol: 'tcp' | 'udp'): Wanted => ({
    template: { hostPorts: [{ protocol, targetPort: 80, publishedPort: 8_080 }] },
  });
  const taken = 'no suitable node (host-mode port already in use on 2 nodes)';
  assert.deepEqual(cluster.place('web', 3, port('tcp')), ['a', 'b', taken]);
  assert.deepEqual(cluster.place('other', 1, port('tcp')), [taken]);
  assert.deepEqual(cluster.place('dns', 2, port('udp')), ['a', 'b']);
  const chosen: Wanted = { template: { hostPorts: [{ protocol: 'tcp', targetPort: 80 }] } };
  assert.equal(new Set(cluster.place('free', 2, chosen)).size, 2);
});

test('no node takes more replicas than the service allows', () => {
  const cluster = new Cluster({ a: {}, b: {} });
  const wanted = { placement: { maxReplicasPerNode: 2 } };
  const placed = cluster.place('web', 5, wanted);
  assert.deepEqual(placed.slice(4), ['no suitable node (max replicas per node limit exceed)']);
  assert.deepEqual(counted(placed.slice(0, 4)), { a: 2, b: 2 });
});

test('an image goes only to nodes that it was built for', () => {
  const cluster = new Cluster({
    intel: {},
    arm: { description: { architecture: 'aarch64' } },
  });
  const platforms = (architecture: string): Wanted => ({
    placement: { platforms: [{ os: 'linux', architecture }] },
  });
  assert.deepEqual(cluster.place('one', 1, platforms('arm64')), ['arm']);
  assert.deepEqual(cluster.place('two', 1, platforms('amd64')), ['intel']);
  assert.deepEqual(cluster.place('three', 1, platforms('s390x')), [
    'no suitable node (unsupported platform on 2 nodes)',
  ]);
});

test('tasks on an encrypted network go to nodes that can encrypt, once there are several', () => {
  const unable = (message: string) => ({
    description: { encryption: { kind: 'unable', message } as const },
  });
  const network = networkRow('sealed', { spec: { driverOptions: { encrypted: '' } } });
  const wanted = {
    template: { networks: [{ networkId: network.id, aliases: [], driverOptions: {} }] },
  };
  const built = (nodes: Readonly<Record<string, NodeOptions>>) => {
    const cluster = new Cluster(nodes);
    cluster.commit((tx) => tx.networks.put(network));
    return cluster;
  };
  const alone = built({ a: unable('no wg') });
  assert.deepEqual(alone.place('one', 1, wanted), ['a'], 'nothing of it leaves');
  const mixed = built({ a: unable('no wg'), b: {} });
  assert.deepEqual(mixed.place('one', 2, wanted), ['b', 'b']);
  assert.deepEqual(counted(mixed.place('two', 2)), { a: 1, b: 1 }, 'others go anywhere');
  const none = built({ a: unable('no wg'), b: unable('no tun') });
  const [refused] = none.placements('one', 1, wanted);
  assert.ok(refused?.kind === 'refused');
  assert.equal(refused.reason.code, 'encryption-missing');
  const message = 'no suitable node (encryption not available on 2 nodes)';
  assert.equal(refused.reason.message, message);
  assert.match(refused.reason.hint ?? '', /^a: no wg. b: no tun. Install wireguard-tools there/);
});

/** In Swarm's words: docker CLI users and their scripts know them. */
const refusals: readonly {
  readonly finding: string;
  readonly nodes: Readonly<Record<string, NodeOptions>>;
  readonly wanted: Wanted;
  readonly states?: Readonly<Record<string, NodeState>>;
  readonly code: string;
  readonly message: string;
  readonly hint: RegExp;
}[] = [
  {
    finding: 'an empty cluster',
    nodes: {},
    wanted: {},
    code: 'no-suitable-node',
    message: 'no suitable node',
    hint: /^Start the daemon on a node/,
  },
  {
    finding: 'nodes that take nothing',
    nodes: {
      a: { spec: { availability: 'drain' } },
      b: { spec: { availability: 'pause' } },
      c: {},
    },
    wanted: {},
    states: { c: 'unreachable' },
    code: 'no-node-ready',
    message: 'no suitable node (3 nodes not available for new tasks)',
    hint: /^node a is drained: .* node b is paused: .* node c is not connected/,
  },
  {
    finding: 'a label that no node has',
    nodes: { a: {}, b: {} },
    wanted: { placement: { constraints: ['node.labels.disk==ssd'] } },
    code: 'constraint-unmet',
    message: 'no suitable node (scheduling constraints not satisfied on 2 nodes)',
    hint: /^No node has the label disk; set it with docker node update --label-add disk=ssd NODE\.$/,
  },
  {
    finding: 'a label with another value',
    nodes: { a: { spec: { labels: { disk: 'tape' } } }, b: {} },
    wanted: { placement: { constraints: ['node.labels.disk==ssd'] } },
    code: 'constraint-unmet',
    message: 'no suitable node (scheduling constraints not satisfied on 2 nodes)',
    hint: /^node\.labels\.disk==ssd: the nodes have tape, \(none\)\.$/,
  },
  {
    finding: 'a property that does not exist',
    nodes: { a: {} },
    wanted: { placement: { constraints: ['node.color==red'] } },
    code: 'constraint-unmet',
    message: 'no suitable node (scheduling constraints not satisfied on 1 node)',
    hint: /^node\.color==red: no node has a property node\.color\.$/,
  },
  {
    finding: 'constraints that each some node meets, but none all',
    nodes: {
      a: { spec: { labels: { x: '1' } } },
      b: { spec: { labels: { y: '1' } } },
    },
    wanted: { placement: { constraints: ['node.labels.x==1', 'node.labels.y==1'] } },
    code: 'constraint-unmet',
    message: 'no suitable node (scheduling constraints not satisfied on 2 nodes)',
    hint: /^No single node meets all of node\.labels\.x==1, node\.labels\.y==1\.$/,
  },
  {
    finding: 'more than any node has',
    nodes: { a: { description: { nanoCpus: 2e9, memoryBytes: 2 ** 30 } } },
    wanted: { container: { reservations: { nanoCpus: 3e9, memoryBytes: 2 ** 29 } } },
    code: 'insufficient-resources',
    message: 'no suitable node (insufficient resources on 1 node)',
    hint: /^1 node: not enough CPUs \(needs 3, free 2\)\. Reserve less, stop what reserves/,
  },
  {
    finding: 'less memory on each node, and too few processors on one',
    nodes: {
      a: { description: { nanoCpus: 2e9, memoryBytes: 20 * 2 ** 30 } },
      b: { description: { nanoCpus: 8e9, memoryBytes: 7.5 * 2 ** 30 } },
    },
    wanted: { container: { reservations: { nanoCpus: 2.5e9, memoryBytes: 64 * 2 ** 30 } } },
    code: 'insufficient-resources',
    message: 'no suitable node (insufficient resources on 2 nodes)',
    hint: /^1 node: not enough CPUs \(needs 2\.5, free 2\)\. 2 nodes: not enough memory \(needs 64 GiB, free at most 20 GiB\)\./,
  },
  {
    finding: 'different causes on different nodes',
    nodes: { a: { spec: { availability: 'drain' } }, b: {}, c: {} },
    wanted: { placement: { constraints: ['node.id==a'] } },
    code: 'no-suitable-node',
    message:
      'no suitable node (scheduling constraints not satisfied on 2 nodes; ' +
      '1 node not available for new tasks)',
    hint: /node\.id==a: the nodes have b, c\. node a is drained/,
  },
];

for (const { finding, nodes, wanted, states, code, message, hint } of refusals) {
  test(`${finding}: ${message}`, () => {
    const cluster = new Cluster(nodes);
    for (const [id, state] of Object.entries(states ?? {})) cluster.states.set(id, state);
    const [placement] = cluster.placements('web', 1, wanted);
    assert.equal(placement?.kind, 'refused');
    assert.equal(placement.reason.code, code);
    assert.equal(placement.reason.message, message);
    assert.match(placement.reason.hint ?? '', hint);
  });
}

test('what the same transaction changes of a node holds already', () => {
  const cluster = new Cluster({ a: {}, b: {}, c: {} });
  cluster.tables.update((tx) => {
    tx.nodes.put(nodeRow('a', { spec: { availability: 'drain' } }));
    tx.nodes.delete('b');
  });
  assert.deepEqual(cluster.place('web', 2), ['c', 'c']);
});

test('a plan that is undone leaves no trace', () => {
  const cluster = new Cluster({ a: {}, b: {} });
  const trial = cluster.loads.trial();
  const needs = { nanoCpus: 5, memoryBytes: 7, hostPorts: ['tcp/80'] };
  trial.add({ ...cluster.task('web'), nodeId: 'a' }, needs);
  const load = cluster.loads.get('a');
  assert.deepEqual([load?.taskCount, load?.nanoCpus, load?.hasHostPort('tcp/80')], [1, 5, true]);
  trial.undo();
  assert.deepEqual([load?.taskCount, load?.nanoCpus, load?.hasHostPort('tcp/80')], [0, 0, false]);
});

test('what is derived from commits is what a fresh look at the rows derives', () => {
  const cluster = new Cluster({ a: {}, b: {}, c: {} });
  const wanted = { container: { reservations: { nanoCpus: 1e8, memoryBytes: 10 } } };
  cluster.place('one', 9, wanted);
  cluster.place('two', 5);
  for (const task of cluster.tasksOn('b')) cluster.change(task, { desired: 'shutdown' });
  cluster.commit((tx) => {
    for (const task of cluster.tasksOn('a')) tx.tasks.delete(task.id);
    tx.nodes.delete('c');
  });
  const fresh = new NodeLoads(cluster.tables.view);
  const show = (loads: NodeLoads): unknown =>
    [...loads.all()].map((load) => [
      load.node.id,
      load.taskCount,
      load.nanoCpus,
      load.memoryBytes,
      load.tasksOf('one'),
      load.tasksOf('two'),
    ]);
  assert.deepEqual(show(cluster.loads), show(fresh));
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { Names } from '../catalog/names.ts';
import { ServiceGroups } from '../catalog/service-groups.ts';
import type { DiscoveryView } from '../host/node-network.ts';
import type {
  CatalogNode,
  CatalogService,
  CatalogTask,
  NetworkAssignment,
} from '../model/assignment.ts';
import { nodeRules, NodeRulesMemo } from '../overlay/node-rules.ts';
import { portForwards, PortForwardsMemo } from '../overlay/port-forwards.ts';
import { elementsOf } from '../overlay/ruleset.ts';
import { changedKeys, LayeredMap } from '../lib/layered-map.ts';
import { meshOf, meshPeers, numberWays } from '../overlay/mesh.ts';
import { FollowedPlaces } from '../overlay/span-places.ts';
import { type Span, spansOf } from '../overlay/spans.ts';

const here = 'node0';
const networkIds = ['net0', 'net1', 'net2'];
const serviceIds = ['web', 'db', 'gone'];
const taskIds = ['t0', 't1', 't2', 't3', 't4', 't5'];
const nodeIds = [here, 'node1', 'node2'];

interface Choices {
  readonly networks: string[];
  readonly services: string[];
  readonly tasks: { state: string; service: string; node: string }[];
  readonly nodes: string[];
}

const indexOf = (ids: readonly string[]) => fc.nat({ max: ids.length - 1 });

/** One row becomes another one. */
const change: fc.Arbitrary<(chosen: Choices) => void> = fc.oneof(
  fc.tuple(indexOf(networkIds), fc.constantFrom('absent', 'plain', 'ingress')).map(
    ([index, kind]) =>
      (chosen: Choices) =>
        void (chosen.networks[index] = kind),
  ),
  fc.tuple(indexOf(serviceIds), fc.constantFrom('absent', 'plain', 'aliased', 'published')).map(
    ([index, kind]) =>
      (chosen: Choices) =>
        void (chosen.services[index] = kind),
  ),
  fc
    .tuple(
      indexOf(taskIds),
      fc.record({
        state: fc.constantFrom('absent', 'ready', 'starting'),
        service: fc.constantFrom(...serviceIds),
        node: fc.constantFrom(...nodeIds),
      }),
    )
    .map(
      ([index, task]) =>
        (chosen: Choices) =>
          void (chosen.tasks[index] = task),
    ),
  fc
    .tuple(indexOf(nodeIds), fc.constantFrom('absent', '192.0.2.1', '192.0.2.2', '192.0.2.3 old'))
    .map(
      ([index, address]) =>
        (chosen: Choices) =>
          void (chosen.nodes[index] = address),
    ),
);

/** Joined with others from the start, so that a change has something to take away. */
function firstChoices(): Choices {
  return {
    networks: networkIds.map(() => 'plain'),
    services: serviceIds.map(() => 'plain'),
    tasks: taskIds.map((_, index) => ({
      state: 'ready',
      service: serviceIds[index % serviceIds.length] ?? '',
      node: nodeIds[index === 0 ? 0 : 1] ?? '',
    })),
    nodes: nodeIds.map((_, index) => `192.0.2.${index + 1}`),
  };
}

/** Views whose rows are the same objects where nothing of them changed, as an agent holds them. */
class Rows {
  readonly #known = new Map<string, unknown>();

  view(chosen: Choices): DiscoveryView {
    return {
      networks: this.#rows(networkIds, (id, index) => networkOf(id, chosen.networks[index])),
      services: this.#rows(serviceIds, (id, index) => serviceOf(id, chosen.services[index])),
      tasks: this.#rows(taskIds, (id, index) => taskOf(id, chosen.tasks[index])),
      nodes: this.#rows(nodeIds, (nodeId, index) => nodeOf(nodeId, chosen.nodes[index])),
      nodeId: here,
      own: new Map(),
      publications: [],
    };
  }

  #rows<Row>(
    ids: readonly string[],
    rowOf: (id: string, index: number) => Row | undefined,
  ): ReadonlyMap<string, Row> {
    const rows = new Map<string, Row>();
    for (const [index, id] of ids.entries()) {
      const row = rowOf(id, index);
      if (row === undefined) continue;
      const key = JSON.stringify(row);
      const known = (this.#known.get(key) as Row | undefined) ?? row;
      this.#known.set(key, known);
      rows.set(id, known);
    }
    return rows;
  }
}

/** Copies that share what did not change, as an agent makes them. */
class Copies<Row> {
  readonly #rows = new LayeredMap<string, Row>();

  of(rows: ReadonlyMap<string, Row>): ReadonlyMap<string, Row> {
    for (const key of changedKeys(this.#rows, rows)) {
      const row = rows.get(key);
      if (row === undefined) this.#rows.delete(key);
      else this.#rows.set(key, row);
    }
    return this.#rows.snapshot();
  }
}

function networkOf(networkId: string, kind: string | undefined): NetworkAssignment | undefined {
  const last = networkIds.indexOf(networkId);
  if (kind === undefined || kind === 'absent') return undefined;
  return {
    networkId,
    name: `${networkId}-name`,
    labels: {},
    subnet: `10.${last}.0.0/16`,
    gateway: `10.${last}.0.1/16`,
    internal: false,
    ingress: kind === 'ingress',
    vxlan: { id: 4_096 + last, port: 4_789 },
    driverOptions: {},
    predefined: false,
  };
}

function serviceOf(serviceId: string, kind: string | undefined): CatalogService | undefined {
  const last = serviceIds.indexOf(serviceId);
  if (kind === undefined || kind === 'absent') return undefined;
  return {
    serviceId,
    name: serviceId,
    endpointMode: 'vip',
    networks: networkIds.map((networkId, index) => ({
      networkId,
      aliases: kind === 'aliased' ? ['shared', 'web'] : [],
      ...(index !== last && { virtualAddress: `10.${index}.1.${last}` }),
    })),
    ports:
      kind === 'published'
        ? [{ protocol: 'tcp', targetPort: 80, publishedPort: 8_000 + last, mode: 'ingress' }]
        : [],
  };
}

function taskOf(
  taskId: string,
  chosen: Choices['tasks'][number] | undefined,
): CatalogTask | undefined {
  if (chosen === undefined || chosen.state === 'absent') return undefined;
  const last = taskIds.indexOf(taskId);
  return {
    taskId,
    serviceId: chosen.service,
    nodeId: chosen.node,
    name: `${chosen.service}.${last}.${taskId}`,
    ready: chosen.state === 'ready',
    addresses: networkIds.map((networkId, index) => ({
      networkId,
      address: `10.${index}.2.${last}/16`,
    })),
  };
}

function nodeOf(nodeId: string, address: string | undefined): CatalogNode | undefined {
  if (address === undefined || address === 'absent') return undefined;
  const [own = '', program] = address.split(' ');
  return {
    nodeId,
    address: own,
    ...(program !== 'old' && { ownAddresses: [own, '198.51.100.1'] }),
  };
}

function byDevice(spans: readonly Span[]): ReadonlyMap<string, object> {
  return new Map(
    spans.map((span) => [span.device, { ...span, remotes: Object.fromEntries(span.remotes) }]),
  );
}

/** With elements in one order. */
function shown(rules: ReturnType<typeof nodeRules>) {
  const { ruleset, virtualAddresses, backEnds } = rules;
  const collections = [...ruleset.collections.keys()].map(
    (name) =>
      [
        name,
        [...elementsOf(ruleset, name)].toSorted(([one], [other]) => (one < other ? -1 : 1)),
      ] as const,
  );
  const inOrder = (addresses: ReadonlyMap<string, number>): ReadonlyMap<string, number> =>
    new Map([...addresses].toSorted(([one], [other]) => (one < other ? -1 : 1)));
  const addresses = [...virtualAddresses].map(([bridge, all]) => [bridge, inOrder(all)]);
  return {
    chains: ruleset.chains,
    collections,
    virtualAddresses: addresses,
    backEnds: inOrder(backEnds),
  };
}

function askAll(names: Names, view: DiscoveryView) {
  const asked = ['web', 'db', 'shared', 'tasks.web', 'tasks.shared', 'web.net1-name', ...taskIds];
  return networkIds.flatMap((networkId) =>
    [...asked, '3.2.0.10.in-addr.arpa'].map((name) => {
      const type = name.endsWith('arpa') ? 'PTR' : 'A';
      const clientAddress = [...view.tasks.values()][0]?.addresses[0]?.address.split('/')[0] ?? '';
      const answer = names.answer({ networkId, clientAddress, name, type });
      const records =
        answer.kind === 'records' ? answer.records.map((one) => JSON.stringify(one)) : [];
      return [networkId, name, answer.kind, ...records.toSorted()];
    }),
  );
}

test('views that follow on each other are shown as each by itself would be', () => {
  fc.assert(
    fc.property(fc.array(change, { maxLength: 30 }), fc.boolean(), (changes, isShared) => {
      const rows = new Rows();
      const services = new Copies<CatalogService>();
      const tasks = new Copies<CatalogTask>();
      const chosen = firstChoices();
      const groups = new ServiceGroups();
      const memo = new NodeRulesMemo();
      const portsMemo = new PortForwardsMemo();
      const places = new FollowedPlaces();
      const names = new Names(rows.view(chosen));
      let numbers: ReadonlyMap<string, number> = new Map();
      for (const apply of [() => undefined, ...changes]) {
        apply(chosen);
        const view = rows.view(chosen);
        const copies = { services: services.of(view.services), tasks: tasks.of(view.tasks) };
        const followed = groups.of(isShared ? copies : view);
        const spanned = { ...view, linkMtu: 1_500 };
        numbers = numberWays(numbers, [...meshPeers(view).live.values()]);
        const mesh = meshOf(spanned, numbers);
        const joined = spansOf(spanned);
        const placed = isShared ? { ...spanned, ...copies } : spanned;
        assert.deepEqual(byDevice(spansOf(placed, places)), byDevice(joined));
        const spans = [...joined, ...(mesh === undefined ? [] : [mesh])];
        const dnsPorts = new Map([['net0', 5_353]]);
        const { wanted } = portForwards(view, { groups: followed, mesh, memo: portsMemo });
        assert.deepEqual(wanted, portForwards(view, { mesh }).wanted);
        const forwards = wanted.map(({ forward }) => forward);
        const site = { view, dnsPorts, forwards, spans, mesh };
        assert.deepEqual(
          shown(nodeRules({ ...site, groups: followed }, memo)),
          shown(nodeRules(site)),
        );
        names.show(isShared ? { ...view, ...copies } : view);
        assert.deepEqual(askAll(names, view), askAll(new Names(view), view));
      }
    }),
    { numRuns: 200 },
  );
});

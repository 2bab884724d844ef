import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import type { Node } from '../../src/model/node.ts';
import type { Task } from '../../src/model/task.ts';
import { NodeLoads } from '../../src/scheduler/node-loads.ts';
import { placeTasks } from '../../src/scheduler/place-tasks.ts';
import { MemoryTables } from './memory-tables.ts';
import { nodeRow, serviceRow, templateSpec } from './rows.ts';

/** A request of the test; numbers are small so that every limit is hit. */
interface Request {
  readonly service: number;
  readonly count: number;
  readonly cpus: number;
  readonly hostPort: boolean;
  readonly maxReplicas: number;
  readonly zone: string | undefined;
  readonly spreads: readonly string[];
}

interface Machine {
  readonly cpus: number;
  readonly zone: string;
  readonly rack: string;
  readonly isActive: boolean;
}

const machines = fc.array(
  fc.record({
    cpus: fc.integer({ min: 0, max: 6 }),
    zone: fc.constantFrom('a', 'b', ''),
    rack: fc.constantFrom('1', '2'),
    isActive: fc.boolean(),
  }),
  { maxLength: 7 },
);

const requests = fc.array(
  fc.record({
    service: fc.nat(2),
    count: fc.integer({ min: 1, max: 6 }),
    cpus: fc.nat(2),
    hostPort: fc.boolean(),
    maxReplicas: fc.nat(2),
    zone: fc.constantFrom('a', 'b', undefined),
    spreads: fc.constantFrom([], ['zone'], ['zone', 'rack'], ['rack']),
  }),
  { minLength: 1, maxLength: 6 },
);

const zoneOf = (node: Node): string => node.spec.labels['zone'] ?? '';

/** What the reference needs to know of a placed task. */
interface Placed {
  readonly nodeId: string;
  readonly request: Request;
}

function isFeasible(node: Node, request: Request, placed: readonly Placed[]): boolean {
  const here = placed.filter((one) => one.nodeId === node.id);
  const cpus = here.reduce((sum, one) => sum + one.request.cpus, 0);
  const own = here.filter((one) => one.request.service === request.service);
  return (
    node.spec.availability === 'active' &&
    (request.cpus === 0 || cpus + request.cpus <= node.description.nanoCpus) &&
    (request.zone === undefined || zoneOf(node) === request.zone) &&
    !(request.hostPort && here.some((one) => one.request.hostPort)) &&
    (request.maxReplicas === 0 || own.length < request.maxReplicas)
  );
}

/** By looking at everything again for each task: the nodes that may be chosen, level by level. */
function bestNodes(
  nodes: readonly Node[],
  request: Request,
  of: { readonly placed: readonly Placed[]; readonly eligible: ReadonlySet<string> },
): readonly string[] {
  const { placed, eligible } = of;
  let left = nodes.filter((node) => isFeasible(node, request, placed));
  // Branches are made of the nodes that could take a task when the group began.
  let branchNodes = nodes.filter((node) => eligible.has(node.id));
  const own = (node: Node): number =>
    placed.filter((one) => one.nodeId === node.id && one.request.service === request.service)
      .length;
  const all = (node: Node): number => placed.filter((one) => one.nodeId === node.id).length;
  for (const label of request.spreads) {
    const branches = Map.groupBy(branchNodes, (node) => node.spec.labels[label] ?? '');
    const counts = [...branches].map(([value, members]) => ({
      value,
      tasks: members.reduce((sum, node) => sum + own(node), 0),
      isOpen: members.some((node) => left.includes(node)),
    }));
    const open = counts.filter((branch) => branch.isOpen);
    const fewest = Math.min(...open.map((branch) => branch.tasks));
    const values = open.filter((branch) => branch.tasks === fewest).map((branch) => branch.value);
    // Among equal branches the first is taken; any of them would do.
    const [value] = values;
    const inside = (node: Node): boolean => (node.spec.labels[label] ?? '') === value;
    left = left.filter(inside);
    branchNodes = branchNodes.filter(inside);
  }
  const fewestOwn = Math.min(...left.map(own));
  left = left.filter((node) => own(node) === fewestOwn);
  const fewestAll = Math.min(...left.map(all));
  return left.filter((node) => all(node) === fewestAll).map((node) => node.id);
}

function nodesOf(all: readonly Machine[]): readonly Node[] {
  return all.map(({ cpus, zone, rack, isActive }, index) =>
    nodeRow(`n${index}`, {
      spec: { availability: isActive ? 'active' : 'drain', labels: { zone, rack } },
      description: { nanoCpus: cpus },
    }),
  );
}

test('every placement is one that a scheduler without indexes would choose too', () => {
  fc.assert(
    fc.property(machines, requests, (all, asked) => {
      const tables = new MemoryTables();
      const nodes = nodesOf(all);
      tables.update((tx) => {
        for (const node of nodes) tx.nodes.put(node);
      });
      const loads = new NodeLoads(tables.view);
      const placed: Placed[] = [];
      asked.forEach((request, round) => {
        const results = place(tables, loads, { request, round });
        const eligible = new Set(
          nodes.filter((node) => isFeasible(node, request, placed)).map((node) => node.id),
        );
        for (const nodeId of results) {
          const allowed = bestNodes(nodes, request, { placed, eligible });
          if (nodeId === undefined) assert.deepEqual(allowed, []);
          else assert.ok(allowed.includes(nodeId), `${nodeId} is none of ${allowed.join(', ')}`);
          if (nodeId !== undefined) placed.push({ nodeId, request });
        }
      });
    }),
    { seed: 7, numRuns: 500 },
  );
});

/** The node of each task, in the order of placement. */
function place(
  tables: MemoryTables,
  loads: NodeLoads,
  of: { readonly request: Request; readonly round: number },
): readonly (string | undefined)[] {
  const { request, round } = of;
  const serviceId = `s${request.service}`;
  const templateId = `t${round}`;
  const hostPorts = request.hostPort
    ? [{ protocol: 'tcp' as const, targetPort: 80, publishedPort: 80 }]
    : [];
  const spec = templateSpec({ hostPorts }, { reservations: { nanoCpus: request.cpus } });
  const placement = {
    constraints: request.zone === undefined ? [] : [`node.labels.zone==${request.zone}`],
    preferences: request.spreads.map((label) => ({ spread: `node.labels.${label}` })),
    maxReplicasPerNode: request.maxReplicas,
    platforms: [],
  };
  const service = serviceRow(serviceId, { templateId, spec: { placement } });
  const template = { id: templateId, serviceId, spec };
  const tasks = Array.from({ length: request.count }, (_, index): Task => {
    const id = `${round}-${index}`;
    const slot = round * 100 + index + 1;
    const rest = { createdAt: 0, desired: 'running', addresses: [], restarts: [] } as const;
    return { id, serviceId, slot, templateId, generation: 1, ...rest };
  });
  const observed = {
    task: () => undefined,
    node: (nodeId: string) => ({ nodeId, state: 'ready', since: 0, message: '' }) as const,
    portProblems: () => [],
  };
  const results: (string | undefined)[] = [];
  const changes = tables.update((tx) => {
    tx.templates.put(template);
    const trial = loads.trial();
    const request = { view: tx, service, template, tasks, observed, now: 0, trial };
    for (const one of placeTasks(loads, request)) {
      results.push(one.kind === 'placed' ? one.nodeId : undefined);
      if (one.kind === 'placed') tx.tasks.put({ ...one.task, nodeId: one.nodeId });
    }
  });
  for (const change of changes) loads.apply(change);
  return results;
}

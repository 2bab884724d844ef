import type { Constraint } from '../model/constraint.ts';
import { meetsConstraint, parseConstraint } from '../model/constraint.ts';
import { encryptedOption } from '../model/network.ts';
import type { Observed } from '../model/observed.ts';
import { runsPlatform } from '../model/platform.ts';
import type { ReasonCode } from '../model/reason.ts';
import type { Service } from '../model/service.ts';
import type { TaskTemplate } from '../model/template.ts';
import type { View } from '../store/view.ts';
import type { Needs } from './needs.ts';
import { needsOf } from './needs.ts';
import type { NodeLoad } from './node-load.ts';

/** The reasons that filters give. */
export type FilterCode = Extract<
  ReasonCode,
  | 'no-node-ready'
  | 'insufficient-resources'
  | 'constraint-unmet'
  | 'platform-mismatch'
  | 'host-port-in-use'
  | 'max-replicas-per-node'
  | 'encryption-missing'
>;

/** Says whether a node may take a task, and how to say that it may not. */
export interface Filter {
  readonly code: FilterCode;
  allows(load: NodeLoad): boolean;
  /** In Swarm's words (swarmkit manager/scheduler/filter.go), for that many nodes. */
  explain(nodes: number): string;
}

/** What a group of equal tasks asks of a node. */
export interface Demand {
  readonly service: Service;
  readonly template: TaskTemplate;
  readonly needs: Needs;
  readonly constraints: readonly Constraint[];
  readonly observed: Observed;
  /** It is on a network that is encrypted between nodes, and there are several of them. */
  readonly needsEncryption: boolean;
}

export function demandOf(of: {
  readonly service: Service;
  readonly template: TaskTemplate;
  readonly observed: Observed;
  readonly view: Pick<View, 'networks' | 'nodes'>;
}): Demand {
  const { service, template, observed, view } = of;
  const isOnEncrypted = template.spec.networks.some(({ networkId }) => {
    const options = view.networks.get(networkId)?.spec.driverOptions;
    return options?.[encryptedOption] !== undefined;
  });
  return {
    service,
    template,
    observed,
    needsEncryption: isOnEncrypted && view.nodes.size > 1,
    needs: needsOf(of.template.spec),
    constraints: of.service.spec.placement.constraints.map(parseConstraint),
  };
}

/**
 * The filters that matter to the demand, in Swarm's order: the first that refuses is the one named.
 */
export function filtersFor(demand: Demand): readonly Filter[] {
  const { placement } = demand.service.spec;
  const { needs } = demand;
  return [
    readyFilter(demand),
    ...(needs.nanoCpus > 0 || needs.memoryBytes > 0 ? [resourceFilter(demand)] : []),
    ...(demand.constraints.length > 0 ? [constraintFilter(demand)] : []),
    ...(placement.platforms.length > 0 ? [platformFilter(demand)] : []),
    ...(needs.hostPorts.length > 0 ? [hostPortFilter(demand)] : []),
    ...(placement.maxReplicasPerNode > 0 ? [maxReplicasFilter(demand)] : []),
    ...(demand.needsEncryption ? [encryptionFilter] : []),
  ];
}

function readyFilter({ observed }: Demand): Filter {
  return {
    code: 'no-node-ready',
    allows: ({ node }) =>
      node.spec.availability === 'active' && observed.node(node.id)?.state === 'ready',
    explain: (nodes) => `${countOf(nodes)} not available for new tasks`,
  };
}

function resourceFilter({ needs }: Demand): Filter {
  return {
    code: 'insufficient-resources',
    allows: ({ node, nanoCpus, memoryBytes }) =>
      needs.nanoCpus <= node.description.nanoCpus - nanoCpus &&
      needs.memoryBytes <= node.description.memoryBytes - memoryBytes,
    explain: (nodes) => `insufficient resources on ${countOf(nodes)}`,
  };
}

function constraintFilter({ constraints }: Demand): Filter {
  return {
    code: 'constraint-unmet',
    allows: ({ node }) => constraints.every((constraint) => meetsConstraint(node, constraint)),
    explain: (nodes) => `scheduling constraints not satisfied on ${countOf(nodes)}`,
  };
}

function platformFilter({ service }: Demand): Filter {
  return {
    code: 'platform-mismatch',
    allows: ({ node }) => runsPlatform(node.description, service.spec.placement.platforms),
    explain: (nodes) => `unsupported platform on ${countOf(nodes)}`,
  };
}

function hostPortFilter({ needs }: Demand): Filter {
  return {
    code: 'host-port-in-use',
    allows: (load) => !needs.hostPorts.some((key) => load.hasHostPort(key)),
    explain: (nodes) => `host-mode port already in use on ${countOf(nodes)}`,
  };
}

function maxReplicasFilter({ service }: Demand): Filter {
  const { maxReplicasPerNode } = service.spec.placement;
  return {
    code: 'max-replicas-per-node',
    allows: (load) => load.tasksOf(service.id) < maxReplicasPerNode,
    explain: () => 'max replicas per node limit exceed',
  };
}

/** Ours alone. A node of a version that does not say it takes such tasks, as it did. */
const encryptionFilter: Filter = {
  code: 'encryption-missing',
  allows: ({ node }) => node.description.encryption?.kind !== 'unable',
  explain: (nodes) => `encryption not available on ${countOf(nodes)}`,
};

function countOf(nodes: number): string {
  return nodes === 1 ? '1 node' : `${nodes} nodes`;
}

/** The first filter that refuses the node. */
export function refusedBy(filters: readonly Filter[], load: NodeLoad): Filter | undefined {
  for (const filter of filters) if (!filter.allows(load)) return filter;
  return undefined;
}

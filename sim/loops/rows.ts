import type { Cluster } from '../../src/model/cluster.ts';
import { clusterDefaults } from '../../src/model/cluster.ts';
import type { Network, NetworkSpec } from '../../src/model/network.ts';
import type { Node, NodeDescription, NodeSpec } from '../../src/model/node.ts';
import type { Placement, Service, ServiceSpec } from '../../src/model/service.ts';
import type { ContainerSpec, TaskTemplateSpec } from '../../src/model/template.ts';
import { overlayNetwork } from '../overlay-network.ts';

/** What happens to a container of an image, for `LoopWorld.run`. */
export type ImageFate =
  | { readonly kind: 'good' }
  | { readonly kind: 'missing' }
  /** Exits that long after it started. */
  | { readonly kind: 'exits'; readonly afterMs: number; readonly exitCode: number }
  /** Stays in `preparing`. */
  | { readonly kind: 'hangs' };

/** What a script says of a service; the rest is filled in. */
export interface Declaration {
  readonly spec?: Partial<ServiceSpec>;
  readonly template?: Partial<TaskTemplateSpec>;
  readonly container?: Partial<ContainerSpec>;
}

/** Rows with everything that a script does not care about filled in. */

export function clusterRow(change: Partial<Cluster> = {}): Cluster {
  return {
    id: 'cluster',
    version: 1,
    createdAt: 0,
    updatedAt: 0,
    spec: clusterDefaults,
    advertiseAddress: '127.0.0.1',
    defaultAddressPools: ['10.0.0.0/8'],
    subnetPrefixLength: 24,
    dataPathPort: 4_789,
    joinTokens: { worker: 'w', manager: 'm' },
    ...change,
  };
}

export interface NodeOptions {
  readonly spec?: Partial<NodeSpec>;
  readonly description?: Partial<NodeDescription>;
}

export function nodeRow(id: string, { spec, description }: NodeOptions = {}): Node {
  return {
    id,
    version: 1,
    createdAt: 0,
    updatedAt: 0,
    spec: { role: 'worker', availability: 'active', labels: {}, ...spec },
    description: {
      hostname: id,
      os: 'linux',
      architecture: 'x86_64',
      nanoCpus: 4e9,
      memoryBytes: 8 * 2 ** 30,
      engineVersion: '28.0.0',
      engineLabels: {},
      plugins: [],
      hostSubnets: [],
      address: '127.0.0.1',
      ...description,
    },
  };
}

function containerSpec(change: Partial<ContainerSpec> = {}): ContainerSpec {
  return {
    name: 'main',
    image: 'good',
    labels: {},
    env: [],
    groups: [],
    tty: false,
    openStdin: false,
    readOnly: false,
    hosts: [],
    dns: { nameservers: [], search: [], options: [] },
    mounts: [],
    secrets: [],
    configs: [],
    sysctls: {},
    capabilityAdd: [],
    capabilityDrop: [],
    ulimits: [],
    limits: {},
    reservations: {},
    ...change,
  };
}

export function templateSpec(
  change: Partial<TaskTemplateSpec> = {},
  container: Partial<ContainerSpec> = {},
): TaskTemplateSpec {
  return {
    containers: [containerSpec(container)],
    networks: [],
    hostPorts: [],
    forceUpdate: 0,
    ...change,
  };
}

export const anywhere: Placement = {
  constraints: [],
  preferences: [],
  maxReplicasPerNode: 0,
  platforms: [],
};

export function serviceSpec(name: string, change: Partial<ServiceSpec> = {}): ServiceSpec {
  return {
    name,
    labels: {},
    mode: { kind: 'replicated', replicas: 1 },
    endpointMode: 'vip',
    ports: [],
    placement: anywhere,
    dependsOn: [],
    ...change,
  };
}

export function serviceRow(
  id: string,
  of: { readonly templateId: string; readonly spec?: Partial<ServiceSpec> },
): Service {
  return {
    id,
    version: 1,
    createdAt: 0,
    updatedAt: 0,
    spec: serviceSpec(id, of.spec),
    templateId: of.templateId,
    virtualAddresses: [],
    publishedPorts: [],
    dependenciesMet: [],
  };
}

export function networkRow(
  id: string,
  of: { readonly spec?: Partial<NetworkSpec>; readonly row?: Partial<Network> } = {},
): Network {
  return {
    id,
    version: 1,
    createdAt: 0,
    updatedAt: 0,
    spec: overlayNetwork(id, of.spec),
    subnets: [],
    ...of.row,
  };
}

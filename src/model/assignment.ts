import type { Affinity } from './affinity.ts';
import type { TunnelEnd } from './encryption.ts';
import type { Instant } from './instant.ts';
import type { Labels } from './labels.ts';
import type { EndpointMode, PublishedPort } from './service.ts';
import type { TaskAddress } from './task.ts';
import type { DesiredState } from './task-state.ts';
import type { TaskTemplateSpec } from './template.ts';

/** A prepared task starts by itself not before a time, and when others of its slot have ended. */
export interface AloneStart {
  readonly desired: 'running' | 'complete';
  readonly notBefore: Instant;
  readonly after: readonly string[];
}

/** One task that a node has to hold. Dropped from the set: the node removes its containers. */
export interface TaskAssignment {
  readonly taskId: string;
  readonly serviceId: string;
  readonly serviceName: string;
  readonly serviceLabels: Labels;
  readonly slot: number;
  readonly templateId: string;
  readonly desired: DesiredState;
  readonly addresses: readonly TaskAddress[];
  /** Its end is durable with the manager: it is kept for its logs only. */
  readonly ended: boolean;
  /** As on its row, for an agent that has to restart it by itself; absent: there were none. */
  readonly restarts?: readonly Instant[];
  readonly attempts?: number;
  /** Of one that is desired `ready`: what its agent may do without a manager. */
  readonly alone?: AloneStart;
  readonly registryAuth?: string;
  /** It is told to stop, and other nodes may not know yet: callers are led to it. */
  readonly departing?: boolean;
}

/** A network that a node needs for one of its tasks. */
export interface NetworkAssignment {
  readonly networkId: string;
  readonly name: string;
  readonly labels: Labels;
  readonly subnet: string;
  readonly gateway: string;
  readonly internal: boolean;
  readonly ingress: boolean;
  /** Containers that are no tasks may be on it. */
  readonly attachable?: true;
  /** Absent: it has IPv4 alone. Addresses of tasks go with those of IPv4 (`ipv6.ts`). */
  readonly ipv6?: { readonly subnet: string; readonly gateway: string };
  /** Its number and port between nodes; absent for a network that never leaves one. */
  readonly vxlan?: { readonly id: number; readonly port: number };
  readonly driverOptions: Readonly<Record<string, string>>;
  /** Of the smallest link of a node of the cluster, or between nodes; absent: nobody said it. */
  readonly linkMtu?: number;
  /** The node's own network of this name (`host`, `bridge`): nothing is made for it. */
  readonly predefined: boolean;
}

export interface TemplateAssignment {
  readonly templateId: string;
  readonly spec: TaskTemplateSpec;
}

/** Content of a secret or config, base64. Held in memory, written to tmpfs only. */
export interface DataAssignment {
  readonly id: string;
  readonly kind: 'secret' | 'config';
  readonly data: string;
  /** It holds placeholders, which the agent fills in for each task. */
  readonly templated?: boolean;
}

/** A service as discovery knows it: what names mean on which networks. */
export interface CatalogService {
  readonly serviceId: string;
  readonly name: string;
  readonly endpointMode: EndpointMode;
  readonly networks: readonly {
    readonly networkId: string;
    readonly aliases: readonly string[];
    /** Without prefix length; absent for `dnsrr`. */
    readonly virtualAddress?: string;
  }[];
  readonly affinity?: Affinity;
  /** Published ports of mode `ingress`. */
  readonly ports: readonly PublishedPort[];
  /** Those of mode `host`, where there are any. */
  readonly hostPorts?: readonly PublishedPort[];
  /** It stands for a container that is no task, and has its name. */
  readonly isContainer?: true;
}

/**
 * A task as discovery and the networks know it, from when it is placed until it has ended: it has
 * its addresses before it is ready, and while it stops. `ready`: desired running, observed running,
 * healthy, not known dead.
 */
export interface CatalogTask {
  readonly taskId: string;
  readonly serviceId: string;
  readonly nodeId: string;
  /** `<service>.<slot>.<task id>`. */
  readonly name: string;
  readonly hostname?: string;
  readonly addresses: readonly TaskAddress[];
  readonly ready: boolean;
  /**
   * It stands for a container that is no task; its id, and that of its service, is the container's.
   */
  readonly isContainer?: true;
}

/**
 * Where a node that lives is reached: for the nodes of the tasks of the catalog, and for all nodes
 * while there is an ingress network, for any of them may lead a caller here.
 */
export interface CatalogNode {
  readonly nodeId: string;
  /**
   * It is down, but a member: its kernel may still lead callers of published ports to tasks of
   * others. Nobody leads anything to it.
   */
  readonly isDown?: true;
  /** IPv4, as the node itself says it. */
  readonly address: string;
  /**
   * Every address that it may call from. Absent for one to whose tasks callers of published ports
   * cannot be led with their own address.
   */
  readonly ownAddresses?: readonly string[];
  /** Absent: nothing encrypted leads there. */
  readonly tunnel?: TunnelEnd;
}

/** Everything a manager tells an agent, by kind and id. */
export interface NodeView {
  readonly tasks: ReadonlyMap<string, TaskAssignment>;
  readonly templates: ReadonlyMap<string, TemplateAssignment>;
  readonly networks: ReadonlyMap<string, NetworkAssignment>;
  readonly data: ReadonlyMap<string, DataAssignment>;
  readonly catalogServices: ReadonlyMap<string, CatalogService>;
  readonly catalogTasks: ReadonlyMap<string, CatalogTask>;
  readonly catalogNodes: ReadonlyMap<string, CatalogNode>;
}

/** One difference between two node views. */
export type NodeViewChange =
  | { readonly put: 'task'; readonly value: TaskAssignment }
  | { readonly put: 'template'; readonly value: TemplateAssignment }
  | { readonly put: 'network'; readonly value: NetworkAssignment }
  | { readonly put: 'data'; readonly value: DataAssignment }
  | { readonly put: 'catalog-service'; readonly value: CatalogService }
  | { readonly put: 'catalog-task'; readonly value: CatalogTask }
  | { readonly put: 'catalog-node'; readonly value: CatalogNode }
  | {
      readonly drop:
        | 'task'
        | 'template'
        | 'network'
        | 'data'
        | 'catalog-service'
        | 'catalog-task'
        | 'catalog-node';
      readonly id: string;
    };

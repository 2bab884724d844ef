import type {
  CatalogNode,
  CatalogService,
  CatalogTask,
  NetworkAssignment,
} from '../model/assignment.ts';
import type { ExaminationOrder, NodeExamination } from '../model/network-examination.ts';
import type { PortProblem } from '../model/port-problem.ts';
import type { Explanation } from '../model/report.ts';
import type { ObservedPort, TaskAddress } from '../model/task.ts';
import type { ContainerSpec } from '../model/template.ts';

/** What a node knows of a task of its own, besides what the catalog says. */
export interface OwnTask {
  /** Whom to ask for names of the world; undefined: the machine's resolvers. */
  readonly nameservers?: readonly string[];
  /** Why nobody is led to it. */
  readonly notReady?: string;
}

/**
 * A task of this node that has ports of the node itself (mode `host`), from its start to its end.
 */
export interface HostPublication {
  readonly taskId: string;
  /** `<service>.<slot>.<task id>`. */
  readonly taskName: string;
  readonly serviceId: string;
  readonly ports: readonly ObservedPort[];
  /** Whether visitors are led to it; until then, and afterwards, they are refused. */
  readonly ready: boolean;
  readonly addresses: readonly TaskAddress[];
  /** Where the container engine put it on its own bridge, if it did. */
  readonly engineAddress?: string;
}

/**
 * What discovery on a node has to show, whole. `ready` holds what this node observes of its own
 * tasks.
 */
export interface DiscoveryView {
  readonly networks: ReadonlyMap<string, NetworkAssignment>;
  readonly services: ReadonlyMap<string, CatalogService>;
  readonly tasks: ReadonlyMap<string, CatalogTask>;
  /** Nodes that live and have tasks of the view. */
  readonly nodes: ReadonlyMap<string, CatalogNode>;
  /** Nodes that are down, by which callers may still come. */
  readonly downNodes?: ReadonlyMap<string, CatalogNode>;
  /** This node's own id. */
  readonly nodeId: string;
  /** By task id. */
  readonly own: ReadonlyMap<string, OwnTask>;
  readonly publications: readonly HostPublication[];
}

/** The networks of a node: bridges, virtual addresses, published ports, names. */
export interface NodeNetwork {
  /**
   * Makes a network, or takes the one that is there.
   *
   * @returns the container engine's name for it
   */
  ensure(network: NetworkAssignment, signal: AbortSignal): Promise<string>;
  /** Resolves when names and addresses work in every network that was made until now. */
  shown(): Promise<void>;
  /** The task's `/etc/resolv.conf`; undefined: the container engine's own. */
  resolvConf(request: {
    readonly networks: readonly NetworkAssignment[];
    readonly dns: ContainerSpec['dns'];
  }): string | undefined;
  /**
   * Resolves when names, virtual addresses and published ports show this view, or a later one.
   * Networks that the view does not have go, once no container is on them.
   */
  apply(view: DiscoveryView): Promise<void>;
  /** Makes networks again that somebody took away from the container engine. */
  recheckNetworks(): Promise<void>;
  /** The same, and compares the kernel with what was made, and repairs it. */
  recheck(): Promise<void>;
  /**
   * Removes networks of this cluster that the last applied view does not have, whoever made them.
   * That view must have come whole from a manager.
   */
  removeStrangers(signal: AbortSignal): Promise<void>;
  /** A port of this machine that nobody has. */
  choosePort(protocol: ObservedPort['protocol']): Promise<number>;
  /** Why a task does not have its ports of mode `host` after the last view that was applied. */
  refusedPort(taskId: string): string | undefined;
  /** Ports of the last applied view that are not served here. */
  portProblems(): readonly PortProblem[];
  /** Why a name has the answer that it has, as the given task would get it. */
  explain(name: string, fromTaskId: string | undefined): Explanation;
  /**
   * Who publishes a port (`8080`, `53/udp`), and to whom it leads on this node.
   *
   * @throws TuttiError `invalid-argument` for what is no port.
   */
  explainPort(port: string): Explanation;
  /**
   * Looks at the network by order, and tells what it saw; without one, at what this node can see
   * alone. What it needs for that stays until the signal, for others that look at this node.
   */
  examine(ask: {
    readonly order?: ExaminationOrder;
    readonly signal: AbortSignal;
    readonly tell: (examination: NodeExamination) => void;
  }): Promise<void>;
  /** Takes away everything that this made: rules, listeners, networks. */
  removeAll(signal: AbortSignal): Promise<void>;
}

import type { Attachment } from '../model/attachment.ts';
import type { Cluster } from '../model/cluster.ts';
import { stackLabel } from '../model/labels.ts';
import type { Network } from '../model/network.ts';
import type { Node } from '../model/node.ts';
import type { Root } from '../model/root.ts';
import type { Config, Secret } from '../model/secret.ts';
import type { Service } from '../model/service.ts';
import type { Task } from '../model/task.ts';
import type { TaskTemplate, TaskTemplateSpec } from '../model/template.ts';

/** Every table of the store. A table is added here, in `tableIndexes`, and nowhere else. */
export interface Rows {
  readonly clusters: Cluster;
  readonly roots: Root;
  readonly nodes: Node;
  readonly services: Service;
  readonly templates: TaskTemplate;
  readonly tasks: Task;
  readonly networks: Network;
  readonly attachments: Attachment;
  readonly secrets: Secret;
  readonly configs: Config;
}

export type TableName = keyof Rows;

/** The keys under which an index files a row; none: the row is not in that index. */
export type IndexKeys<Row> = (row: Row) => readonly string[];

type IndexTable = { readonly [T in TableName]: Readonly<Record<string, IndexKeys<Rows[T]>>> };

/** Names are unique whatever their case, as in Swarm. */
export function nameKey(name: string): string {
  return name.toLowerCase();
}

/** A slot is a number, or for global services the node. */
export function slotKey(task: Pick<Task, 'serviceId' | 'slot' | 'targetNodeId'>): string {
  const { serviceId, slot, targetNodeId } = task;
  return targetNodeId === undefined ? `${serviceId}/${slot}` : `${serviceId}/node:${targetNodeId}`;
}

export function addressKey(networkId: string, address: string): string {
  return `${networkId}/${address.split('/')[0] ?? address}`;
}

/** The static addresses that a template declares, see `addressKey`. */
export function staticAddresses({
  networks,
}: Pick<TaskTemplateSpec, 'networks'>): readonly string[] {
  return networks.flatMap(({ networkId, ipv4Address }) =>
    ipv4Address === undefined ? [] : addressKey(networkId, ipv4Address),
  );
}

/** Whether its task has to have an address that the task before it may still have. */
export function hasStaticAddress(template: TaskTemplateSpec | undefined): boolean {
  return template !== undefined && staticAddresses(template).length > 0;
}

export function portKey(protocol: string, publishedPort: number): string {
  return `${protocol}/${publishedPort}`;
}

/** The indexes of each table: derived, in memory, kept with every commit. */
export const tableIndexes = {
  clusters: {},
  roots: {},
  nodes: { hostname: (node: Node) => [nameKey(node.description.hostname)] },
  services: {
    name: (service: Service) => [nameKey(service.spec.name)],
    stack: (service: Service) => present(service.spec.labels[stackLabel]),
    /** Published ports of mode `ingress`, see `portKey`. */
    port: (service: Service) =>
      service.publishedPorts
        .filter((port) => port.mode === 'ingress' && port.publishedPort !== undefined)
        .map((port) => portKey(port.protocol, port.publishedPort ?? 0)),
    /** Published ports of mode `host` that a person chose, see `portKey`. */
    hostPort: (service: Service) =>
      service.spec.ports
        .filter((port) => port.mode === 'host' && (port.publishedPort ?? 0) > 0)
        .map((port) => portKey(port.protocol, port.publishedPort ?? 0)),
    /** Virtual addresses, see `addressKey`. */
    address: (service: Service) =>
      service.virtualAddresses.map((vip) => addressKey(vip.networkId, vip.address)),
    removing: (service: Service) => (service.removing === true ? ['yes'] : []),
    /** Services that a rebalance has not done with. */
    rebalancing: (service: Service) =>
      service.rebalance?.state === 'running' && service.removing !== true ? ['yes'] : [],
    /** Services that go without something that is declared. */
    lacking: (service: Service) => (service.update?.lacks === undefined ? [] : ['yes']),
    dependsOn: (service: Service) => service.spec.dependsOn.map((one) => nameKey(one.service)),
    /** Services and jobs with a slot on every node. */
    global: (service: Service) =>
      service.spec.mode.kind === 'global' || service.spec.mode.kind === 'global-job' ? ['yes'] : [],
  },
  templates: {
    service: (template: TaskTemplate) => [template.serviceId],
    network: (template: TaskTemplate) => template.spec.networks.map((one) => one.networkId),
    /**
     * Static addresses, see `addressKey`: nobody else is given them while there is a template that
     * declares them, be it one to go back to.
     */
    address: (template: TaskTemplate) => staticAddresses(template.spec),
    /** Secrets and configs in use, by id. */
    data: (template: TaskTemplate) =>
      template.spec.containers.flatMap((container) =>
        [...container.secrets, ...container.configs].map((file) => file.sourceId),
      ),
  },
  tasks: {
    service: (task: Task) => [task.serviceId],
    /** See `slotKey`. */
    slot: (task: Task) => [slotKey(task)],
    node: (task: Task) => present(task.nodeId),
    template: (task: Task) => [task.templateId],
    /** See `addressKey`. Held until the end is known; an orphan's container may still live. */
    address: (task: Task) =>
      holdsAddresses(task)
        ? task.addresses.map((one) => addressKey(one.networkId, one.address))
        : [],
    /** Addresses that tasks had on their nodes until their ends were recorded, as above. */
    endedAddress: (task: Task) =>
      holdsAddresses(task) || task.nodeId === undefined
        ? []
        : task.addresses.map((one) => addressKey(one.networkId, one.address)),
    /** Networks on which a task holds an address, as above. */
    network: (task: Task) =>
      holdsAddresses(task) ? task.addresses.map((one) => one.networkId) : [],
    /** Tasks of a service that wait for the scheduler. */
    unplaced: (task: Task) => (task.nodeId === undefined && isLive(task) ? [task.serviceId] : []),
    /** Tasks of a service that are wanted and did not end. */
    live: (task: Task) => (isLive(task) ? [task.serviceId] : []),
    /** By template, the tasks that stand for their slots: one for each occupied slot. */
    current: (task: Task) => (isCurrent(task) ? [task.templateId] : []),
    /**
     * By template, tasks that stand for their slots, but not where the service's placement wants
     * them.
     */
    misplaced: (task: Task) =>
      task.misplaced === true && isCurrent(task) && isLive(task) ? [task.templateId] : [],
    /** Tasks of a service that have to leave their nodes and wait for their turn. */
    evicted: (task: Task) =>
      task.evicted === true && isCurrent(task) && isLive(task) ? [task.serviceId] : [],
    /** Tasks of a service that are on the move and hold a turn; a successor takes it over. */
    moving: (task: Task) =>
      task.move?.turn === 'held' && isCurrent(task) && isLive(task) ? [task.serviceId] : [],
    /** By template, the tasks whose start an update waits for; a successor takes that over. */
    rollout: (task: Task) =>
      task.rollout === 'starting' && isCurrent(task) && isLive(task) ? [task.templateId] : [],
  },
  networks: {
    name: (network: Network) => [nameKey(network.spec.name)],
    stack: (network: Network) => present(network.spec.labels[stackLabel]),
    ingress: (network: Network) => (network.spec.ingress ? ['yes'] : []),
  },
  attachments: {
    node: (attachment: Attachment) => [attachment.nodeId],
    network: (attachment: Attachment) => [attachment.networkId],
    /** See `addressKey`. */
    address: (attachment: Attachment) => [addressKey(attachment.networkId, attachment.address)],
    /** By the id of the container, once there is one. */
    container: (attachment: Attachment) => present(attachment.container?.containerId),
  },
  secrets: {
    name: (secret: Secret) => [nameKey(secret.spec.name)],
    stack: (secret: Secret) => present(secret.spec.labels[stackLabel]),
  },
  configs: {
    name: (config: Config) => [nameKey(config.spec.name)],
    stack: (config: Config) => present(config.spec.labels[stackLabel]),
  },
} as const satisfies IndexTable;

export const tableNames = Object.keys(tableIndexes) as readonly TableName[];

export type IndexName<T extends TableName> = keyof (typeof tableIndexes)[T] & string;

/** Whether a manager wants the task to be there, whatever became of it. */
export function isWanted(task: Task): boolean {
  return task.desired === 'ready' || task.desired === 'running' || task.desired === 'complete';
}

export function isLive(task: Task): boolean {
  return task.end === undefined && isWanted(task);
}

/**
 * Whether the task stands for its slot: wanted or spent, and not about to be replaced.
 * @public the simulation judges by it
 */
export function isCurrent(task: Task): boolean {
  return task.outgoing !== true && (isWanted(task) || task.spent === true);
}

function holdsAddresses(task: Task): boolean {
  return task.end === undefined || task.end.state === 'orphaned';
}

function present(value: string | undefined): readonly string[] {
  return value === undefined ? [] : [value];
}

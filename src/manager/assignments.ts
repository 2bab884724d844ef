import { parseHostPort } from '../lib/host-port.ts';
import { parseAddress, parseSubnet } from '../lib/ipv4.ts';
import type {
  AloneStart,
  CatalogNode,
  CatalogService,
  CatalogTask,
  DataAssignment,
  NetworkAssignment,
  TaskAssignment,
  TemplateAssignment,
} from '../model/assignment.ts';
import { affinityOf } from '../model/affinity.ts';
import type { Attachment } from '../model/attachment.ts';
import { taskContainerName } from '../model/container-name.ts';
import { tunnelEndOf } from '../model/encryption.ts';
import { ipv6Of } from '../model/ipv6.ts';
import type { Network } from '../model/network.ts';
import { type Node, type NodeDescription, ownAddressesOf } from '../model/node.ts';
import type { Observed } from '../model/observed.ts';
import type { Service } from '../model/service.ts';
import type { ObservedTask, Task } from '../model/task.ts';
import type { TaskTemplate } from '../model/template.ts';
import { isTemplated } from '../model/secret.ts';
import { aloneStart } from '../orchestrator/alone-start.ts';
import { isLive } from '../store/schema.ts';
import type { View } from '../store/view.ts';
import { theCluster } from './cluster-row.ts';

/*
 * What an agent is told of each row. Each function takes what is durable and says the one value
 * that follows from it; which values a node needs is decided in `node-assignments.ts`.
 */

export function taskAssignment(
  view: View,
  of: { readonly task: Task; readonly departing: boolean },
): TaskAssignment | undefined {
  const { task, departing } = of;
  const service = view.services.get(task.serviceId);
  if (service === undefined) return undefined;
  return {
    taskId: task.id,
    serviceId: task.serviceId,
    serviceName: service.spec.name,
    serviceLabels: service.spec.labels,
    slot: task.slot,
    templateId: task.templateId,
    desired: task.desired,
    addresses: task.addresses,
    ended: task.end !== undefined,
    ...(task.restarts.length > 0 && { restarts: task.restarts }),
    ...(task.attempts !== undefined && { attempts: task.attempts }),
    ...alone(aloneStart(view, { service, task })),
    ...(service.registryAuth === undefined || !isLive(task)
      ? {}
      : { registryAuth: service.registryAuth }),
    ...(departing && { departing }),
  };
}

function alone(start: AloneStart | undefined): Pick<TaskAssignment, 'alone'> {
  return start === undefined ? {} : { alone: start };
}

export function templateAssignment(template: TaskTemplate): TemplateAssignment {
  return { templateId: template.id, spec: template.spec };
}

/** Undefined while the network has no subnet yet. */
export function networkAssignment(view: View, network: Network): NetworkAssignment | undefined {
  const predefined = network.predefined === true;
  const [subnet] = network.subnets;
  const ipv6 = ipv6Of(network);
  if (subnet === undefined && !predefined) return undefined;
  return {
    networkId: network.id,
    name: network.spec.name,
    labels: network.spec.labels,
    subnet: subnet?.subnet ?? '',
    gateway: subnet?.gateway ?? '',
    internal: network.spec.internal,
    ingress: network.spec.ingress,
    ...(network.spec.attachable && { attachable: true }),
    ...(ipv6 !== undefined && { ipv6 }),
    ...vxlanOf(view, network),
    driverOptions: network.spec.driverOptions,
    ...smallestLink(view),
    predefined,
  };
}

/** Every host takes packets of that size (RFC 791, 3.1): networks are not made for smaller ones. */
const leastLinkMtu = 576;

/** Containers keep the size that they began with, and any node may get a task of the network. */
function smallestLink(view: View): Pick<NetworkAssignment, 'linkMtu'> {
  const sizes = [...view.nodes.all()].map(({ description }) => description.linkMtu);
  sizes.push(theCluster(view)?.passedMtu);
  let linkMtu: number | undefined;
  for (const size of sizes) {
    if (size === undefined || size < leastLinkMtu) continue;
    linkMtu = Math.min(size, linkMtu ?? Infinity);
  }
  return linkMtu === undefined ? {} : { linkMtu };
}

function vxlanOf(view: View, { vxlanId: id }: Network): Pick<NetworkAssignment, 'vxlan'> {
  const port = theCluster(view)?.dataPathPort;
  return id === undefined || port === undefined ? {} : { vxlan: { id, port } };
}

export function dataAssignment(view: View, id: string): DataAssignment | undefined {
  const secret = view.secrets.get(id);
  const row = secret ?? view.configs.get(id);
  if (row === undefined) return undefined;
  const kind = row === secret ? 'secret' : 'config';
  const { data, spec } = row;
  return { id, kind, data, ...(isTemplated(spec) && { templated: true }) };
}

/** Undefined when the service is to be found no more. */
export function catalogService(view: View, serviceId: string): CatalogService | undefined {
  const service = view.services.get(serviceId);
  if (service === undefined || service.removing === true) return undefined;
  const template = view.templates.get(service.templateId);
  const addressOf = new Map(
    service.virtualAddresses.map((vip) => [vip.networkId, vip.address.split('/')[0] ?? '']),
  );
  const attached = template?.spec.networks ?? [];
  const affinity = affinityOf(service.spec.labels);
  const networks = attached.map((one) => {
    const virtualAddress = addressOf.get(one.networkId);
    addressOf.delete(one.networkId);
    return {
      networkId: one.networkId,
      aliases: one.aliases,
      ...(virtualAddress === undefined ? {} : { virtualAddress }),
    };
  });
  // What is left has no name of its own there: the ingress network, or one that an update takes
  // away.
  const others = [...addressOf].map(([networkId, virtualAddress]) => ({
    networkId,
    aliases: [],
    virtualAddress,
  }));
  const hostPorts = service.publishedPorts.filter((port) => port.mode === 'host');
  return {
    serviceId,
    name: service.spec.name,
    endpointMode: service.spec.endpointMode,
    networks: [...networks, ...others],
    ...(affinity !== undefined && { affinity }),
    ports: ingressPorts(service),
    ...(hostPorts.length > 0 && { hostPorts }),
  };
}

export function ingressPorts(service: Service): Service['publishedPorts'] {
  return service.publishedPorts.filter((port) => port.mode === 'ingress');
}

/**
 * Undefined once the task has ended. As soon as it is told to stop it is not ready any more: agents
 * take it out of names and virtual addresses before they send it a signal, while what it does until
 * then goes on.
 */
export function catalogTask(
  view: View,
  options: { readonly task: Task; readonly observed: Observed },
): CatalogTask | undefined {
  const { task, observed } = options;
  const service = view.services.get(task.serviceId);
  if (task.end !== undefined || task.nodeId === undefined || service === undefined)
    return undefined;
  const hostname = view.templates.get(task.templateId)?.spec.containers[0]?.hostname;
  return {
    taskId: task.id,
    serviceId: task.serviceId,
    nodeId: task.nodeId,
    name: taskContainerName(
      { taskId: task.id, serviceName: service.spec.name, slot: task.slot },
      task.nodeId,
    ),
    ...(hostname === undefined ? {} : { hostname }),
    addresses: task.addresses,
    ready:
      isLive(task) &&
      task.desired !== 'ready' &&
      observed.node(task.nodeId)?.state !== 'down' &&
      isHealthy(observed.task(task.id)),
  };
}

/** As the container engine shortens ids. */
const shortIdLength = 12;

/** What a container that is no task is found by; undefined while it does not run. */
export function containerService(view: View, containerId: string): CatalogService | undefined {
  const places = placesOf(view, containerId).filter(({ container }) => container.running);
  const [first] = places;
  if (first === undefined) return undefined;
  const networks = places.map(({ networkId, container }) => ({
    networkId,
    aliases: [...new Set([containerId.slice(0, shortIdLength), ...container.aliases])],
  }));
  return {
    serviceId: containerId,
    name: first.container.name,
    endpointMode: 'dnsrr',
    networks,
    ports: [],
    isContainer: true,
  };
}

/**
 * Where a container that is no task is. Told before it runs, for who starts calls at once, and is
 * to be answered.
 */
export function containerTask(
  view: View,
  of: { readonly containerId: string; readonly observed: Observed },
): CatalogTask | undefined {
  const { containerId, observed } = of;
  const places = placesOf(view, containerId);
  const [first] = places;
  if (first === undefined) return undefined;
  const { nodeId, container } = first;
  const isRunning = places.some((place) => place.container.running);
  return {
    taskId: containerId,
    serviceId: containerId,
    nodeId,
    name: container.name,
    addresses: places.map(({ networkId, address }) => ({ networkId, address })),
    ready: isRunning && observed.node(nodeId)?.state !== 'down',
    isContainer: true,
  };
}

type PlaceOfContainer = Attachment & Required<Pick<Attachment, 'container'>>;

function placesOf(view: View, containerId: string): readonly PlaceOfContainer[] {
  return [...view.attachments.by('container', containerId)].filter(
    (row): row is PlaceOfContainer => row.container !== undefined,
  );
}

/**
 * Undefined for a node that left or was removed, or is down and leads nobody on; or that has no
 * address of IPv4, the only one by which networks lead to nodes.
 */
export function catalogNode(
  view: View,
  of: { readonly nodeId: string; readonly observed: Observed },
): CatalogNode | undefined {
  const { nodeId, observed } = of;
  const node = view.nodes.get(nodeId);
  if (node === undefined || node.leftAt !== undefined) return undefined;
  const { takesCallers } = node.description;
  const isDown = observed.node(nodeId)?.state === 'down';
  if (isDown && takesCallers !== true) return undefined;
  const address = addressOf(view, node);
  // The kernels of the others would refuse all that they are told together with it.
  if (parseAddress(address) === undefined) return undefined;
  const tunnel = tunnelEndOf(node.description.encryption);
  return {
    nodeId,
    address,
    ...(isDown && { isDown }),
    ...(tunnel !== undefined && { tunnel }),
    ...(takesCallers === true && {
      ownAddresses: machineAddresses(node.description),
    }),
  };
}

/** Those that routes of the machine begin with are nobody's. */
function machineAddresses(description: NodeDescription): readonly string[] {
  const { hostSubnets } = description;
  return ownAddressesOf(description).filter((address, index) => {
    const subnet = parseSubnet(hostSubnets[index] ?? '');
    return subnet?.prefixLength === 32 || subnet?.first !== parseAddress(address);
  });
}

/**
 * Of workers it is the one that their connection showed. A manager has no connection to itself;
 * where it is the only one, others find it at the address that it advertised.
 */
function addressOf(view: View, { spec, description }: Node): string {
  if (spec.role === 'worker') return description.address;
  const managers = [...view.nodes.all()].filter((node) => node.spec.role === 'manager');
  const host = parseHostPort(theCluster(view)?.advertiseAddress ?? '')?.host ?? '';
  const isKnown = managers.length === 1 && parseAddress(host) !== undefined;
  return isKnown ? host : description.address;
}

function isHealthy(observed: ObservedTask | undefined): boolean {
  if (observed?.state !== 'running') return false;
  return observed.containers.every(
    ({ health, exitCode }) =>
      // One that has ended is `running` until its agent knows how.
      exitCode === undefined && (health === 'none' || health === 'healthy'),
  );
}

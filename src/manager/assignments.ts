import { parseHostPort } from '../lib/host-port.ts';
import { parseAddress } from '../lib/ipv4.ts';
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
import { taskContainerName } from '../model/container-name.ts';
import type { Network } from '../model/network.ts';
import type { Node } from '../model/node.ts';
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

export function taskAssignment(view: View, task: Task): TaskAssignment | undefined {
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
  if (subnet === undefined && !predefined) return undefined;
  return {
    networkId: network.id,
    name: network.spec.name,
    labels: network.spec.labels,
    subnet: subnet?.subnet ?? '',
    gateway: subnet?.gateway ?? '',
    internal: network.spec.internal,
    ingress: network.spec.ingress,
    enableIpv6: network.spec.enableIpv6,
    ...vxlanOf(view, network),
    driverOptions: network.spec.driverOptions,
    predefined,
  };
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
  return {
    serviceId,
    name: service.spec.name,
    endpointMode: service.spec.endpointMode,
    networks: [...networks, ...others],
    ports: ingressPorts(service),
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

/** Undefined for a node that is down or removed: nobody leads anything to it. */
export function catalogNode(
  view: View,
  of: { readonly nodeId: string; readonly observed: Observed },
): CatalogNode | undefined {
  const { nodeId, observed } = of;
  const node = view.nodes.get(nodeId);
  if (node === undefined || observed.node(nodeId)?.state === 'down') return undefined;
  return { nodeId, address: addressOf(view, node) };
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
    (container) => container.health === 'none' || container.health === 'healthy',
  );
}

import { allocateNetwork } from '../allocator/subnet.ts';
import { TuttiError } from '../lib/error.ts';
import type { Network, NetworkSpec } from '../model/network.ts';
import { nameKey } from '../store/schema.ts';
import type { Transaction, View } from '../store/view.ts';
import { refuse, show } from './admission-check.ts';
import { checkNetworkSpec } from './admission-network.ts';
import { forgetAttachments } from './attachments.ts';
import type { WriteContext } from './writer.ts';

export function createNetwork(
  tx: Transaction,
  options: { readonly spec: NetworkSpec; readonly context: WriteContext },
): Network {
  const { spec } = options;
  checkNetworkSpec(tx, spec);
  if (findNetwork(tx, spec.name) !== undefined) {
    throw new TuttiError('already-exists', `network with name ${spec.name} already exists`, {
      field: 'spec.name',
      hint: 'Take another name, or remove the network first.',
    });
  }
  const [ingress] = tx.networks.by('ingress', 'yes');
  if (spec.ingress && ingress !== undefined) {
    throw new TuttiError(
      'already-exists',
      `ingress network (${ingress.spec.name}) is already present; remove it first`,
      { field: 'spec.ingress' },
    );
  }
  return putNetwork(tx, options);
}

/** Inserts a network that was admitted, with a subnet of its own; throws when none is left. */
export function putNetwork(
  tx: Transaction,
  options: {
    readonly spec: NetworkSpec;
    readonly predefined?: boolean;
    readonly context: WriteContext;
  },
): Network {
  const { spec, context } = options;
  const network = allocateNetwork(tx, {
    id: context.newId(),
    version: tx.revision,
    createdAt: context.now,
    updatedAt: context.now,
    spec,
    subnets: [],
    ...(options.predefined === true ? { predefined: true } : {}),
  });
  tx.networks.put(network);
  context.touched.network(network.id);
  return network;
}

/**
 * Removes a network, or marks it: tasks of services that are gone may still be stopping on it, and
 * it goes with the last of them. Refused while a service uses it.
 */
export function removeNetwork(
  tx: Transaction,
  options: { readonly networkId: string; readonly context: WriteContext },
): void {
  const network = tx.networks.get(options.networkId);
  if (network === undefined || network.removing === true) {
    throw new TuttiError('not-found', `network ${options.networkId} not found`);
  }
  if (network.predefined === true) {
    refuse('networkId', `${network.spec.name} is a pre-defined network and cannot be removed`, {
      code: 'permission-denied',
    });
  }
  const users = servicesOn(tx, network);
  if (users.length > 0) {
    const what = users.length === 1 ? 'service' : 'services';
    throw new TuttiError(
      'failed-precondition',
      `network ${network.spec.name} is in use by ${what} ${users.join(', ')}`,
      { hint: 'Remove the services, or update them to leave the network.' },
    );
  }
  refuseWhileAttached(tx, network);
  // Stopped containers that are on it keep nothing of it.
  forgetAttachments(tx, 'network', network.id);
  tx.networks.put({ ...network, removing: true, version: tx.revision });
  options.context.touched.network(network.id);
}

/** Containers that are no tasks; one that is being made for it counts. */
function refuseWhileAttached(tx: Transaction, network: Network): void {
  for (const { nodeId, container } of tx.attachments.by('network', network.id)) {
    if (container?.running === false) continue;
    const node = tx.nodes.get(nodeId)?.description.hostname ?? nodeId;
    const what = container === undefined ? 'a container' : `container ${show(container.name)}`;
    throw new TuttiError(
      'failed-precondition',
      `network ${network.spec.name} is in use by ${what} of node ${node}`,
      { hint: 'Stop the container, or disconnect it from the network.' },
    );
  }
}

/** By name; networks on their way out are not found. */
export function findNetwork(view: View, name: string): Network | undefined {
  for (const network of view.networks.by('name', nameKey(name))) {
    if (network.removing !== true) return network;
  }
  return undefined;
}

function servicesOn(tx: Transaction, network: Network): readonly string[] {
  const names = new Set<string>();
  for (const template of tx.templates.by('network', network.id)) {
    const service = tx.services.get(template.serviceId);
    if (service === undefined || service.removing === true) continue;
    if (service.templateId === template.id) names.add(service.spec.name);
  }
  if (network.spec.ingress) {
    for (const service of tx.services.all()) {
      if (service.removing === true) continue;
      if (service.spec.ports.some((port) => port.mode === 'ingress')) names.add(service.spec.name);
    }
  }
  return [...names].map(show).toSorted();
}

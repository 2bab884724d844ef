import { TuttiError } from '../lib/error.ts';
import { sameJson } from '../lib/json.ts';
import type { Network } from '../model/network.ts';
import type { Service, VirtualAddress } from '../model/service.ts';
import type { TaskTemplate } from '../model/template.ts';
import type { View } from '../store/view.ts';
import type { AddressReuse } from './addresses.ts';
import { freeAddress } from './addresses.ts';
import { allocatePorts } from './published-ports.ts';

export interface ServiceAllocation {
  /** The same row when nothing has to change. */
  readonly service: Service;
  /** Why not everything could be allocated. A write is refused with it; a plan goes on without. */
  readonly problem?: TuttiError;
}

/**
 * Gives the service its virtual addresses and published ports; what it has and still needs stays.
 */
export function allocateService(
  view: View,
  service: Service,
  addressReuse: AddressReuse,
): ServiceAllocation {
  const { ports, problem: portProblem } = allocatePorts(view, service);
  const { addresses, problem: addressProblem } = allocateVirtualAddresses(
    view,
    service,
    addressReuse,
  );
  const problem = portProblem ?? addressProblem;
  const unchanged =
    sameJson(ports, service.publishedPorts) && sameJson(addresses, service.virtualAddresses);
  const allocated = unchanged
    ? service
    : { ...service, publishedPorts: ports, virtualAddresses: addresses };
  return problem === undefined ? { service: allocated } : { service: allocated, problem };
}

/**
 * The networks of a service's tasks: those of the template, and the ingress network for its ports.
 */
export function networksOf(
  view: View,
  of: { readonly service: Service; readonly template: TaskTemplate },
): readonly { readonly networkId: string; readonly network: Network | undefined }[] {
  const ids = of.template.spec.networks.map((one) => one.networkId);
  if (of.service.spec.ports.some((port) => port.mode === 'ingress')) {
    for (const network of view.networks.by('ingress', 'yes')) {
      if (network.removing !== true) ids.push(network.id);
    }
  }
  return ids
    .map((networkId) => ({ networkId, network: view.networks.get(networkId) }))
    .filter(({ network }) => network?.predefined !== true);
}

function allocateVirtualAddresses(
  view: View,
  service: Service,
  addressReuse: AddressReuse,
): { readonly addresses: readonly VirtualAddress[]; readonly problem?: TuttiError } {
  const template = view.templates.get(service.templateId);
  if (service.spec.endpointMode !== 'vip' || template === undefined) return { addresses: [] };
  const addresses: VirtualAddress[] = [];
  let problem: TuttiError | undefined;
  for (const { networkId, network } of networksOf(view, { service, template })) {
    const kept = service.virtualAddresses.find((one) => one.networkId === networkId);
    const address = kept?.address ?? (network && freeAddress(view, network, addressReuse));
    if (address !== undefined) addresses.push({ networkId, address });
    else problem ??= noAddress(service, network?.spec.name ?? networkId);
  }
  return problem === undefined ? { addresses } : { addresses, problem };
}

function noAddress(service: Service, network: string): TuttiError {
  return new TuttiError(
    'resource-exhausted',
    `network ${network} has no address left for service ${service.spec.name}`,
    { hint: 'Use a network with a larger subnet, or endpoint mode dnsrr.' },
  );
}

import { TuttiError } from '../lib/error.ts';
import { sameJson } from '../lib/json.ts';
import type { Network } from '../model/network.ts';
import type { Service, VirtualAddress } from '../model/service.ts';
import type { TaskTemplate } from '../model/template.ts';
import { addressKey } from '../store/schema.ts';
import type { View } from '../store/view.ts';
import type { AddressChoice } from './addresses.ts';
import { freeAddress } from './addresses.ts';
import { allocatePorts } from './published-ports.ts';
import { otherOwner } from './static-address.ts';

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
  choice: AddressChoice,
): ServiceAllocation {
  const { ports, problem: portProblem } = allocatePorts(view, service);
  const { addresses, problem: addressProblem } = allocateVirtualAddresses(view, service, choice);
  const problem = portProblem ?? addressProblem ?? staticAddressProblem(view, service);
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
  choice: AddressChoice,
): { readonly addresses: readonly VirtualAddress[]; readonly problem?: TuttiError } {
  const template = view.templates.get(service.templateId);
  if (service.spec.endpointMode !== 'vip' || template === undefined) return { addresses: [] };
  const addresses: VirtualAddress[] = [];
  let problem: TuttiError | undefined;
  for (const { networkId, network } of networksOf(view, { service, template })) {
    // Its names answer with the address itself.
    if (staticAddressOn(template, networkId) !== undefined) continue;
    const kept = service.virtualAddresses.find((one) => one.networkId === networkId);
    const address = kept?.address ?? (network && freeAddress(view, network, choice));
    if (address !== undefined) addresses.push({ networkId, address });
    else problem ??= noAddress(service, network?.spec.name ?? networkId);
  }
  return problem === undefined ? { addresses } : { addresses, problem };
}

/** The address that the template declares on a network, without prefix length. */
export function staticAddressOn(template: TaskTemplate, networkId: string): string | undefined {
  return template.spec.networks.find((one) => one.networkId === networkId)?.ipv4Address;
}

/** A static address is one service's: who comes later is told whose. */
function staticAddressProblem(view: View, service: Service): TuttiError | undefined {
  const networks = view.templates.get(service.templateId)?.spec.networks ?? [];
  for (const [index, { networkId, ipv4Address }] of networks.entries()) {
    if (ipv4Address === undefined) continue;
    const owner = otherOwner(view, service, addressKey(networkId, ipv4Address));
    if (owner === undefined) continue;
    const name = view.networks.get(networkId)?.spec.name ?? networkId;
    return new TuttiError(
      'failed-precondition',
      `the address ${ipv4Address} of network ${name} is already in use by ${owner}`,
      {
        field: `template.networks[${index}].ipv4Address`,
        hint: 'Declare another address, or none; or take it from who has it.',
      },
    );
  }
  return undefined;
}

function noAddress(service: Service, network: string): TuttiError {
  return new TuttiError(
    'resource-exhausted',
    `network ${network} has no address left for service ${service.spec.name}`,
    { hint: 'Use a network with a larger subnet, or endpoint mode dnsrr.' },
  );
}

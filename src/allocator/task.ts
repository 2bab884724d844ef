import type { Instant } from '../model/instant.ts';
import type { Network } from '../model/network.ts';
import type { Reason } from '../model/reason.ts';
import type { Service } from '../model/service.ts';
import type { TaskAddress } from '../model/task.ts';
import type { TaskTemplate } from '../model/template.ts';
import type { View } from '../store/view.ts';
import type { AddressReuse } from './addresses.ts';
import { freeAddress } from './addresses.ts';
import { networksOf, staticAddressOn } from './service.ts';
import { claimStaticAddress, type StaticClaim } from './static-address.ts';
import { assignableRange } from './subnet.ts';

export type TaskAllocation =
  | { readonly kind: 'allocated'; readonly addresses: readonly TaskAddress[] }
  | { readonly kind: 'refused'; readonly reason: Reason };

/** An address on each network of the task that is to run on a node, or why there is none. */
export function allocateTask(
  view: View,
  of: {
    readonly service: Service;
    readonly template: TaskTemplate;
    readonly nodeId: string;
    readonly addressReuse: AddressReuse;
    readonly now: Instant;
  },
): TaskAllocation {
  const addresses: TaskAddress[] = [];
  for (const { networkId, network } of networksOf(view, of)) {
    if (network === undefined || assignableRange(network) === undefined) {
      const name = network?.spec.name ?? networkId;
      const message = `network ${name} of service ${of.service.spec.name} does not exist`;
      const hint = 'Create the network, or update the service without it.';
      return { kind: 'refused', reason: { code: 'network-missing', message, hint, since: of.now } };
    }
    const declared = staticAddressOn(of.template, networkId);
    if (declared !== undefined) {
      const claim = claimStaticAddress(view, network, { ...of, address: declared });
      if (claim.kind !== 'free') return notYet(network, { ...of, address: declared, claim });
      addresses.push({ networkId, address: claim.address });
      continue;
    }
    const address = freeAddress(view, network, of);
    if (address === undefined) {
      const subnet = network.subnets[0]?.subnet ?? '';
      const message = `network ${network.spec.name} (${subnet}) has no address left`;
      const hint = 'Move the service to a network with a larger subnet, or run fewer tasks on it.';
      return {
        kind: 'refused',
        reason: { code: 'addresses-exhausted', message, hint, since: of.now },
      };
    }
    addresses.push({ networkId, address });
  }
  return { kind: 'allocated', addresses };
}

/** A static address is one container's at a time: the task waits, without a node. */
function notYet(
  network: Network,
  of: {
    readonly address: string;
    readonly claim: Exclude<StaticClaim, { kind: 'free' }>;
    readonly now: Instant;
  },
): TaskAllocation {
  const { address, claim, now: since } = of;
  const { name } = network.spec;
  if (claim.kind === 'outside') {
    const message = `the static address ${address} is none that network ${name} gives`;
    const hint = 'Declare another address of its subnet, or none.';
    return { kind: 'refused', reason: { code: 'network-missing', message, hint, since } };
  }
  const message = `the static address ${address} of network ${name} is still that of ${claim.holder}`;
  const hint =
    'It is given again when that has ended and its node has said so; one that is gone for good is ' +
    'removed with docker node rm --force.';
  return { kind: 'refused', reason: { code: 'address-in-use', message, hint, since } };
}

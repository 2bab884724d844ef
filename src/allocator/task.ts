import type { Instant } from '../model/instant.ts';
import type { Reason } from '../model/reason.ts';
import type { Service } from '../model/service.ts';
import type { TaskAddress } from '../model/task.ts';
import type { TaskTemplate } from '../model/template.ts';
import type { View } from '../store/view.ts';
import type { AddressReuse } from './addresses.ts';
import { freeAddress } from './addresses.ts';
import { networksOf } from './service.ts';
import { assignableRange } from './subnet.ts';

export type TaskAllocation =
  | { readonly kind: 'allocated'; readonly addresses: readonly TaskAddress[] }
  | { readonly kind: 'refused'; readonly reason: Reason };

/** An address on each network of the task, or why there is none. */
export function allocateTask(
  view: View,
  of: {
    readonly service: Service;
    readonly template: TaskTemplate;
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
    const address = freeAddress(view, network, of.addressReuse);
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

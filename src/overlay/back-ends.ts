import type { DiscoveryView } from '../host/node-network.ts';
import type { CatalogTask } from '../model/assignment.ts';

/** The tasks that are ready, by service: whom virtual addresses and published ports lead to. */
export class BackEnds {
  readonly #readyByService = new Map<string, CatalogTask[]>();

  constructor(tasks: DiscoveryView['tasks']) {
    for (const task of tasks.values()) {
      if (!task.ready) continue;
      const others = this.#readyByService.get(task.serviceId);
      if (others === undefined) this.#readyByService.set(task.serviceId, [task]);
      else others.push(task);
    }
  }

  /** Addresses of a service's ready tasks on a network, without prefix length. */
  addresses(serviceId: string, networkId: string): readonly string[] {
    return (this.#readyByService.get(serviceId) ?? []).flatMap((task) =>
      task.addresses
        .filter((one) => one.networkId === networkId)
        .map((one) => withoutPrefix(one.address)),
    );
  }
}

export function withoutPrefix(address: string): string {
  return address.split('/')[0] ?? address;
}

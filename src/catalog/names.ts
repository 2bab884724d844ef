import type { DnsAnswer, DnsQuestion, DnsRecord } from '../host/network-devices.ts';
import type { DiscoveryView } from '../host/node-network.ts';
import type { CatalogService, CatalogTask } from '../model/assignment.ts';

/** What a name stands for on one network, for one service. */
export type NameMeaning =
  | { readonly kind: 'virtual-address'; readonly service: CatalogService; readonly address: string }
  | {
      readonly kind: 'tasks';
      readonly service: CatalogService;
      /** Ready or not. */
      readonly tasks: readonly CatalogTask[];
    };

/** A name as it was found: several services may share an alias. */
export interface FoundName {
  readonly networkId: string;
  readonly meanings: readonly NameMeaning[];
}

const reverseSuffix = '.in-addr.arpa';
const tasksPrefix = 'tasks.';

/**
 * Every name of a node's networks. A name answers only with tasks that are ready, and only to those
 * who share the network.
 */
export class Names {
  readonly #byNetwork = new Map<string, Map<string, readonly NameMeaning[]>>();
  /** `network/address` → task. */
  readonly #byAddress = new Map<string, CatalogTask>();
  readonly #view: DiscoveryView;

  constructor(view: DiscoveryView) {
    this.#view = view;
    const tasks = new Map<string, CatalogTask[]>();
    for (const task of view.tasks.values()) {
      const others = tasks.get(task.serviceId);
      if (others === undefined) tasks.set(task.serviceId, [task]);
      else others.push(task);
      for (const { networkId, address } of task.addresses) {
        this.#byAddress.set(`${networkId}/${withoutPrefix(address)}`, task);
      }
    }
    for (const service of view.services.values()) {
      this.#addService(service, tasks.get(service.serviceId) ?? []);
    }
  }

  #addService(service: CatalogService, tasks: readonly CatalogTask[]): void {
    for (const { networkId, aliases, virtualAddress } of service.networks) {
      // Who shares the ingress network only, shares nothing.
      if (this.#view.networks.get(networkId)?.ingress === true) continue;
      const names = this.#byNetwork.get(networkId) ?? new Map<string, readonly NameMeaning[]>();
      this.#byNetwork.set(networkId, names);
      const here = tasks.filter((task) =>
        task.addresses.some((one) => one.networkId === networkId),
      );
      const all: NameMeaning = { kind: 'tasks', service, tasks: here };
      const meaning: NameMeaning =
        virtualAddress === undefined
          ? all
          : { kind: 'virtual-address', service, address: virtualAddress };
      for (const name of new Set([service.name, ...aliases])) {
        addName(names, name, meaning);
        addName(names, `${tasksPrefix}${name}`, all);
      }
      for (const task of here) {
        const one: NameMeaning = { kind: 'tasks', service, tasks: [task] };
        for (const name of new Set([task.name, task.taskId, task.hostname])) {
          if (name !== undefined && name !== '') addName(names, name, one);
        }
      }
    }
  }

  /** The task that has this address, if it is one of ours. */
  taskAt(networkId: string, address: string): CatalogTask | undefined {
    return this.#byAddress.get(`${networkId}/${address}`);
  }

  /** The networks whose names somebody sees: all that the task is on. */
  networksOf(asker: Pick<DnsQuestion, 'networkId' | 'clientAddress'>): readonly string[] {
    const task = this.taskAt(asker.networkId, asker.clientAddress);
    if (task === undefined) return [asker.networkId];
    return task.addresses.map((one) => one.networkId);
  }

  /**
   * What the name means on the first of the networks that has it. `NAME.NETWORK` asks one network
   * alone, as with Docker's own DNS.
   */
  find(name: string, networkIds: readonly string[]): FoundName | undefined {
    const key = normal(name);
    for (const networkId of networkIds) {
      const meanings = this.#byNetwork.get(networkId)?.get(key);
      if (meanings !== undefined) return { networkId, meanings };
    }
    for (const networkId of networkIds) {
      const suffix = `.${normal(this.#view.networks.get(networkId)?.name ?? '')}`;
      if (!key.endsWith(suffix)) continue;
      const meanings = this.#byNetwork.get(networkId)?.get(key.slice(0, -suffix.length));
      if (meanings !== undefined) return { networkId, meanings };
    }
    return undefined;
  }

  /** The networks that have the name, whoever asks. */
  networksWith(name: string): readonly string[] {
    return [...this.#byNetwork.keys()].filter(
      (networkId) => this.find(name, [networkId]) !== undefined,
    );
  }

  /** Names that services have on these networks, aliases too, in order. */
  serviceNames(networkIds: readonly string[]): readonly string[] {
    const names = networkIds.flatMap((networkId) =>
      [...(this.#byNetwork.get(networkId) ?? [])].flatMap(([name, meanings]) => {
        const isOfService = meanings.some(
          ({ service }) =>
            normal(service.name) === name ||
            service.networks.some(({ aliases }) => aliases.some((one) => normal(one) === name)),
        );
        return isOfService ? [name] : [];
      }),
    );
    return [...new Set(names)].toSorted();
  }

  answer(question: DnsQuestion): DnsAnswer {
    if (question.type === 'PTR') return this.#reverse(question);
    const networkIds = this.networksOf(question);
    const found = this.find(question.name, networkIds);
    if (found === undefined) return this.#notOurs(question, networkIds);
    if (question.type !== 'A') return { kind: 'records', records: [] };
    const records = addressesOf(found).map(
      (address): DnsRecord => ({ type: 'A', name: question.name, address }),
    );
    return { kind: 'records', records };
  }

  #notOurs(question: DnsQuestion, networkIds: readonly string[]): DnsAnswer {
    // A single label is the name of a service; the world outside has nothing to say about it.
    const isSingleLabel = !normal(question.name).includes('.');
    if (isSingleLabel || !this.#hasWayOut(networkIds)) return { kind: 'no-such-name' };
    return this.#forward(question);
  }

  #hasWayOut(networkIds: readonly string[]): boolean {
    return networkIds.some((id) => this.#view.networks.get(id)?.internal === false);
  }

  #forward(question: DnsQuestion): DnsAnswer {
    const asker = this.taskAt(question.networkId, question.clientAddress);
    const own = asker === undefined ? undefined : this.#view.own.get(asker.taskId);
    return own?.nameservers === undefined
      ? { kind: 'forward' }
      : { kind: 'forward', nameservers: own.nameservers };
  }

  #reverse(question: DnsQuestion): DnsAnswer {
    const networkIds = this.networksOf(question);
    const name = normal(question.name);
    const address = name.endsWith(reverseSuffix)
      ? name.slice(0, -reverseSuffix.length).split('.').toReversed().join('.')
      : '';
    for (const networkId of networkIds) {
      const task = this.taskAt(networkId, address);
      const network = this.#view.networks.get(networkId);
      if (task !== undefined && network !== undefined) {
        const target = `${task.name}.${network.name}`;
        return { kind: 'records', records: [{ type: 'PTR', name: question.name, target }] };
      }
    }
    return this.#hasWayOut(networkIds) ? this.#forward(question) : { kind: 'no-such-name' };
  }
}

/**
 * A service's own name is never taken by another's alias; services that share an alias share it.
 */
function addName(
  names: Map<string, readonly NameMeaning[]>,
  name: string,
  meaning: NameMeaning,
): void {
  const key = normal(name);
  const all = [...(names.get(key) ?? []), meaning];
  const owners = all.filter(({ service }) => isOwnName(service, key));
  names.set(key, owners.length > 0 ? owners : all);
}

function isOwnName(service: CatalogService, key: string): boolean {
  const own = normal(service.name);
  return own === key || `${tasksPrefix}${own}` === key;
}

/** The addresses that a name answers with: virtual ones, and those of ready tasks. */
export function addressesOf({ networkId, meanings }: FoundName): readonly string[] {
  return meanings.flatMap((meaning) =>
    meaning.kind === 'virtual-address'
      ? [meaning.address]
      : meaning.tasks
          .filter((task) => task.ready)
          .flatMap((task) => task.addresses.filter((one) => one.networkId === networkId))
          .map((one) => withoutPrefix(one.address)),
  );
}

function normal(name: string): string {
  return name.toLowerCase().replace(/\.$/, '');
}

function withoutPrefix(address: string): string {
  return address.split('/')[0] ?? address;
}

import type { DnsAnswer, DnsQuestion, DnsRecord } from '../host/network-devices.ts';
import type { DiscoveryView } from '../host/node-network.ts';
import type { CatalogService, CatalogTask } from '../model/assignment.ts';

/** What a name stands for on one network. */
export type NameMeaning =
  | { readonly kind: 'virtual-address'; readonly service: CatalogService; readonly address: string }
  | {
      readonly kind: 'tasks';
      readonly service: CatalogService;
      /** Ready or not. */
      readonly tasks: readonly CatalogTask[];
    };

const reverseSuffix = '.in-addr.arpa';
const tasksPrefix = 'tasks.';

/**
 * Every name of a node's networks. A name answers only with tasks that are ready, and only to those
 * who share the network.
 */
export class Names {
  readonly #byNetwork = new Map<string, Map<string, NameMeaning>>();
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
      const names = this.#byNetwork.get(networkId) ?? new Map<string, NameMeaning>();
      this.#byNetwork.set(networkId, names);
      const all: NameMeaning = { kind: 'tasks', service, tasks };
      const meaning: NameMeaning =
        virtualAddress === undefined
          ? all
          : { kind: 'virtual-address', service, address: virtualAddress };
      for (const name of [service.name, ...aliases]) {
        addName(names, name, meaning);
        addName(names, `${tasksPrefix}${name}`, all);
      }
      for (const task of tasks) {
        const one: NameMeaning = { kind: 'tasks', service, tasks: [task] };
        for (const name of [task.name, task.taskId, task.hostname]) {
          if (name !== undefined) addName(names, name, one);
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

  /** What the name means on the first of the networks that has it. */
  find(
    name: string,
    networkIds: readonly string[],
  ): { readonly networkId: string; readonly meaning: NameMeaning } | undefined {
    for (const networkId of networkIds) {
      const meaning = this.#byNetwork.get(networkId)?.get(normal(name));
      if (meaning !== undefined) return { networkId, meaning };
    }
    return undefined;
  }

  /** The networks that have the name, whoever asks. */
  networksWith(name: string): readonly string[] {
    return [...this.#byNetwork].flatMap(([networkId, names]) =>
      names.has(normal(name)) ? [networkId] : [],
    );
  }

  answer(question: DnsQuestion): DnsAnswer {
    if (question.type === 'PTR') return this.#reverse(question);
    const networkIds = this.networksOf(question);
    const found = this.find(question.name, networkIds);
    if (found === undefined) return this.#notOurs(question, networkIds);
    if (question.type !== 'A') return { kind: 'records', records: [] };
    const records = addressesOf(found.meaning, found.networkId).map(
      (address): DnsRecord => ({ type: 'A', name: question.name, address }),
    );
    return { kind: 'records', records };
  }

  #notOurs(question: DnsQuestion, networkIds: readonly string[]): DnsAnswer {
    const hasWayOut = networkIds.some((id) => this.#view.networks.get(id)?.internal === false);
    // A single label is the name of a service; the world outside has nothing to say about it.
    const isSingleLabel = !normal(question.name).includes('.');
    return hasWayOut && !isSingleLabel ? { kind: 'forward' } : { kind: 'no-such-name' };
  }

  #reverse(question: DnsQuestion): DnsAnswer {
    const name = normal(question.name);
    if (!name.endsWith(reverseSuffix)) return { kind: 'forward' };
    const address = name.slice(0, -reverseSuffix.length).split('.').toReversed().join('.');
    for (const networkId of this.networksOf(question)) {
      const task = this.taskAt(networkId, address);
      const network = this.#view.networks.get(networkId);
      if (task !== undefined && network !== undefined) {
        const target = `${task.name}.${network.name}`;
        return { kind: 'records', records: [{ type: 'PTR', name: question.name, target }] };
      }
    }
    return { kind: 'forward' };
  }
}

/** A service's own name is never taken by another's alias. */
function addName(names: Map<string, NameMeaning>, name: string, meaning: NameMeaning): void {
  const key = normal(name);
  const taken = names.get(key);
  if (taken === undefined || normal(meaning.service.name) === key) names.set(key, meaning);
}

/** The addresses that a name answers with: those of ready tasks, in random order by the caller. */
export function addressesOf(meaning: NameMeaning, networkId: string): readonly string[] {
  if (meaning.kind === 'virtual-address') return [meaning.address];
  return meaning.tasks
    .filter((task) => task.ready)
    .flatMap((task) => task.addresses.filter((one) => one.networkId === networkId))
    .map((one) => withoutPrefix(one.address));
}

function normal(name: string): string {
  return name.toLowerCase().replace(/\.$/, '');
}

function withoutPrefix(address: string): string {
  return address.split('/')[0] ?? address;
}

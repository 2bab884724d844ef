import type {
  DnsAnswer,
  DnsAsker,
  DnsQuestion,
  DnsRecord,
  NameSource,
} from '../host/network-devices.ts';
import type { DiscoveryView } from '../host/node-network.ts';
import { withoutPrefix } from '../lib/ipv4.ts';
import { FollowedMap } from '../lib/followed-map.ts';
import { parseIpv6Reverse } from '../lib/ipv6.ts';
import type { CatalogService, CatalogTask, NetworkAssignment } from '../model/assignment.ts';
import { ipv4AddressOf, ipv6AddressOf } from '../model/ipv6.ts';
import { type ServiceGroup, ServiceGroups } from './service-groups.ts';
import { parsePortName, type PortName, targetPortOf } from './service-ports.ts';

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

/** What one service has in the tables of names. */
interface NamesOfService {
  readonly names: readonly {
    readonly networkId: string;
    readonly name: string;
    readonly meaning: NameMeaning;
  }[];
  /** `network/address` of each task. */
  readonly addresses: readonly { readonly at: string; readonly task: CatalogTask }[];
  /** `network/address` of the service itself. */
  readonly virtualAddresses: readonly string[];
  readonly service: CatalogService | undefined;
}

/**
 * Every name of a node's networks. A name answers only with tasks that are ready, and only to those
 * who share the network.
 */
export class Names implements NameSource {
  readonly #services = new FollowedMap<ServiceGroup, NamesOfService>();
  readonly #byNetwork = new Map<string, Map<string, readonly NameMeaning[]>>();
  /** By `network/address`; two only while one of them goes. */
  readonly #byAddress = new Map<string, readonly CatalogTask[]>();
  readonly #byVirtualAddress = new Map<string, CatalogService>();
  #view: DiscoveryView;
  readonly #groups: ServiceGroups;
  /** The tables do not show the view yet. */
  #isBehind = false;
  #revision = 0;

  /** @param groups Of the same views, for whoever else needs them. */
  constructor(view: DiscoveryView, groups = new ServiceGroups()) {
    this.#groups = groups;
    this.#view = view;
    this.show(view);
  }

  /**
   * Answers as this view says from now on. Costs what differs from the view before, with the first
   * question or with `catchUp`.
   */
  show(view: DiscoveryView): void {
    this.#view = view;
    this.#revision += 1;
    this.#isBehind = true;
  }

  /** Does now what the next question would wait for. */
  catchUp(): void {
    if (!this.#isBehind) return;
    this.#isBehind = false;
    const ingress = new Set(
      [...this.#view.networks.values()].flatMap((one) => (one.ingress ? [one.networkId] : [])),
    );
    const isIngress = (networkId: string): boolean => ingress.has(networkId);
    const { come, gone } = this.#services.follow(this.#groups.of(this.#view), {
      context: [[...ingress].join()],
      inputsOf: ({ service }) =>
        service?.networks.map(({ networkId }) => isIngress(networkId)) ?? [],
      compute: (group) => namesOfService(group, isIngress),
    });
    for (const one of gone) this.#forget(one);
    for (const one of come) this.#learn(one);
  }

  #learn({ names, addresses, virtualAddresses, service }: NamesOfService): void {
    for (const { networkId, name, meaning } of names) {
      let all = this.#byNetwork.get(networkId);
      if (all === undefined) {
        all = new Map();
        this.#byNetwork.set(networkId, all);
      }
      add(all, { key: name, item: meaning });
    }
    for (const { at, task } of addresses) add(this.#byAddress, { key: at, item: task });
    if (service === undefined) return;
    for (const at of virtualAddresses) this.#byVirtualAddress.set(at, service);
  }

  #forget({ names, addresses, virtualAddresses, service }: NamesOfService): void {
    for (const { networkId, name, meaning } of names) {
      const all = this.#byNetwork.get(networkId);
      if (all === undefined) continue;
      remove(all, { key: name, item: meaning });
      if (all.size === 0) this.#byNetwork.delete(networkId);
    }
    for (const { at, task } of addresses) remove(this.#byAddress, { key: at, item: task });
    for (const at of virtualAddresses) {
      if (this.#byVirtualAddress.get(at) === service) this.#byVirtualAddress.delete(at);
    }
  }

  /** The task that has this address, if it is one of ours. */
  taskAt(networkId: string, address: string): CatalogTask | undefined {
    this.catchUp();
    return this.#byAddress.get(`${networkId}/${address}`)?.at(-1);
  }

  get revision(): number {
    return this.#revision;
  }

  sightOf(asker: DnsAsker): string {
    return this.networksOf(asker).join(' ');
  }

  /** The networks whose names somebody sees: all that the task is on. */
  networksOf(asker: DnsAsker): readonly string[] {
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
      const found = this.#findOn(networkId, key);
      if (found !== undefined) return found;
    }
    for (const networkId of networkIds) {
      const suffix = `.${normal(this.#view.networks.get(networkId)?.name ?? '')}`;
      if (!key.endsWith(suffix)) continue;
      const found = this.#findOn(networkId, key.slice(0, -suffix.length));
      if (found !== undefined) return found;
    }
    return undefined;
  }

  /** A service's own name is never taken by another's alias; services that share one share it. */
  #findOn(networkId: string, key: string): FoundName | undefined {
    this.catchUp();
    const all = this.#byNetwork.get(networkId)?.get(key);
    if (all === undefined) return undefined;
    const owners = all.filter(({ service }) => isOwnName(service, key));
    return { networkId, meanings: owners.length > 0 ? owners : all };
  }

  /** The networks that have the name, whoever asks. */
  networksWith(name: string): readonly string[] {
    this.catchUp();
    return [...this.#byNetwork.keys()].filter(
      (networkId) => this.find(name, [networkId]) !== undefined,
    );
  }

  /** Names that services have on these networks, aliases too, in order. */
  serviceNames(networkIds: readonly string[]): readonly string[] {
    this.catchUp();
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
    if (found === undefined) return this.#portOf(question, networkIds);
    const { name, type } = question;
    if (type !== 'A' && type !== 'AAAA') return { kind: 'records', records: [] };
    const network = this.#view.networks.get(found.networkId);
    const addresses = type === 'A' ? addressesOf(found) : ipv6AddressesOf(found, network);
    const records = addresses.map((address): DnsRecord => ({ type, name, address }));
    return { kind: 'records', records };
  }

  /** What is no name by itself may be that of a port. */
  #portOf(question: DnsQuestion, networkIds: readonly string[]): DnsAnswer {
    const portName = parsePortName(normal(question.name));
    if (portName === undefined) return this.#notOurs(question, networkIds);
    const found = this.find(portName.owner, networkIds);
    if (found === undefined)
      return this.#notOurs({ ...question, name: portName.owner }, networkIds);
    const answer = this.#portRecords(question, { found, portName });
    return answer.kind === 'records' && question.type !== 'SRV'
      ? { kind: 'records', records: [] }
      : answer;
  }

  #portRecords(
    { name }: DnsQuestion,
    of: { readonly found: FoundName; readonly portName: PortName },
  ): DnsAnswer {
    const { networkId, meanings } = of.found;
    const network = this.#view.networks.get(networkId)?.name ?? '';
    const records: DnsRecord[] = [];
    const additionals: DnsRecord[] = [];
    let isDeclared = false;
    for (const meaning of meanings) {
      const port = targetPortOf(meaning.service, of.portName);
      if (port === undefined) continue;
      isDeclared = true;
      for (const { owner, address } of hostsOf(networkId, meaning)) {
        const target = `${owner}.${network}`;
        records.push({ type: 'SRV', name, target, port });
        additionals.push({ type: 'A', name: target, address });
      }
    }
    return isDeclared ? { kind: 'records', records, additionals } : { kind: 'no-such-name' };
  }

  #notOurs(question: DnsQuestion, networkIds: readonly string[]): DnsAnswer {
    // A single label is the name of a service; the world outside has nothing to say about it.
    const name = normal(question.name);
    const isSingleLabel = name !== '' && !name.includes('.');
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
    const ipv6 = parseIpv6Reverse(name);
    const ipv4 = name.endsWith(reverseSuffix)
      ? name.slice(0, -reverseSuffix.length).split('.').toReversed().join('.')
      : '';
    for (const networkId of networkIds) {
      const network = this.#view.networks.get(networkId);
      const address = ipv6 === undefined ? ipv4 : network && ipv4AddressOf(network, ipv6);
      const task = this.taskAt(networkId, address ?? '');
      // Virtual addresses are of IPv4.
      const service = this.#byVirtualAddress.get(`${networkId}/${ipv4}`);
      const owner = task?.name ?? service?.name;
      if (owner !== undefined && network !== undefined) {
        const target = `${owner}.${network.name}`;
        return { kind: 'records', records: [{ type: 'PTR', name: question.name, target }] };
      }
    }
    return this.#hasWayOut(networkIds) ? this.#forward(question) : { kind: 'no-such-name' };
  }
}

function namesOfService(
  { service, tasks }: ServiceGroup,
  isIngress: (networkId: string) => boolean,
): NamesOfService {
  const addresses = tasks.flatMap((task) =>
    task.addresses.map(({ networkId, address }) => ({
      at: `${networkId}/${withoutPrefix(address)}`,
      task,
    })),
  );
  if (service === undefined) return { names: [], addresses, virtualAddresses: [], service };
  const names = service.networks.flatMap(({ networkId, aliases, virtualAddress }) => {
    // Who shares the ingress network only, shares nothing.
    if (isIngress(networkId)) return [];
    const here = tasks.filter((task) => task.addresses.some((one) => one.networkId === networkId));
    const all: NameMeaning = { kind: 'tasks', service, tasks: here };
    const meaning: NameMeaning =
      virtualAddress === undefined
        ? all
        : { kind: 'virtual-address', service, address: virtualAddress };
    if (service.isContainer === true) {
      const ofContainer = new Set([service.name, ...aliases].map(normal));
      return [...ofContainer].map((name) => ({ networkId, name, meaning: all }));
    }
    const inStack = namesInStack(service.name, aliases);
    const own = new Set([service.name, ...aliases, ...inStack].map(normal));
    const ofService = [...own].flatMap((name) => [
      { networkId, name, meaning },
      { networkId, name: `${tasksPrefix}${name}`, meaning: all },
    ]);
    const ofTasks = here.flatMap((task) => {
      const one: NameMeaning = { kind: 'tasks', service, tasks: [task] };
      return [...new Set([task.name, task.taskId, task.hostname ?? ''].map(normal))]
        .filter((name) => name !== '')
        .map((name) => ({ networkId, name, meaning: one }));
    });
    return [...ofService, ...ofTasks];
  });
  const virtualAddresses = service.networks.flatMap(({ networkId, virtualAddress }) =>
    virtualAddress === undefined || isIngress(networkId) ? [] : `${networkId}/${virtualAddress}`,
  );
  return { names, addresses, virtualAddresses, service };
}

/** `shop_web`, which its stack calls `web`, is `web.shop`, too. */
function namesInStack(name: string, aliases: readonly string[]): readonly string[] {
  return aliases
    .filter((alias) => name.endsWith(`_${alias}`))
    .map((alias) => `${alias}.${name.slice(0, -alias.length - 1)}`);
}

function add<Item>(
  map: Map<string, readonly Item[]>,
  { key, item }: { readonly key: string; readonly item: Item },
): void {
  const all = map.get(key);
  map.set(key, all === undefined ? [item] : [...all, item]);
}

function remove<Item>(
  map: Map<string, readonly Item[]>,
  { key, item }: { readonly key: string; readonly item: Item },
): void {
  const all = map.get(key) ?? [];
  const index = all.indexOf(item);
  const others = all.toSpliced(index, index < 0 ? 0 : 1);
  if (others.length === 0) map.delete(key);
  else map.set(key, others);
}

/** A name of a service is nobody else's; that of a container is no more than an alias. */
function isOwnName(service: CatalogService, key: string): boolean {
  if (service.isContainer === true) return false;
  const own = normal(service.name);
  return own === key || `${tasksPrefix}${own}` === key;
}

/** The addresses that a name answers with: virtual ones, and those of ready tasks. */
export function addressesOf({ networkId, meanings }: FoundName): readonly string[] {
  return meanings.flatMap((meaning) => hostsOf(networkId, meaning).map(({ address }) => address));
}

/** Those of IPv6: of ready tasks alone, for virtual ones are of IPv4. */
export function ipv6AddressesOf(
  { networkId, meanings }: FoundName,
  network: NetworkAssignment | undefined,
): readonly string[] {
  if (network?.ipv6 === undefined) return [];
  return meanings
    .filter(({ kind }) => kind === 'tasks')
    .flatMap((meaning) => hostsOf(networkId, meaning))
    .flatMap(({ address }) => ipv6AddressOf(network, address) ?? []);
}

/** Who has them: the service itself, or its ready tasks. */
function hostsOf(
  networkId: string,
  meaning: NameMeaning,
): readonly { readonly owner: string; readonly address: string }[] {
  if (meaning.kind === 'virtual-address') {
    return [{ owner: meaning.service.name, address: meaning.address }];
  }
  return meaning.tasks
    .filter((task) => task.ready)
    .flatMap((task) =>
      task.addresses
        .filter((one) => one.networkId === networkId)
        .map((one) => ({ owner: task.name, address: withoutPrefix(one.address) })),
    );
}

function normal(name: string): string {
  const lower = name.toLowerCase();
  return lower.endsWith('.') ? lower.slice(0, -1) : lower;
}

import { explainName } from '../catalog/explain-name.ts';
import { Names } from '../catalog/names.ts';
import { type ServiceGroup, ServiceGroups } from '../catalog/service-groups.ts';
import type { Clock } from '../host/clock.ts';
import type { Logger } from '../host/logger.ts';
import type {
  DnsListeners,
  NameSource,
  NetworkDevices,
  PortForward,
  PortListeners,
} from '../host/network-devices.ts';
import type { NetworkDuties } from '../host/caretaker.ts';
import type { DiscoveryView, NodeNetwork } from '../host/node-network.ts';
import type { NetworkProbes } from '../host/network-probes.ts';
import { TuttiError } from '../lib/error.ts';
import { sameJson } from '../lib/json.ts';
import type { NetworkAssignment } from '../model/assignment.ts';
import type { PortProblem } from '../model/port-problem.ts';
import type { Explanation } from '../model/report.ts';
import type { ContainerSpec } from '../model/template.ts';
import { withoutPrefix } from '../lib/ipv4.ts';
import { BackEnds, type LeftBackEnds } from '../overlay/back-ends.ts';
import { explainPort, parseAskedPort } from '../overlay/explain-port.ts';
import { followServices, nodeRules, NodeRulesMemo } from '../overlay/node-rules.ts';
import {
  portForwards,
  PortForwardsMemo,
  type RefusedPort,
  type WantedPort,
} from '../overlay/port-forwards.ts';
import type { Mesh } from '../overlay/mesh.ts';
import { BackingNetworks, type BackingNetworksOptions } from './backing-networks.ts';
import { examineNetwork, ownOrder } from './network-examination.ts';
import { keepLooking } from './keep-looking.ts';
import { JoinedNetworks, type JoinedNetworksOptions } from './joined-networks.ts';
import { restoreBridges } from './lost-bridges.ts';
import { PacketFilters } from './packet-filters.ts';
import { Repairs } from './repairs.ts';
import { UnwantedNetworks } from './unwanted-networks.ts';
import { resolvConf } from './resolv-conf.ts';
import { plainView, readyHere } from './discovery-views.ts';

/** The rules of a daemon before this one stay so long while the networks are taken up. */
const takeUpLimitMs = 5_000;
/** A container engine that does not answer is not waited for any longer. */
const engineLimitMs = 2_000;

export interface LinuxNodeNetworkOptions extends BackingNetworksOptions, JoinedNetworksOptions {
  readonly devices: NetworkDevices;
  readonly probes: NetworkProbes;
  readonly ports: PortListeners;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Names, virtual addresses and published ports work as the first view says. */
  onShown?(): void;
  /** Other ports than before are not served. */
  onPortProblems(problems: readonly PortProblem[]): void;
  /** The machine's own search domains. */
  searchDomains(): readonly string[];
  /** Makes the DNS listeners that answer from here. */
  listeners(names: NameSource): DnsListeners;
}

const emptyView: DiscoveryView = {
  networks: new Map(),
  services: new Map(),
  tasks: new Map(),
  nodes: new Map(),
  nodeId: '',
  own: new Map(),
  publications: [],
};

/**
 * Networks of a Linux node: bridges of the container engine, one table of nftables, DNS on each
 * gateway.
 */
export class LinuxNodeNetwork implements NodeNetwork {
  readonly #options: LinuxNodeNetworkOptions;
  readonly #dns: DnsListeners;
  readonly #networks: BackingNetworks;
  readonly #filter: PacketFilters;
  readonly #joints: JoinedNetworks;
  /** Of the networks that are made: where their queries are answered. */
  readonly #dnsPorts = new Map<string, number>();
  /** Where names are answered on another port than before, while queries may be led to that. */
  readonly #movedGateways = new Set<string>();
  #view = emptyView;
  readonly #groups = new ServiceGroups();
  readonly #names = new Names(emptyView, this.#groups);
  readonly #rulesMemo = new NodeRulesMemo();
  readonly #portsMemo = new PortForwardsMemo();
  #wanted: readonly WantedPort[] = [];
  #refused: readonly RefusedPort[] = [];
  #problems: readonly PortProblem[] = [];
  #backEnds = new BackEnds();
  /** Ids of the tasks of this node that connections may be led to. */
  #readyHere: ReadonlySet<string> = new Set();
  readonly #unwanted: UnwantedNetworks;
  /** Networks that were made and do not have their rules yet. */
  readonly #showing = new Map<string, Promise<void>>();
  #isRechecking = false;
  #recheckingNetworks: Promise<void> | undefined;
  readonly #repairs: Repairs;
  /** Networks that are being made, or taken up. */
  readonly #ensuring = new Set<Promise<void>>();
  /** From the first view on: before it no name has a meaning. */
  readonly #known = Promise.withResolvers<void>();
  #isShown = false;
  #forwards: readonly PortForward[] = [];
  #applying: Promise<void> = Promise.resolve();

  constructor(options: LinuxNodeNetworkOptions) {
    this.#options = options;
    this.#networks = new BackingNetworks(options);
    this.#repairs = new Repairs(options.clock);
    const remove = (networkId: string) => this.#removeNetwork(networkId);
    this.#unwanted = new UnwantedNetworks({ ...options, remove });
    this.#filter = new PacketFilters(options);
    this.#joints = new JoinedNetworks(options);
    this.#dns = options.listeners(this.#names);
  }

  /** How often the kernel was found to have other rules than ours, or other ways to other nodes. */
  get driftCount(): number {
    return this.#filter.driftCount + this.#joints.driftCount;
  }

  /** Whether other nodes may lead callers of published ports to tasks of this one. */
  get takesCallers(): boolean {
    return this.#joints.takesCallers;
  }

  async ensure(network: NetworkAssignment, signal: AbortSignal): Promise<string> {
    if (network.predefined) return network.name;
    this.#unwanted.want(network.networkId);
    const ensuring = this.#ensure(network, signal);
    const over = ensuring.then(
      () => void this.#ensuring.delete(over),
      () => void this.#ensuring.delete(over),
    );
    this.#ensuring.add(over);
    return await ensuring;
  }

  async #ensure(network: NetworkAssignment, signal: AbortSignal): Promise<string> {
    const { networkId } = network;
    await this.#unwanted.settled(networkId);
    const name = await this.#networks.ensure(network, signal);
    await this.#known.promise;
    if (!this.#dnsPorts.has(networkId)) {
      const gateway = withoutPrefix(network.gateway);
      const { port, isInherited } = await this.#dns.open(networkId, gateway);
      this.#dnsPorts.set(networkId, port);
      if (!isInherited) this.#movedGateways.add(gateway);
      this.#show(networkId);
    }
    return name;
  }

  /** What is answered here now; undefined: nothing. */
  duties(): NetworkDuties | undefined {
    const names = [...this.#dnsPorts].flatMap(([networkId, port]) => {
      const gateway = this.#view.networks.get(networkId)?.gateway;
      return gateway === undefined ? [] : { networkId, port, address: withoutPrefix(gateway) };
    });
    if (names.length === 0 && this.#forwards.length === 0) return undefined;
    return { names, view: plainView(this.#view), forwards: this.#forwards };
  }

  /** Containers may be made meanwhile; before one of them runs, `shown` is waited for. */
  #show(networkId: string): void {
    const showing = this.apply(this.#view);
    this.#showing.set(networkId, showing);
    const forget = (): void => {
      if (this.#showing.get(networkId) === showing) this.#showing.delete(networkId);
    };
    showing.then(forget, forget);
  }

  async shown(): Promise<void> {
    await Promise.all(this.#showing.values());
  }

  resolvConf(request: {
    readonly networks: readonly NetworkAssignment[];
    readonly dns: ContainerSpec['dns'];
  }): string | undefined {
    const first = request.networks.find((network) => !network.predefined);
    if (first === undefined) return undefined;
    return resolvConf({
      gateway: withoutPrefix(first.gateway),
      dns: request.dns,
      searchDomains: this.#options.searchDomains(),
    });
  }

  apply(view: DiscoveryView): Promise<void> {
    this.#unwanted.compare(this.#view.networks.keys(), view.networks.keys());
    this.#showNames(view);
    this.#known.resolve();
    return this.#enqueue(async () => {
      await this.#untilTakenUp();
      await this.#bringUpToDate();
      if (!this.#isShown) this.#options.onShown?.();
      this.#isShown = true;
    });
  }

  /**
   * What a daemon before this one loaded leads everybody where the first view does; rules without
   * the networks that are not taken up yet would not.
   */
  async #untilTakenUp(): Promise<void> {
    if (this.#isShown || this.#ensuring.size === 0) return;
    const timer = new AbortController();
    const late = this.#options.clock.sleep(takeUpLimitMs, timer.signal).catch(() => undefined);
    await Promise.race([Promise.all(this.#ensuring), late]);
    timer.abort();
  }

  #showNames(view: DiscoveryView): void {
    this.#view = view;
    this.#names.show(view);
  }

  /** One at a time: each compares with what the one before it loaded. */
  #enqueue(work: () => Promise<void>): Promise<void> {
    const next = this.#applying.then(work);
    this.#applying = next.catch(() => undefined);
    return next;
  }

  async #bringUpToDate(): Promise<void> {
    const { devices } = this.#options;
    const whole = this.#view;
    const existing = [...whole.networks].filter(([id]) => this.#dnsPorts.has(id));
    const isEmpty = existing.length === 0 && whole.publications.length === 0;
    if (isEmpty && !this.#filter.isLoaded) return;
    const view = { ...whole, networks: new Map(existing) };
    // Nobody is led to a task on another node before the way there is.
    const joined = await this.#joints.join(view, (spans) => {
      this.#soon(whole, () => {
        followServices({ view, groups: this.#groups.of(view), spans }, this.#rulesMemo);
        this.#filter.prepare(this.#rulesMemo.services.values);
      });
    });
    const groups = this.#groups.of(view);
    const forwards = await this.#holdPorts(view, { groups, mesh: joined.mesh });
    const shown = { view, groups, dnsPorts: this.#dnsPorts, forwards, ...joined };
    const rules = nodeRules(shown, this.#rulesMemo);
    await Promise.all([
      this.#filter.show(rules.ruleset, view.networks),
      ...[...rules.virtualAddresses].map(
        async ([bridge, addresses]) => await devices.setAddresses(bridge, addresses),
      ),
    ]);
    await Promise.all([
      this.#moveQueries(view),
      this.#moveFlows(this.#backEnds.change(rules.backEnds, view)),
      this.#allowHairpin(view, [...rules.virtualAddresses.keys()]),
    ]);
    this.#unwanted.remove();
    // The next question would wait for it; the kernel's programs, which need the processor, do not.
    this.#soon(whole, () => this.#names.catchUp());
  }

  /** In a turn of its own: what comes next most likely, unless there is something newer by then. */
  #soon(view: DiscoveryView, work: () => void): void {
    const { clock, logger } = this.#options;
    const working = clock.turn().then(() => {
      if (view === this.#view) work();
    });
    working.catch((error: unknown) => {
      logger.error('names and rules could not be prepared', {
        error: TuttiError.from(error).message,
      });
    });
  }

  /** A task that is led to itself gets its packets back by the port that they came from. */
  async #allowHairpin(view: DiscoveryView, bridges: readonly string[]): Promise<void> {
    const before = this.#readyHere;
    this.#readyHere = readyHere(view);
    const isAnyNew = this.#readyHere.difference(before).size > 0;
    if (isAnyNew || this.#isRechecking) await this.#options.devices.allowHairpin(bridges);
  }

  /** Returns the ports that this node holds now. */
  async #holdPorts(
    view: DiscoveryView,
    by: { readonly groups: ReadonlyMap<string, ServiceGroup>; readonly mesh: Mesh | undefined },
  ): Promise<readonly PortForward[]> {
    const { wanted, refused } = portForwards(view, { ...by, memo: this.#portsMemo });
    const forwards = wanted.map(({ forward }) => forward);
    const taken = await this.#options.ports.apply(forwards);
    const messages = new Map(taken.map(({ forward, message }) => [forward, message]));
    const refusedNow = wanted.flatMap((port) => {
      const message = messages.get(port.forward);
      return message === undefined ? [] : [{ port, message }];
    });
    this.#wanted = wanted;
    this.#refused = [...refused, ...refusedNow];
    this.#showProblems();
    this.#forwards = forwards.filter((forward) => !messages.has(forward));
    return this.#forwards;
  }

  /** Nobody is led to a back end that is gone, not even who sent to it a moment ago. */
  async #moveFlows({ left, ended }: LeftBackEnds): Promise<void> {
    try {
      if (left.length > 0) await this.#options.devices.forgetDatagrams(left);
      if (ended.length > 0) await this.#options.devices.forgetUnanswered(ended);
    } catch (error) {
      this.#options.logger.warn('flows to stopped tasks go on until their time-out', {
        error: TuttiError.from(error).message,
      });
    }
  }

  /** Resolvers use ports again: queries would be led to a port that nobody has now. */
  async #moveQueries({ networks }: DiscoveryView): Promise<void> {
    const shown = [...networks.values()].map(({ gateway }) => withoutPrefix(gateway));
    const moved = shown.filter((gateway) => this.#movedGateways.delete(gateway));
    try {
      if (moved.length > 0) await this.#options.devices.forgetQueries(moved);
    } catch (error) {
      this.#options.logger.warn('some queries for names are refused for half a minute', {
        error: TuttiError.from(error).message,
      });
    }
  }

  /** Returns whether it went. Names were answered there until it did. */
  async #removeNetwork(networkId: string): Promise<boolean> {
    if (!(await this.#networks.remove(networkId, new AbortController().signal))) return false;
    this.#dnsPorts.delete(networkId);
    await this.#dns.close(networkId);
    return true;
  }

  async removeStrangers(signal: AbortSignal): Promise<void> {
    await this.#networks.sweep((networkId) => this.#view.networks.has(networkId), signal);
    await this.#networks.sweepBridges(signal);
  }

  choosePort(protocol: PortForward['protocol']): Promise<number> {
    return this.#options.ports.choose(protocol);
  }

  refusedPort(taskId: string): string | undefined {
    return this.#refused.find(({ port }) => port.publication?.taskId === taskId)?.message;
  }

  /** A task that does not get its port when it is to start says so itself. */
  #showProblems(): void {
    const problems = this.#refused
      .filter(({ port }) => port.publication?.ready !== false)
      .map(({ port: { serviceId, forward }, message }) => ({
        serviceId,
        protocol: forward.protocol,
        publishedPort: forward.port,
        message,
      }));
    if (sameJson(problems, this.#problems)) return;
    this.#problems = problems;
    this.#options.onPortProblems(problems);
    for (const { message } of problems) this.#options.logger.error(message);
  }

  portProblems(): readonly PortProblem[] {
    return this.#problems;
  }

  explain(name: string, fromTaskId: string | undefined): Explanation {
    return explainName(this.#view, { name, fromTaskId });
  }

  explainPort(port: string): Explanation {
    const [wanted, refused] = [this.#wanted, this.#refused];
    return explainPort(parseAskedPort(port), { view: this.#view, wanted, refused });
  }

  /** Who asks while the engine is asked gets the next answer. */
  async recheckNetworks(): Promise<void> {
    await this.#recheckingNetworks?.catch(() => undefined);
    this.#recheckingNetworks ??= this.#recheckNetworks().finally(() => {
      this.#recheckingNetworks = undefined;
    });
    await this.#recheckingNetworks;
  }

  async #recheckNetworks(): Promise<void> {
    const { logger } = this.#options;
    const signal = new AbortController().signal;
    const lost = await this.#networks.forgetLost(signal);
    for (const { networkId } of lost) this.#dnsPorts.delete(networkId);
    for (const network of lost) {
      logger.warn('somebody removed a network of the cluster', { network: network.name });
      this.#repaired([`the network ${network.name} was gone from the container engine`]);
      if (this.#view.networks.has(network.networkId)) await this.ensure(network, signal);
    }
  }

  async recheck(): Promise<void> {
    await this.#look({ isBrief: false });
    await this.#networks.sweepBridges(new AbortController().signal);
  }

  async #look(how: { readonly isBrief: boolean }): Promise<void> {
    await this.#recheckNetworksSoon();
    await this.#enqueue(async () => {
      this.#options.devices.forgetAddresses();
      const networks = () =>
        this.#networks.made.filter(({ networkId }) => this.#view.networks.has(networkId));
      this.#repaired(await restoreBridges({ ...this.#options, networks }));
      this.#repaired(await this.#filter.recheck(how));
      this.#repaired(inOneLine(await this.#joints.recheck(how)));
      this.#isRechecking = true;
      await this.#bringUpToDate().finally(() => {
        this.#isRechecking = false;
      });
    });
  }

  /** The kernel is looked at also while the container engine is frozen. */
  async #recheckNetworksSoon(): Promise<void> {
    const { clock, logger } = this.#options;
    const timer = new AbortController();
    const late = clock.sleep(engineLimitMs, timer.signal).catch(() => undefined);
    const asked = this.recheckNetworks().catch((error: unknown) =>
      logger.error('the networks of the container engine could not be checked', {
        error: TuttiError.from(error).message,
      }),
    );
    await Promise.race([asked, late]);
    timer.abort();
  }

  #repaired(differences: readonly string[]): void {
    this.#repairs.note(differences);
  }

  async examine(ask: Parameters<NodeNetwork['examine']>[0]): Promise<void> {
    const view = this.#view;
    const network = {
      ...this.#options,
      clusterId: this.#options.clusterId(),
      view,
      linkMtu: await this.#options.linkMtu(),
      kernel: async () => await this.#repairs.look(async () => await this.recheck()),
    };
    await examineNetwork(network, { ...ask, order: ask.order ?? ownOrder(view) });
  }

  /** Looks at the kernel whenever somebody else changed it, and again and again, and repairs. */
  async watch(signal: AbortSignal): Promise<void> {
    await keepLooking({
      ...this.#options,
      signal,
      look: async (how) => await this.#look(how),
      onChange: (what) => {
        if (this.#filter.isLoaded) this.#options.logger.debug('the kernel changed', { what });
      },
    });
  }

  async removeAll(signal: AbortSignal): Promise<void> {
    await this.#unwanted.clear();
    await this.#enqueue(async () => {
      await this.#options.ports.apply([]);
      this.#forwards = [];
      for (const networkId of this.#dnsPorts.keys()) await this.#dns.close(networkId);
      this.#dnsPorts.clear();
      await this.#joints.remove();
      await this.#networks.removeAll(signal);
      await this.#filter.remove();
      this.#showNames(emptyView);
      this.#backEnds = new BackEnds();
      this.#readyHere = new Set();
      this.#wanted = [];
      this.#refused = [];
      this.#showProblems();
    });
  }
}

/** Entries about other nodes come and go together. */
function inOneLine(differences: readonly string[]): readonly string[] {
  const [first, ...more] = differences;
  if (first === undefined) return [];
  const others = more.length === 0 ? '' : ` and ${more.length} more`;
  return [`what leads to other nodes was not what it should be: ${first}${others}`];
}

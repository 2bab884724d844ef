import { explainName } from '../catalog/explain-name.ts';
import { Names } from '../catalog/names.ts';
import type { Clock } from '../host/clock.ts';
import type { Logger } from '../host/logger.ts';
import type {
  DnsAnswer,
  DnsListeners,
  DnsQuestion,
  NetworkDevices,
  PortForward,
  PortListeners,
} from '../host/network-devices.ts';
import type { DiscoveryView, NodeNetwork } from '../host/node-network.ts';
import type { SpanDevices } from '../host/span-devices.ts';
import { TuttiError } from '../lib/error.ts';
import { sameJson } from '../lib/json.ts';
import type { NetworkAssignment } from '../model/assignment.ts';
import type { PortProblem } from '../model/port-problem.ts';
import type { Explanation } from '../model/report.ts';
import type { ContainerSpec } from '../model/template.ts';
import { withoutPrefix } from '../overlay/back-ends.ts';
import { bridgeName } from '../overlay/bridge-name.ts';
import { nodeRules } from '../overlay/node-rules.ts';
import { portForwards, type RefusedPort } from '../overlay/port-forwards.ts';
import { type Span, spansOf } from '../overlay/spans.ts';
import { BackingNetworks, type BackingNetworksOptions } from './backing-networks.ts';
import { PacketFilter } from './packet-filter.ts';
import { resolvConf } from './resolv-conf.ts';
import { Spans } from './spans.ts';
import { clusterLabel } from './task-labels.ts';

/** Whatever events say, the kernel is looked at this often. */
const recheckMs = 30_000;
/** Between two looks: who keeps changing our rules shall not keep us busy. */
const restMs = 1_000;

export interface LinuxNodeNetworkOptions extends BackingNetworksOptions {
  readonly devices: NetworkDevices;
  readonly spanDevices: SpanDevices;
  readonly ports: PortListeners;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Other ports than before are not served. */
  onPortProblems(problems: readonly PortProblem[]): void;
  /** The machine's own search domains. */
  searchDomains(): readonly string[];
  /** Makes the DNS listeners that ask this function. */
  listeners(answer: (question: DnsQuestion) => DnsAnswer): DnsListeners;
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
  readonly #filter: PacketFilter;
  readonly #spans: Spans;
  /** Of the networks that are made: where their queries are answered. */
  readonly #dnsPorts = new Map<string, number>();
  #view = emptyView;
  #names = new Names(emptyView);
  #refused: readonly RefusedPort[] = [];
  #problems: readonly PortProblem[] = [];
  #backEnds: ReadonlySet<string> = new Set();
  /** Networks that a view had and a later one has not, while they are still made. */
  readonly #unwanted = new Set<string>();
  #isRechecking = false;
  #applying: Promise<void> = Promise.resolve();

  constructor(options: LinuxNodeNetworkOptions) {
    this.#options = options;
    this.#networks = new BackingNetworks(options);
    this.#filter = new PacketFilter(options);
    this.#spans = new Spans({ devices: options.spanDevices, logger: options.logger });
    this.#dns = options.listeners((question) => this.#names.answer(question));
  }

  /** How often the kernel was found to have other rules than ours, or other ways to other nodes. */
  get driftCount(): number {
    return this.#filter.driftCount + this.#spans.driftCount;
  }

  async ensure(network: NetworkAssignment, signal: AbortSignal): Promise<string> {
    if (network.predefined) return network.name;
    const { networkId } = network;
    this.#unwanted.delete(networkId);
    const name = await this.#networks.ensure(network, signal);
    if (!this.#dnsPorts.has(networkId)) {
      const port = await this.#dns.open(networkId, withoutPrefix(network.gateway));
      this.#dnsPorts.set(networkId, port);
      await this.apply(this.#view);
    }
    return name;
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
    for (const networkId of this.#view.networks.keys()) this.#unwanted.add(networkId);
    for (const networkId of view.networks.keys()) this.#unwanted.delete(networkId);
    this.#view = view;
    this.#names = new Names(view);
    return this.#enqueue(() => this.#bringUpToDate());
  }

  /** One at a time: each compares with what the one before it loaded. */
  #enqueue(work: () => Promise<void>): Promise<void> {
    const next = this.#applying.then(work);
    this.#applying = next.catch(() => undefined);
    return next;
  }

  async #bringUpToDate(): Promise<void> {
    const { devices } = this.#options;
    const existing = [...this.#view.networks].filter(([id]) => this.#dnsPorts.has(id));
    const isEmpty = existing.length === 0 && this.#view.publications.length === 0;
    if (isEmpty && !this.#filter.isLoaded) return;
    const view = { ...this.#view, networks: new Map(existing) };
    const forwards = await this.#holdPorts(view);
    const spans = await this.#spansOf(view);
    const rules = nodeRules({ view, dnsPorts: this.#dnsPorts, forwards, spans });
    // Nobody is led to a task on another node before the way there is.
    await this.#withoutOthers(() => this.#spans.show(spans));
    await Promise.all([
      this.#filter.show(rules.ruleset),
      ...[...rules.virtualAddresses].map(
        async ([bridge, addresses]) => await devices.setAddresses(bridge, addresses),
      ),
    ]);
    const isAnyNew = [...rules.backEnds].some((address) => !this.#backEnds.has(address));
    await this.#moveFlows(rules.backEnds);
    if (isAnyNew || this.#isRechecking) {
      await devices.allowHairpin([...rules.virtualAddresses.keys()]);
    }
    await this.#removeUnwanted();
  }

  /** A node alone does not even look at its links. */
  async #spansOf(view: DiscoveryView): Promise<readonly Span[]> {
    if (view.nodes.size < 2) return [];
    return spansOf({ ...view, linkMtu: await this.#options.linkMtu() });
  }

  /** Whoever cannot be reached on other nodes, those of this node go on. */
  async #withoutOthers(join: () => Promise<void>): Promise<void> {
    try {
      await join();
    } catch (error) {
      this.#options.logger.error('this node cannot be joined with others; trying again soon', {
        error: TuttiError.from(error).message,
      });
    }
  }

  /** Returns the ports that this node holds now. */
  async #holdPorts(view: DiscoveryView): Promise<readonly PortForward[]> {
    const { wanted, refused } = portForwards(view);
    const forwards = wanted.map(({ forward }) => forward);
    const taken = await this.#options.ports.apply(forwards);
    const messages = new Map(taken.map(({ forward, message }) => [forward, message]));
    const refusedNow = wanted.flatMap((port) => {
      const message = messages.get(port.forward);
      return message === undefined ? [] : [{ port, message }];
    });
    this.#refused = [...refused, ...refusedNow];
    this.#showProblems();
    return forwards.filter((forward) => !messages.has(forward));
  }

  /** Nobody is led to a back end that is gone, not even who sent to it a moment ago. */
  async #moveFlows(backEnds: ReadonlySet<string>): Promise<void> {
    const gone = [...this.#backEnds].filter((address) => !backEnds.has(address));
    this.#backEnds = backEnds;
    try {
      if (gone.length > 0) await this.#options.devices.forgetFlows(gone);
    } catch (error) {
      this.#options.logger.warn('UDP flows to stopped tasks go on until their time-out', {
        error: TuttiError.from(error).message,
      });
    }
  }

  async #removeUnwanted(): Promise<void> {
    const signal = new AbortController().signal;
    for (const networkId of this.#unwanted) {
      if (!(await this.#networks.remove(networkId, signal))) continue;
      this.#unwanted.delete(networkId);
      this.#dnsPorts.delete(networkId);
      await this.#dns.close(networkId);
    }
  }

  removeStrangers(signal: AbortSignal): Promise<void> {
    return this.#enqueue(async () => {
      await this.#networks.sweep((networkId) => this.#view.networks.has(networkId), signal);
    });
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

  async recheckNetworks(): Promise<void> {
    const { logger } = this.#options;
    const signal = new AbortController().signal;
    let lost: readonly NetworkAssignment[] = [];
    await this.#enqueue(async () => {
      lost = await this.#networks.forgetLost(signal);
      for (const { networkId } of lost) this.#dnsPorts.delete(networkId);
    });
    for (const network of lost) {
      logger.warn('somebody removed a network of the cluster', { network: network.name });
      if (this.#view.networks.has(network.networkId)) await this.ensure(network, signal);
    }
  }

  async recheck(): Promise<void> {
    await this.recheckNetworks();
    await this.#enqueue(async () => {
      this.#options.devices.forgetAddresses();
      await this.#restoreBridges();
      await this.#filter.recheck();
      await this.#withoutOthers(() => this.#spans.recheck());
      this.#isRechecking = true;
      await this.#bringUpToDate().finally(() => {
        this.#isRechecking = false;
      });
    });
  }

  async #restoreBridges(): Promise<void> {
    const { devices, runtime, logger } = this.#options;
    if (this.#networks.made.length === 0) return;
    const present = await devices.listBridges();
    const gone = this.#networks.made.filter((one) => !present.has(bridgeName(one.networkId)));
    if (gone.length === 0) return;
    const label = `${clusterLabel}=${this.#options.clusterId()}`;
    const containers = await runtime.listContainers(label, new AbortController().signal);
    const members = containers.flatMap(({ pid }) => (pid === undefined || pid === 0 ? [] : [pid]));
    for (const network of gone) {
      logger.warn('a bridge is gone; making it again', { network: network.name });
      const [, prefixLength = ''] = network.subnet.split('/');
      const address = `${withoutPrefix(network.gateway)}/${prefixLength}`;
      await devices.restoreBridge({ bridge: bridgeName(network.networkId), address, members });
    }
  }

  /** Looks at the kernel whenever somebody else changed it, and again and again, and repairs. */
  async watch(signal: AbortSignal): Promise<void> {
    const { clock, devices, logger } = this.#options;
    let changed = Promise.withResolvers<void>();
    const watching = devices.watch((what) => {
      if (this.#filter.isLoaded) logger.debug('the kernel changed', { what });
      changed.resolve();
    }, signal);
    while (!signal.aborted) {
      const timer = new AbortController();
      const period = clock
        .sleep(recheckMs, AbortSignal.any([signal, timer.signal]))
        .catch(() => undefined);
      await Promise.race([changed.promise, period]);
      timer.abort();
      if (signal.aborted) break;
      changed = Promise.withResolvers<void>();
      await this.recheck().catch((error: unknown) =>
        logger.error('the networks could not be checked', {
          error: TuttiError.from(error).message,
        }),
      );
      await clock.sleep(restMs, signal).catch(() => undefined);
    }
    await watching;
  }

  async removeAll(signal: AbortSignal): Promise<void> {
    await this.#enqueue(async () => {
      await this.#options.ports.apply([]);
      for (const networkId of this.#dnsPorts.keys()) await this.#dns.close(networkId);
      this.#dnsPorts.clear();
      await this.#spans.remove();
      await this.#networks.removeAll(signal);
      await this.#filter.remove();
      this.#view = emptyView;
      this.#names = new Names(emptyView);
      this.#unwanted.clear();
      this.#backEnds = new Set();
      this.#refused = [];
      this.#showProblems();
    });
  }
}

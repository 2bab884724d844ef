import { explainName } from '../catalog/explain-name.ts';
import { Names } from '../catalog/names.ts';
import type { Clock } from '../host/clock.ts';
import type { ContainerRuntime, CreateRuntimeNetwork } from '../host/container-runtime.ts';
import type { Logger } from '../host/logger.ts';
import type {
  DnsAnswer,
  DnsListeners,
  DnsQuestion,
  NetworkDevices,
  PortForward,
  PortListeners,
} from '../host/network-devices.ts';
import type { DiscoveryView, NodeNetwork, PortProblem } from '../host/node-network.ts';
import { TuttiError } from '../lib/error.ts';
import type { NetworkAssignment } from '../model/assignment.ts';
import type { Explanation } from '../model/report.ts';
import type { ContainerSpec } from '../model/template.ts';
import { bridgeName } from '../overlay/bridge-name.ts';
import { acceptMark, nodeRules, tableName, withoutPrefix } from '../overlay/node-rules.ts';
import { renderDifference, renderWhole, type Ruleset } from '../overlay/ruleset.ts';

const recheckMs = 30_000;
const mtuOption = 'com.docker.network.driver.mtu';
/** Marks the container engine's networks that are ours; its value is the network's id. */
const networkLabel = 'dev.tutti.network';

export interface LinuxNodeNetworkOptions {
  readonly runtime: ContainerRuntime;
  readonly devices: NetworkDevices;
  readonly ports: PortListeners;
  readonly clock: Clock;
  readonly logger: Logger;
  /** A small range at the top of a subnet, which tasks never get. */
  reservedRange(subnet: string): string;
  /** Makes the DNS listeners that ask this function. */
  listeners(answer: (question: DnsQuestion) => DnsAnswer): DnsListeners;
}

const emptyView: DiscoveryView = { networks: new Map(), services: new Map(), tasks: new Map() };

/**
 * Networks of a Linux node: bridges of the container engine, one table of nftables, DNS on each
 * gateway.
 */
export class LinuxNodeNetwork implements NodeNetwork {
  readonly #options: LinuxNodeNetworkOptions;
  readonly #dns: DnsListeners;
  readonly #made = new Map<string, Promise<string>>();
  readonly #dnsPorts = new Map<string, number>();
  #view = emptyView;
  #names = new Names(emptyView);
  #loaded: { readonly ruleset: Ruleset; readonly text: string | undefined } | undefined;
  #problems: readonly PortProblem[] = [];
  #driftCount = 0;
  #applying: Promise<void> = Promise.resolve();

  constructor(options: LinuxNodeNetworkOptions) {
    this.#options = options;
    this.#dns = options.listeners((question) => this.#names.answer(question));
  }

  /** How often the kernel's rules were found to be other than ours. */
  get driftCount(): number {
    return this.#driftCount;
  }

  ensure(network: NetworkAssignment, signal: AbortSignal): Promise<string> {
    if (network.predefined) return Promise.resolve(network.name);
    const known = this.#made.get(network.networkId);
    if (known !== undefined) return known;
    const making = this.#make(network, signal);
    this.#made.set(network.networkId, making);
    making.catch(() => this.#made.delete(network.networkId));
    return making;
  }

  async #make(network: NetworkAssignment, signal: AbortSignal): Promise<string> {
    const { runtime } = this.#options;
    const name = network.networkId;
    const existing = await runtime.listNetworks(`${networkLabel}=${network.networkId}`, signal);
    if (existing.length === 0) {
      const create = async (): Promise<unknown> =>
        await runtime.createNetwork(this.#networkRequest(network), signal);
      await create().catch(async (error: unknown) => {
        if (!(await this.#sweep(signal))) throw error;
        await create();
      });
    }
    const port = await this.#dns.open(network.networkId, withoutPrefix(network.gateway));
    this.#dnsPorts.set(network.networkId, port);
    await this.apply(this.#view);
    return name;
  }

  #networkRequest(network: NetworkAssignment): CreateRuntimeNetwork {
    const mtu = Number(network.driverOptions[mtuOption]);
    return {
      name: network.networkId,
      labels: { ...network.labels, [networkLabel]: network.networkId },
      subnet: network.subnet,
      gateway: withoutPrefix(network.gateway),
      reservedRange: this.#options.reservedRange(network.subnet),
      internal: network.internal,
      bridge: bridgeName(network.networkId),
      enableIpv6: false,
      ...(mtu > 0 && { mtu }),
    };
  }

  /**
   * Removes networks that an earlier daemon left and nothing wants: their subnets are in the way.
   * Returns whether any went.
   */
  async #sweep(signal: AbortSignal): Promise<boolean> {
    const { runtime, logger } = this.#options;
    let removed = false;
    for (const network of await runtime.listNetworks(networkLabel, signal)) {
      const networkId = network.labels[networkLabel] ?? '';
      if (this.#made.has(networkId) || this.#view.networks.has(networkId)) continue;
      try {
        await runtime.removeNetwork(network.name, signal);
        removed = true;
      } catch (error) {
        logger.debug('a left-over network is still in use', {
          networkId,
          error: TuttiError.from(error).message,
        });
      }
    }
    return removed;
  }

  resolvConf(request: {
    readonly networks: readonly NetworkAssignment[];
    readonly dns: ContainerSpec['dns'];
  }): string | undefined {
    const { networks, dns } = request;
    const first = networks.find((network) => !network.predefined);
    if (first === undefined) return undefined;
    const options = dns.options.length > 0 ? dns.options : ['ndots:0'];
    return [
      `nameserver ${withoutPrefix(first.gateway)}`,
      ...dns.nameservers.map((address) => `nameserver ${address}`),
      ...(dns.search.length > 0 ? [`search ${dns.search.join(' ')}`] : []),
      `options ${options.join(' ')}`,
      '',
    ].join('\n');
  }

  apply(view: DiscoveryView): Promise<void> {
    this.#view = view;
    this.#names = new Names(view);
    // One at a time: each compares with what the one before it loaded.
    const next = this.#applying.then(() => this.#bringUpToDate());
    this.#applying = next.catch(() => undefined);
    return next;
  }

  async #bringUpToDate(): Promise<void> {
    const view = this.#view;
    const existing = new Map(
      [...view.networks].filter(([networkId]) => this.#dnsPorts.has(networkId)),
    );
    if (existing.size === 0 && this.#loaded === undefined) return;
    const rules = nodeRules({ ...view, networks: existing }, this.#dnsPorts);
    await Promise.all([
      this.#load(rules.ruleset),
      this.#applyPorts(view),
      ...[...rules.virtualAddresses].map(async ([bridge, addresses]) => {
        await this.#options.devices.setAddresses(bridge, addresses);
        await this.#options.devices.allowHairpin(bridge);
      }),
    ]);
    for (const networkId of this.#made.keys()) {
      if (!view.networks.has(networkId)) await this.#removeUnused(networkId);
    }
  }

  async #removeUnused(networkId: string): Promise<void> {
    try {
      await this.#options.runtime.removeNetwork(networkId, new AbortController().signal);
    } catch (error) {
      // A container on it is still going; its end brings us here again.
      this.#options.logger.debug('a network is still in use', {
        networkId,
        error: TuttiError.from(error).message,
      });
      return;
    }
    this.#made.delete(networkId);
    this.#dnsPorts.delete(networkId);
    await this.#dns.close(networkId);
  }

  async #load(ruleset: Ruleset): Promise<void> {
    const { devices } = this.#options;
    if (this.#loaded === undefined) {
      await devices.filterBridges();
      await devices.acceptMarked(acceptMark);
    }
    const difference =
      this.#loaded === undefined ? undefined : renderDifference(this.#loaded.ruleset, ruleset);
    if (difference === '') return;
    try {
      await devices.loadRules(difference ?? renderWhole(ruleset));
    } catch (error) {
      if (difference === undefined) throw error;
      // The kernel's table is not what we thought it was: load the whole.
      this.#driftCount += 1;
      await devices.loadRules(renderWhole(ruleset));
    }
    this.#loaded = { ruleset, text: undefined };
  }

  async #applyPorts(view: DiscoveryView): Promise<void> {
    const owners = new Map<string, string>();
    const forwards: PortForward[] = [];
    for (const service of view.services.values()) {
      for (const { protocol, publishedPort, targetPort } of service.ports) {
        if (publishedPort === undefined) continue;
        owners.set(`${protocol}/${publishedPort}`, service.serviceId);
        const backEnds = [...view.tasks.values()]
          .filter((task) => task.ready && task.serviceId === service.serviceId)
          .flatMap((task) => task.addresses)
          .filter((one) => view.networks.get(one.networkId)?.ingress === true)
          .map((one) => ({ address: withoutPrefix(one.address), port: targetPort }));
        forwards.push({ protocol, port: publishedPort, backEnds });
      }
    }
    const problems = await this.#options.ports.apply(forwards);
    this.#problems = problems.map(({ forward, message }) => ({
      serviceId: owners.get(`${forward.protocol}/${forward.port}`) ?? '',
      protocol: forward.protocol,
      publishedPort: forward.port,
      message,
    }));
    for (const { message } of problems) this.#options.logger.error(message);
  }

  portProblems(): readonly PortProblem[] {
    return this.#problems;
  }

  explain(name: string, fromTaskId: string | undefined): Explanation {
    return explainName(this.#view, { name, fromTaskId });
  }

  /**
   * Compares the kernel with what was loaded, again and again, and loads the whole where it
   * drifted.
   */
  async watch(signal: AbortSignal): Promise<void> {
    const { clock, logger } = this.#options;
    while (!signal.aborted) {
      await clock.sleep(recheckMs, signal).catch(() => undefined);
      if (signal.aborted) return;
      try {
        await this.#recheck();
      } catch (error) {
        logger.error('the packet filter could not be checked', {
          error: TuttiError.from(error).message,
        });
      }
    }
  }

  async #recheck(): Promise<void> {
    const { devices, logger } = this.#options;
    const loaded = this.#loaded;
    if (loaded === undefined) return;
    await devices.filterBridges();
    await devices.acceptMarked(acceptMark);
    const text = await devices.readRules(tableName);
    if (this.#loaded !== loaded) return;
    if (loaded.text === undefined && text !== undefined) {
      this.#loaded = { ...loaded, text };
      return;
    }
    if (text === loaded.text && text !== undefined) return;
    this.#driftCount += 1;
    logger.warn('somebody changed our packet filter table; loading it again');
    await devices.loadRules(renderWhole(loaded.ruleset));
    this.#loaded = { ruleset: loaded.ruleset, text: undefined };
  }

  async removeAll(signal: AbortSignal): Promise<void> {
    const { runtime, devices, ports } = this.#options;
    await ports.apply([]);
    const networks = await runtime.listNetworks(networkLabel, signal);
    for (const network of networks) {
      await this.#dns.close(network.labels[networkLabel] ?? '');
      await runtime.removeNetwork(network.name, signal);
    }
    this.#made.clear();
    this.#dnsPorts.clear();
    await devices.removeRules(tableName);
    await devices.refuseMarked(acceptMark);
    this.#view = emptyView;
    this.#names = new Names(emptyView);
    this.#loaded = undefined;
  }
}

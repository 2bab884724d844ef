import type { ContainerRuntime, CreateRuntimeNetwork } from '../host/container-runtime.ts';
import type { NetworkDevices } from '../host/network-devices.ts';
import type { Logger } from '../host/logger.ts';
import { TuttiError } from '../lib/error.ts';
import { parseSubnet, subnetsOverlap, withoutPrefix } from '../lib/ipv4.ts';
import { ipv6SubnetsOverlap, parseIpv6Subnet } from '../lib/ipv6.ts';
import type { NetworkAssignment } from '../model/assignment.ts';
import { ipv6RangeOf, leastIpv6Mtu } from '../model/ipv6.ts';
import { backingNetworkLabel } from '../model/labels.ts';
import { bridgeName, engineNetworkName, isBridgeName } from '../overlay/bridge-name.ts';
import { networkMtu } from '../overlay/spans.ts';
import { clusterLabel, taskIdLabel } from './task-labels.ts';

export interface BackingNetworksOptions {
  readonly runtime: ContainerRuntime;
  readonly devices: Pick<NetworkDevices, 'listBridges' | 'removeBridge'>;
  readonly logger: Logger;
  /** Of the cluster whose networks these are; empty before there is one. */
  clusterId(): string;
  /** A small range at the top of a subnet, which tasks never get. */
  reservedRange(subnet: string): string;
  /** What the machine reaches besides: no network may stand in its way. */
  hostSubnets(): readonly string[];
  /** Of the link by which this node reaches the others. */
  linkMtu(): Promise<number>;
}

/**
 * The container engine's networks that carry those of the cluster on this node. Their labels say
 * whose they are.
 */
export class BackingNetworks {
  readonly #options: BackingNetworksOptions;
  readonly #made = new Map<string, { readonly network: NetworkAssignment }>();
  readonly #making = new Map<string, Promise<void>>();
  readonly #removing = new Map<string, Promise<boolean>>();

  constructor(options: BackingNetworksOptions) {
    this.#options = options;
  }

  /** Less those that are being removed. */
  get made(): readonly NetworkAssignment[] {
    const networks = [...this.#made.values()].map(({ network }) => network);
    return networks.filter(({ networkId }) => !this.#removing.has(networkId));
  }

  /** Makes the network, or takes the one that is there; the engine's name for it. */
  async ensure(network: NetworkAssignment, signal: AbortSignal): Promise<string> {
    const { networkId } = network;
    const name = engineNetworkName(network);
    await this.#removing.get(networkId);
    if (this.#made.has(networkId)) return name;
    const making = this.#making.get(networkId) ?? this.#make(network, signal);
    this.#making.set(networkId, making);
    try {
      await making;
      this.#made.set(networkId, { network });
      return name;
    } finally {
      this.#making.delete(networkId);
    }
  }

  async #make(network: NetworkAssignment, signal: AbortSignal): Promise<void> {
    const { runtime } = this.#options;
    const label = `${backingNetworkLabel}=${network.networkId}`;
    const [existing] = await runtime.listNetworks(label, signal);
    // A program before this one made it without; while somebody is on it, that is how it stays.
    const isOutdated = network.ipv6 !== undefined && existing?.lacksIpv6 === true;
    if (existing !== undefined && !(isOutdated && (await this.#remove(existing.name, signal)))) {
      return;
    }
    this.#refuseHostSubnets(network);
    const request = this.#request(network, await this.#options.linkMtu());
    refuseSmallPackets(request);
    // One that is there would be somebody's for the engine, which removes only those it made.
    await this.#options.devices.removeBridge(request.bridge);
    const create = async (): Promise<unknown> => await runtime.createNetwork(request, signal);
    await create().catch(async (error: unknown) => {
      // What an earlier daemon left may have the subnet.
      const removed = await this.sweep((id) => id === network.networkId, signal);
      if (!removed) throw error;
      await create();
    });
  }

  /** The engine would take any subnet, and whoever had it could be reached no more. */
  #refuseHostSubnets(network: NetworkAssignment): void {
    const own = [network.subnet, network.ipv6?.subnet ?? ''];
    const overlaps = this.#options
      .hostSubnets()
      .flatMap((taken) =>
        own.filter((subnet) => doOverlap(subnet, taken)).map((subnet) => ({ subnet, taken })),
      );
    const [overlap] = overlaps;
    if (overlap === undefined) return;
    const { subnet, taken } = overlap;
    throw new TuttiError(
      'conflict',
      `the subnet ${subnet} of network ${network.name} overlaps ${taken}, ` +
        'which this node itself has',
      { field: 'network', hint: 'Make the network anew, with another subnet.' },
    );
  }

  #request(network: NetworkAssignment, linkMtu: number): CreateRuntimeNetwork {
    const ipv6 = this.#ipv6Request(network);
    return {
      name: engineNetworkName(network),
      labels: {
        ...network.labels,
        [backingNetworkLabel]: network.networkId,
        [clusterLabel]: this.#options.clusterId(),
      },
      subnet: network.subnet,
      gateway: withoutPrefix(network.gateway),
      reservedRange: this.#options.reservedRange(network.subnet),
      internal: network.internal,
      bridge: bridgeName(network.networkId),
      ...(ipv6 !== undefined && { ipv6 }),
      mtu: networkMtu(network, Math.min(linkMtu, network.linkMtu ?? linkMtu)),
    };
  }

  /** The engine's own range goes with that of IPv4: in neither is an address that tasks get. */
  #ipv6Request(network: NetworkAssignment): CreateRuntimeNetwork['ipv6'] {
    if (network.ipv6 === undefined) return undefined;
    const reservedRange = ipv6RangeOf(network, this.#options.reservedRange(network.subnet));
    return { ...network.ipv6, ...(reservedRange !== undefined && { reservedRange }) };
  }

  /**
   * Removes networks of this cluster that an earlier daemon left and nothing wants. Returns whether
   * any went.
   */
  async sweep(isWanted: (networkId: string) => boolean, signal: AbortSignal): Promise<boolean> {
    let removed = false;
    for (const { name, networkId } of await this.#ours(signal)) {
      if (this.#made.has(networkId) || this.#making.has(networkId) || isWanted(networkId)) continue;
      removed = (await this.#remove(name, signal)) || removed;
    }
    return removed;
  }

  /**
   * Removes bridges of networks that the engine does not know: killed while it makes one, or puts a
   * container on it, it leaves the bridge, in the way of the next network with its subnet.
   */
  async sweepBridges(signal: AbortSignal): Promise<void> {
    const { devices, runtime, logger } = this.#options;
    const bridges = await devices.listBridges();
    const networks = await runtime.listNetworks(backingNetworkLabel, signal);
    const ids = [
      ...networks.map(({ labels }) => labels[backingNetworkLabel] ?? ''),
      ...this.#making.keys(),
      ...this.#made.keys(),
    ];
    const known = new Set(ids.map(bridgeName));
    for (const bridge of bridges) {
      if (!isBridgeName(bridge) || known.has(bridge)) continue;
      logger.info('a bridge is left of a network that is gone; removing it', { bridge });
      await devices.removeBridge(bridge);
    }
  }

  /** The networks that the engine has for this cluster. */
  async #ours(
    signal: AbortSignal,
  ): Promise<readonly { readonly name: string; readonly networkId: string }[]> {
    const clusterId = this.#options.clusterId();
    if (clusterId === '') return [];
    const label = `${clusterLabel}=${clusterId}`;
    const networks = await this.#options.runtime.listNetworks(label, signal);
    return networks.map(({ name, labels }) => ({
      name,
      networkId: labels[backingNetworkLabel] ?? '',
    }));
  }

  /** Resolves with whether it went; while a container is on it, it stays. */
  remove(networkId: string, signal: AbortSignal): Promise<boolean> {
    const known = this.#removing.get(networkId);
    if (known !== undefined) return known;
    const removing = this.#removeMade(networkId, signal).finally(() =>
      this.#removing.delete(networkId),
    );
    this.#removing.set(networkId, removing);
    return removing;
  }

  async #removeMade(networkId: string, signal: AbortSignal): Promise<boolean> {
    await this.#making.get(networkId)?.catch(() => undefined);
    const made = this.#made.get(networkId);
    if (made === undefined) return true;
    const removed = await this.#remove(engineNetworkName(made.network), signal);
    if (!removed) return false;
    this.#made.delete(networkId);
    await this.#options.devices.removeBridge(bridgeName(networkId));
    return true;
  }

  async #remove(name: string, signal: AbortSignal): Promise<boolean> {
    try {
      await this.#options.runtime.removeNetwork(name, signal);
      return true;
    } catch (error) {
      // A container on it is still going; its end brings us here again.
      this.#options.logger.debug('a network is still in use', {
        network: name,
        error: TuttiError.from(error).message,
      });
      return false;
    }
  }

  /** Forgets the networks that somebody else took away, and returns them. */
  async forgetLost(signal: AbortSignal): Promise<readonly NetworkAssignment[]> {
    if (this.#made.size === 0) return [];
    const before = this.made;
    const present = await this.#options.runtime.listNetworks(backingNetworkLabel, signal);
    const ids = new Set(present.map(({ labels }) => labels[backingNetworkLabel]));
    const isOurs = (networkId: string): boolean =>
      this.#made.has(networkId) && !this.#removing.has(networkId);
    const lost = before.filter(({ networkId }) => !ids.has(networkId) && isOurs(networkId));
    for (const { networkId } of lost) this.#made.delete(networkId);
    return lost;
  }

  /** Removes every network of the cluster; containers that are no tasks go on without. */
  async removeAll(signal: AbortSignal): Promise<void> {
    // What goes now was taken away by nobody else.
    this.#made.clear();
    for (const { name } of await this.#ours(signal)) {
      if (await this.#remove(name, signal)) continue;
      await this.#takeOff(name, signal);
      if (await this.#remove(name, signal)) continue;
      this.#options.logger.warn('a network stays, for containers of others are on it', {
        network: name,
      });
    }
    await this.sweepBridges(signal);
  }

  /** Of a network that is the cluster's: their addresses may be others' from now on. */
  async #takeOff(networkName: string, signal: AbortSignal): Promise<void> {
    const { runtime, logger } = this.#options;
    const asked = { networkNames: [networkName], exceptLabel: taskIdLabel };
    try {
      for (const { containerId, name } of await runtime.listEndpoints(asked, signal)) {
        await runtime.disconnect(networkName, containerId, signal);
        logger.info('a container is taken off a network of the cluster, which this node leaves', {
          container: name,
          network: networkName,
        });
      }
    } catch (error) {
      logger.warn('containers could not be taken off a network of the cluster', {
        network: networkName,
        error: TuttiError.from(error).message,
      });
    }
  }
}

/** Subnets of two kinds never do. */
function doOverlap(one: string, other: string): boolean {
  const [left, right] = [parseSubnet(one), parseSubnet(other)];
  if (left !== undefined && right !== undefined) return subnetsOverlap(left, right);
  const [left6, right6] = [parseIpv6Subnet(one), parseIpv6Subnet(other)];
  return left6 !== undefined && right6 !== undefined && ipv6SubnetsOverlap(left6, right6);
}

/** The kernel takes IPv6 off a device for smaller ones, and the engine would say something else. */
function refuseSmallPackets({ name, mtu, ipv6 }: CreateRuntimeNetwork): void {
  if (ipv6 === undefined || mtu === undefined || mtu >= leastIpv6Mtu) return;
  throw new TuttiError(
    'failed-precondition',
    `network ${name} has IPv6, which needs packets of ${leastIpv6Mtu} bytes, and the links ` +
      `between the nodes leave ${mtu}`,
    { field: 'network', hint: 'Make the network without IPv6, or the links wider.' },
  );
}

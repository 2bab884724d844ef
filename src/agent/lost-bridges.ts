import type { ContainerRuntime } from '../host/container-runtime.ts';
import type { Logger } from '../host/logger.ts';
import type { NetworkDevices } from '../host/network-devices.ts';
import { withoutPrefix } from '../lib/ipv4.ts';
import { bridgeName } from '../overlay/bridge-name.ts';
import type { BackingNetworks } from './backing-networks.ts';
import { clusterLabel } from './task-labels.ts';

export interface LostBridges {
  readonly networks: Pick<BackingNetworks, 'made'>;
  readonly devices: Pick<NetworkDevices, 'listBridges' | 'restoreBridge'>;
  readonly runtime: Pick<ContainerRuntime, 'listContainers'>;
  readonly logger: Logger;
  clusterId(): string;
}

/** Makes bridges again that somebody deleted, with their containers on them; says which. */
export async function restoreBridges(from: LostBridges): Promise<readonly string[]> {
  const { networks, devices, runtime, logger } = from;
  if (networks.made.length === 0) return [];
  const present = await devices.listBridges();
  // As it is now: what is being removed meanwhile has lost its bridge for good.
  const gone = networks.made.filter(({ networkId }) => !present.has(bridgeName(networkId)));
  if (gone.length === 0) return [];
  const label = `${clusterLabel}=${from.clusterId()}`;
  const containers = await runtime.listContainers(label, new AbortController().signal);
  const members = containers.flatMap(({ pid }) => (pid === undefined || pid === 0 ? [] : [pid]));
  for (const network of gone) {
    logger.warn('a bridge is gone; making it again', { network: network.name });
    const [, prefixLength = ''] = network.subnet.split('/');
    const address = `${withoutPrefix(network.gateway)}/${prefixLength}`;
    await devices.restoreBridge({ bridge: bridgeName(network.networkId), address, members });
  }
  return gone.map(({ name }) => `the bridge of network ${name} was gone`);
}

import type { ContainerRuntime } from '../host/container-runtime.ts';
import type { Logger } from '../host/logger.ts';
import type { NetworkDevices } from '../host/network-devices.ts';
import { withoutPrefix } from '../lib/ipv4.ts';
import type { NetworkAssignment } from '../model/assignment.ts';
import { bridgeName } from '../overlay/bridge-name.ts';
import { clusterLabel } from './task-labels.ts';

export interface LostBridges {
  /** What is made and wanted now: asked for more than once. */
  networks(): readonly NetworkAssignment[];
  readonly devices: Pick<NetworkDevices, 'listBridges' | 'restoreBridge'>;
  readonly runtime: Pick<ContainerRuntime, 'listContainers'>;
  readonly logger: Logger;
  clusterId(): string;
}

/** Makes bridges again that somebody deleted, with their containers on them; says which. */
export async function restoreBridges(from: LostBridges): Promise<readonly string[]> {
  const { devices, runtime, logger } = from;
  if (from.networks().length === 0) return [];
  const present = await devices.listBridges();
  // What is being removed meanwhile has lost its bridge for good.
  const gone = from.networks().filter(({ networkId }) => !present.has(bridgeName(networkId)));
  if (gone.length === 0) return [];
  const label = `${clusterLabel}=${from.clusterId()}`;
  const containers = await runtime.listContainers(label, new AbortController().signal);
  const members = containers.flatMap(({ pid }) => (pid === undefined || pid === 0 ? [] : [pid]));
  for (const network of gone) {
    logger.warn('a bridge is gone; making it again', { network: network.name });
    const bridge = bridgeName(network.networkId);
    const ipv6 = network.ipv6 === undefined ? {} : { ipv6Address: ownAddress(network.ipv6) };
    await devices.restoreBridge({ bridge, address: ownAddress(network), ...ipv6, members });
  }
  return gone.map(({ name }) => `the bridge of network ${name} was gone`);
}

function ownAddress(of: { readonly subnet: string; readonly gateway: string }): string {
  const [, prefixLength = ''] = of.subnet.split('/');
  return `${withoutPrefix(of.gateway)}/${prefixLength}`;
}

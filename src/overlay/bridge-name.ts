import type { NetworkAssignment } from '../model/assignment.ts';

const nameBytes = 8;
/** Of every device that carries a network. */
export const bridgePrefix = 'tt-';
const spanSuffix = '-x';
const tunnelSuffix = '-w';

/**
 * The bridge device of a network: `tt-` and the first characters of its id (Linux takes 15 in all).
 */
export function bridgeName(networkId: string): string {
  return `${bridgePrefix}${networkId.slice(0, nameBytes)}`;
}

/** Whether a device is named as those of networks are, and no other of ours. */
export function isBridgeName(device: string): boolean {
  return device.startsWith(bridgePrefix) && device.length === bridgePrefix.length + nameBytes;
}

/** The VXLAN device by which a network's bridge reaches other nodes. */
export function spanName(networkId: string): string {
  return `${bridgeName(networkId)}${spanSuffix}`;
}

export function isSpanName(device: string): boolean {
  return device.startsWith(bridgePrefix) && device.endsWith(spanSuffix);
}

/**
 * The device by which a node encrypts. Named by the node: hosts that are network namespaces of one
 * machine share the directory in which WireGuard's programs find each other by this name.
 */
export function tunnelName(nodeId: string): string {
  return `${bridgePrefix}${nodeId.slice(0, nameBytes)}${tunnelSuffix}`;
}

/**
 * The engine's name for a network: the cluster network's id. Of a container's networks the engine
 * takes the one with the first name for the way out; that must be the way by which visitors of
 * published ports came in, or replies over UDP would have another network's address.
 */
export function engineNetworkName(network: {
  readonly networkId: string;
  readonly ingress: boolean;
}): string {
  return network.ingress ? `00-${network.networkId}` : network.networkId;
}

/**
 * The engine's name of the network that has to be a container's way out, where the engine takes
 * another one: before the first name it prefers what has IPv6 (20.10). Undefined: it takes that.
 */
export function missedWayOut(
  networks: readonly Pick<
    NetworkAssignment,
    'networkId' | 'ingress' | 'internal' | 'ipv6' | 'predefined' | 'name'
  >[],
): string | undefined {
  const [first, ...others] = networks
    .filter(({ internal }) => !internal)
    .map((one) => ({ ...one, engineName: one.predefined ? one.name : engineNetworkName(one) }))
    .toSorted((one, other) => (one.engineName < other.engineName ? -1 : 1));
  const isMissed = first?.ipv6 === undefined && others.some(({ ipv6 }) => ipv6 !== undefined);
  return isMissed ? first?.engineName : undefined;
}

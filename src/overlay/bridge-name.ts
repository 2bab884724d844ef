const nameBytes = 8;

/**
 * The bridge device of a network: `tt-` and the first characters of its id (Linux takes 15 in all).
 */
export function bridgeName(networkId: string): string {
  return `tt-${networkId.slice(0, nameBytes)}`;
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

import { TuttiError } from '../lib/error.ts';
import type { Subnet } from '../lib/ipv4.ts';
import {
  formatAddress,
  formatSubnet,
  parseAddress,
  parseSubnet,
  subnetAt,
  subnetSize,
  subnetsOverlap,
} from '../lib/ipv4.ts';
import type { Cluster } from '../model/cluster.ts';
import { isIpv6 } from '../model/ipv6.ts';
import type { Network } from '../model/network.ts';
import type { View } from '../store/view.ts';
import { allocateIpv6 } from './subnet-ipv6.ts';

/** Swarm begins with this id too; lower ones are left to whatever else the machines use. */
const firstVxlanId = 4_097;
/** Size of what is left to the container engine: eight addresses, fewer in the smallest subnets. */
const reservedPrefixLength = { shortest: 29, longest: 31 };

/** A range that is taken, and who has it. */
interface Taken {
  readonly subnet: Subnet;
  readonly owner: string;
}

/**
 * The network with subnet, gateway and VXLAN id; the same row when it has them, or needs none.
 * Throws `conflict` when its declared subnet overlaps another, and `resource-exhausted` when the
 * cluster's address pools have no room left.
 */
export function allocateNetwork(view: View, network: Network): Network {
  if (network.predefined === true) return network;
  if (network.subnets.length > 0 && network.vxlanId !== undefined) return network;
  const { subnet, gateway } = declaredSubnet(view, network) ?? chooseSubnet(view, network);
  const ipv4 = { subnet: formatSubnet(subnet), gateway: formatAddress(gateway) };
  const ipv6 = network.spec.enableIpv6
    ? [allocateIpv6(view, { network, clusterId: theCluster(view).id, ipv4 })]
    : [];
  return {
    ...network,
    subnets: [ipv4, ...ipv6],
    vxlanId: network.vxlanId ?? freeVxlanId(view),
  };
}

/**
 * The part of a subnet that is left to the container engine's own address management, which needs a
 * range to itself: its last addresses. Nothing here is ever assigned to a task or service.
 */
export function reservedRange(subnet: Subnet): Subnet {
  const { shortest, longest } = reservedPrefixLength;
  const prefixLength = Math.min(Math.max(subnet.prefixLength + 2, shortest), longest);
  return subnetAt(subnet.last, prefixLength);
}

function declaredSubnet(
  view: View,
  network: Network,
): { readonly subnet: Subnet; readonly gateway: number } | undefined {
  const { name, subnets } = network.spec;
  const index = subnets.findIndex((one) => !isIpv6(one.subnet));
  const declared = subnets[index];
  if (declared === undefined) return undefined;
  const field = `spec.subnets[${index}].subnet`;
  const subnet = parseSubnet(declared.subnet);
  if (subnet === undefined) {
    throw new TuttiError(
      'invalid-argument',
      `the subnet "${declared.subnet}" of network ${name} is no IPv4 subnet`,
      { field, hint: 'Write it like 10.0.9.0/24.' },
    );
  }
  const other = takenRanges(view, network.id).find((one) => subnetsOverlap(one.subnet, subnet));
  if (other !== undefined) {
    throw new TuttiError(
      'conflict',
      `the subnet ${declared.subnet} of network ${name} overlaps ${formatSubnet(other.subnet)}, ` +
        `which ${other.owner} has`,
      { field, hint: 'Choose another subnet, or declare none.' },
    );
  }
  const asked = declared.gateway === undefined ? undefined : parseAddress(declared.gateway);
  return { subnet, gateway: asked ?? subnet.first + 1 };
}

/** The first subnet of the pools that nobody has: neither a network nor a node of its own. */
function chooseSubnet(
  view: View,
  network: Network,
): { readonly subnet: Subnet; readonly gateway: number } {
  const cluster = theCluster(view);
  const taken = takenRanges(view, network.id);
  for (const text of cluster.defaultAddressPools) {
    const pool = parseSubnet(text);
    const subnet = pool && freeSubnet(pool, { taken, prefixLength: cluster.subnetPrefixLength });
    if (subnet !== undefined) return { subnet, gateway: subnet.first + 1 };
  }
  const pools = cluster.defaultAddressPools.join(', ');
  throw new TuttiError(
    'resource-exhausted',
    `no subnet of size /${cluster.subnetPrefixLength} is left in the address pools (${pools}) for ` +
      `network ${network.spec.name}`,
    { hint: 'Declare a subnet for it, or remove networks that are not used.' },
  );
}

function theCluster(view: View): Cluster {
  for (const cluster of view.clusters.all()) return cluster;
  throw new TuttiError('failed-precondition', 'there is no cluster to take a subnet from');
}

/**
 * Steps over whatever is in the way, so that the cost is that of the ranges, not of the addresses.
 */
function freeSubnet(
  pool: Subnet,
  of: { readonly taken: readonly Taken[]; readonly prefixLength: number },
): Subnet | undefined {
  if (of.prefixLength < pool.prefixLength) return undefined;
  const inTheWay = of.taken
    .map((one) => one.subnet)
    .filter((one) => subnetsOverlap(one, pool))
    .toSorted((left, right) => left.first - right.first);
  const size = 2 ** (32 - of.prefixLength);
  let first = pool.first;
  for (const range of inTheWay) {
    if (range.first >= first + size) break;
    if (range.last >= first)
      first = Math.ceil((range.last + 1 - pool.first) / size) * size + pool.first;
  }
  return first + size - 1 <= pool.last ? subnetAt(first, of.prefixLength) : undefined;
}

function takenRanges(view: View, exceptNetworkId: string): readonly Taken[] {
  const taken: Taken[] = [];
  for (const network of view.networks.all()) {
    if (network.id === exceptNetworkId) continue;
    for (const one of network.subnets) {
      const subnet = parseSubnet(one.subnet);
      if (subnet !== undefined) taken.push({ subnet, owner: `network ${network.spec.name}` });
    }
  }
  for (const node of view.nodes.all()) {
    for (const text of node.description.hostSubnets) {
      const subnet = parseSubnet(text);
      const owner = `node ${node.description.hostname} itself`;
      if (subnet !== undefined && subnet.prefixLength > 0) taken.push({ subnet, owner });
    }
  }
  return taken;
}

function freeVxlanId(view: View): number {
  const used = new Set<number>();
  for (const network of view.networks.all()) {
    if (network.vxlanId !== undefined) used.add(network.vxlanId);
  }
  let id = firstVxlanId;
  while (used.has(id)) id += 1;
  return id;
}

/** The addresses of a network that tasks and services get, gateway and reserved range left out. */
export interface AssignableRange {
  readonly first: number;
  readonly last: number;
  readonly gateway: number;
  readonly prefixLength: number;
  readonly size: number;
}

/** `undefined` while the network has no subnet. */
export function assignableRange(network: Network): AssignableRange | undefined {
  const [chosen] = network.subnets;
  const subnet = chosen && parseSubnet(chosen.subnet);
  if (chosen === undefined || subnet === undefined) return undefined;
  const reserved = reservedRange(subnet);
  const declared = network.spec.subnets.find((one) => !isIpv6(one.subnet))?.ipRange;
  const part = (declared === undefined ? undefined : parseSubnet(declared)) ?? subnet;
  const first = Math.max(subnet.first + 1, part.first);
  const last = Math.min(reserved.first - 1, part.last);
  const gateway = parseAddress(chosen.gateway) ?? subnet.first + 1;
  const inside = gateway >= first && gateway <= last ? 1 : 0;
  const size = Math.max(0, subnetSize({ first, last, prefixLength: 32 }) - inside);
  return { first, last, gateway, prefixLength: subnet.prefixLength, size };
}

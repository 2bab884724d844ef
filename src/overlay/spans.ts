import type { CatalogNode, CatalogTask, NetworkAssignment } from '../model/assignment.ts';
import type { BothSubnets } from '../model/ipv6.ts';
import { mtuOption } from '../model/network.ts';
import { bridgeName, spanName } from './bridge-name.ts';
import { FollowedPlaces, isEncrypted } from './span-places.ts';

/** What VXLAN over IPv4 adds to each packet. */
const headerBytes = 50;
/** What WireGuard over IPv4 adds to each packet: 20 of IP, 8 of UDP, 32 of its own. */
const tunnelHeaderBytes = 60;
/** Links may be wider, but not all of a cluster's need be. */
const commonLinkMtu = 1_500;

/** This node's part of a network that has tasks on other nodes too. */
export interface Span {
  readonly bridge: string;
  /** The VXLAN device, a port of the bridge. */
  readonly device: string;
  readonly vxlanId: number;
  readonly port: number;
  /** Of this node. */
  readonly localAddress: string;
  readonly mtu: number;
  /** The device by which it reaches other nodes, encrypted; undefined: in clear text. */
  readonly tunnel?: string;
  /** The address of each task elsewhere, and that of its node. */
  readonly remotes: ReadonlyMap<string, string>;
  /** Where tasks have addresses of IPv6, too: they go with those. */
  readonly subnets?: Required<BothSubnets>;
  /**
   * Only of one that is no port of its bridge, but a link of its own to the other nodes: the number
   * of each by its address.
   */
  readonly ways?: ReadonlyMap<string, number>;
}

/** What spans follow from. The networks are those that have a bridge here, and no others. */
export interface Spanned {
  readonly nodeId: string;
  readonly networks: ReadonlyMap<string, NetworkAssignment>;
  readonly tasks: ReadonlyMap<string, CatalogTask>;
  readonly nodes: ReadonlyMap<string, CatalogNode>;
  readonly downNodes?: ReadonlyMap<string, CatalogNode>;
  /** Of the link by which this node reaches the others. */
  readonly linkMtu: number;
  /** The device that encrypts; undefined: this node has none. */
  readonly tunnel?: string;
}

/**
 * The networks that have to be joined with other nodes: those with tasks here and on other nodes
 * that live. A network that has all of its tasks on one node, or none on this one, needs nothing.
 * The ingress network is joined in a way of its own (`mesh.ts`). What is to be encrypted leads to
 * nodes whose key is known, and by the tunnel, or nowhere.
 */
export function spansOf(spanned: Spanned, places = new FollowedPlaces()): readonly Span[] {
  const localAddress = spanned.nodes.get(spanned.nodeId)?.address;
  if (localAddress === undefined) return [];
  const { here, elsewhere } = places.of(spanned);
  const { tunnel } = spanned;
  return [...elsewhere].flatMap(([networkId, remotes]) => {
    const network = spanned.networks.get(networkId);
    if (network?.vxlan === undefined || network.ingress || !here.has(networkId)) return [];
    const isSealed = isEncrypted(network);
    if (isSealed && tunnel === undefined) return [];
    return {
      bridge: bridgeName(networkId),
      device: spanName(networkId),
      vxlanId: network.vxlan.id,
      port: network.vxlan.port,
      localAddress,
      mtu: networkMtu(network, spanned.linkMtu),
      ...(isSealed && tunnel !== undefined && { tunnel }),
      ...subnetsOf(network),
      remotes,
    };
  });
}

function subnetsOf({ subnet, ipv6 }: NetworkAssignment): Pick<Span, 'subnets'> {
  return ipv6 === undefined ? {} : { subnets: { subnet, ipv6 } };
}

/** The size of packets that fit into the tunnel. */
export function tunnelMtu(linkMtu: number): number {
  return Math.min(linkMtu, commonLinkMtu) - tunnelHeaderBytes;
}

/**
 * The size of packets on a network: as declared, or what passes between nodes. It holds for
 * networks on one node too: tasks on others may come, and containers keep the size that they began
 * with.
 */
export function networkMtu(network: NetworkAssignment, linkMtu: number): number {
  const declared = Number(network.driverOptions[mtuOption]);
  if (declared > 0) return declared;
  return isEncrypted(network) ? tunnelMtu(linkMtu) - headerBytes : fullPacketBytes(linkMtu);
}

/** Of the packets of containers on networks that declare no size of their own. */
export function fullPacketBytes(linkMtu: number): number {
  return Math.min(linkMtu, commonLinkMtu) - headerBytes;
}

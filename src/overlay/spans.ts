import type { CatalogNode, CatalogTask, NetworkAssignment } from '../model/assignment.ts';
import { encryptedOption, mtuOption } from '../model/network.ts';
import { withoutPrefix } from './back-ends.ts';
import { bridgeName, spanName } from './bridge-name.ts';

/** What VXLAN over IPv4 adds to each packet. */
const headerBytes = 50;
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
  /** The address of each task elsewhere, and that of its node. */
  readonly remotes: ReadonlyMap<string, string>;
}

/** What spans follow from. The networks are those that have a bridge here, and no others. */
export interface Spanned {
  readonly nodeId: string;
  readonly networks: ReadonlyMap<string, NetworkAssignment>;
  readonly tasks: ReadonlyMap<string, CatalogTask>;
  readonly nodes: ReadonlyMap<string, CatalogNode>;
  /** Of the link by which this node reaches the others. */
  readonly linkMtu: number;
}

/**
 * The networks that have to be joined with other nodes: those with tasks here and on other nodes
 * that live. A network that has all of its tasks on one node, or none on this one, needs nothing.
 * The ingress network leads to tasks of this node alone. What is to be encrypted does not leave a
 * node, for nothing encrypts it yet.
 */
export function spansOf(spanned: Spanned): readonly Span[] {
  const localAddress = spanned.nodes.get(spanned.nodeId)?.address;
  if (localAddress === undefined) return [];
  const { here, elsewhere } = sortTasks(spanned, localAddress);
  return [...elsewhere].flatMap(([networkId, remotes]) => {
    const network = spanned.networks.get(networkId);
    if (network?.vxlan === undefined || staysHere(network) || !here.has(networkId)) return [];
    return {
      bridge: bridgeName(networkId),
      device: spanName(networkId),
      vxlanId: network.vxlan.id,
      port: network.vxlan.port,
      localAddress,
      mtu: networkMtu(network, spanned.linkMtu),
      remotes,
    };
  });
}

function staysHere({ ingress, driverOptions }: NetworkAssignment): boolean {
  return ingress || driverOptions[encryptedOption] !== undefined;
}

/** By network: that it has a task here, and the tasks that it has elsewhere. */
function sortTasks({ nodeId, tasks, nodes }: Spanned, localAddress: string) {
  const here = new Set<string>();
  const elsewhere = new Map<string, Map<string, string>>();
  for (const task of tasks.values()) {
    if (task.nodeId === nodeId) {
      for (const { networkId } of task.addresses) here.add(networkId);
      continue;
    }
    const node = nodes.get(task.nodeId);
    // Nothing leaves this node to come to this node.
    if (node === undefined || node.address === localAddress) continue;
    for (const { networkId, address } of task.addresses) {
      const remotes = elsewhere.get(networkId) ?? new Map<string, string>();
      elsewhere.set(networkId, remotes.set(withoutPrefix(address), node.address));
    }
  }
  return { here, elsewhere };
}

/**
 * The size of packets on a network: as declared, or what passes between nodes. It holds for
 * networks on one node too: tasks on others may come, and containers keep the size that they began
 * with.
 */
export function networkMtu(network: NetworkAssignment, linkMtu: number): number {
  const declared = Number(network.driverOptions[mtuOption]);
  return declared > 0 ? declared : Math.min(linkMtu, commonLinkMtu) - headerBytes;
}

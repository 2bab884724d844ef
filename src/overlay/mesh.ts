import type { CatalogNode, NetworkAssignment } from '../model/assignment.ts';
import { encryptedOption } from '../model/network.ts';
import { withoutPrefix } from '../lib/ipv4.ts';
import { bridgeName, spanName } from './bridge-name.ts';
import { networkMtu, type Span, type Spanned } from './spans.ts';

/**
 * This node's part of the ingress network between nodes, by which callers of published ports come
 * to tasks elsewhere with their own address, and their replies go back by the node that was asked.
 */
export interface Mesh extends Span {
  readonly ways: ReadonlyMap<string, number>;
  /** Of the nodes with ways, those that are down: callers by them are taken, none is led there. */
  readonly callers: readonly string[];
}

/** Numbers are conntrack zones, of which there are so many besides the usual one. */
const highestNumber = 65_535;

/** Of packets that go back to the node with a number, which is added; also of its routing table. */
export const wayMark = { value: 0x54_55_00_00, mask: 0xff_ff_00_00 } as const;

export function markOfWay(number: number): number {
  return wayMark.value + number;
}

/** The number that a routing table stands for; undefined: it is none of ours. */
export function numberOfTable(table: number): number | undefined {
  const number = table - wayMark.value;
  return number > 0 && number <= highestNumber ? number : undefined;
}

/**
 * The nodes to which callers can be led with their own address, and those by which callers may
 * come. A node whose daemon is away for long is down, and leads callers on all the same. Empty:
 * this node takes no part.
 */
export function meshPeers(of: Pick<Spanned, 'nodeId' | 'nodes' | 'downNodes'>): MeshPeers {
  const own = of.nodes.get(of.nodeId);
  if (own === undefined || !takesCallers(own)) return { live: new Map(), down: new Map() };
  const peersOf = (nodes: Spanned['nodes'] = new Map()): Peers => {
    const others = [...nodes.values()].filter(
      (node) => node.address !== own.address && takesCallers(node),
    );
    return new Map(others.map((node) => [node.nodeId, node.address]));
  };
  return { live: peersOf(of.nodes), down: peersOf(of.downNodes) };
}

interface MeshPeers {
  readonly live: Peers;
  readonly down: Peers;
}

/** Addresses by node id. */
type Peers = ReadonlyMap<string, string>;

/** A node that is found at an address which it does not know itself takes no frames there. */
function takesCallers({ address, ownAddresses }: CatalogNode): boolean {
  return ownAddresses?.includes(address) === true;
}

/**
 * The number of each address: the one that it had, or the lowest that nobody ever had. `known`:
 * every number that was given. Who is one too many for them all has none.
 */
export function numberWays(
  known: ReadonlyMap<string, number>,
  addresses: readonly string[],
): ReadonlyMap<string, number> {
  const numbers = new Map(known);
  const taken = new Set(known.values());
  let next = 1;
  for (const address of addresses) {
    if (numbers.has(address)) continue;
    while (taken.has(next)) next += 1;
    if (next > highestNumber) break;
    numbers.set(address, next);
    taken.add(next);
  }
  return numbers;
}

/**
 * Undefined where there is no ingress network, nobody to be joined with, or nothing may leave the
 * node in clear text.
 */
export function meshOf(spanned: Spanned, numbers: ReadonlyMap<string, number>): Mesh | undefined {
  const ingress = [...spanned.networks.values()].find(isJoinable);
  const localAddress = spanned.nodes.get(spanned.nodeId)?.address;
  const { live, down } = meshPeers(spanned);
  const numbered = ([, address]: readonly [string, string]): boolean => numbers.has(address);
  const peers = new Map([...live].filter(numbered));
  const callers = [...down].filter(numbered).map(([, address]) => address);
  if (
    ingress?.vxlan === undefined ||
    localAddress === undefined ||
    peers.size + callers.length === 0
  ) {
    return undefined;
  }
  const { networkId, vxlan } = ingress;
  return {
    bridge: bridgeName(networkId),
    device: spanName(networkId),
    vxlanId: vxlan.id,
    port: vxlan.port,
    localAddress,
    mtu: networkMtu(ingress, spanned.linkMtu),
    remotes: remotesOn(networkId, { tasks: spanned.tasks, peers }),
    ways: new Map(
      [...peers.values(), ...callers].map((address) => [address, numbers.get(address) ?? 0]),
    ),
    callers,
  };
}

function isJoinable({ ingress, driverOptions }: NetworkAssignment): boolean {
  return ingress && driverOptions[encryptedOption] === undefined;
}

function remotesOn(
  networkId: string,
  { tasks, peers }: { readonly tasks: Spanned['tasks']; readonly peers: Peers },
): ReadonlyMap<string, string> {
  const remotes = new Map<string, string>();
  for (const task of tasks.values()) {
    const node = peers.get(task.nodeId);
    if (node === undefined) continue;
    for (const one of task.addresses) {
      if (one.networkId === networkId) remotes.set(withoutPrefix(one.address), node);
    }
  }
  return remotes;
}

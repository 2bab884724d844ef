import { hardwareAddress } from '../lib/hardware-address.ts';
import type { CatalogNode } from '../model/assignment.ts';
import { markOfWay, type Mesh, wayMark } from './mesh.ts';
import {
  type CollectionName,
  declarations,
  mark,
  markMask,
  type OwnPart,
  setMark,
  tableName,
} from './rule-table.ts';
import { renderWhole } from './ruleset.ts';

/** What only a node has that leads callers on, or takes them, with their own address. */
export const ofMesh: ReadonlySet<CollectionName> = new Set([
  'calling',
  'neighbour',
  'way-back',
  'home',
]);

/** The device by which callers pass between nodes, and the bridge of the ingress network. */
export type MeshPlace = Pick<Mesh, 'device' | 'bridge'>;

/**
 * Chains of their own, those that others lead to first. Every packet of the node meets those with a
 * hook: they name device and bridge, which takes a comparison and no look into a set.
 */
export function meshChains({ device, bridge }: MeshPlace): ReadonlyMap<string, readonly string[]> {
  return new Map([
    [
      'to-node',
      [
        // Nobody else comes to tasks of other nodes.
        `ct direction original ct mark & ${markMask} != ${mark} drop`,
        'tcp flags & (syn | rst) == syn tcp option maxseg size set rt mtu',
        // The way is chosen; of packets with a mark the kernel looks for the outer one's anew.
        `meta mark & ${hex(wayMark.mask)} == ${hex(wayMark.value)} meta mark set 0`,
      ],
    ],
    [
      'from-node',
      [
        // From a node that has no number yet, to which nothing would lead back.
        'ct original zone 0 drop',
        setMark,
      ],
    ],
    [
      'zones',
      [
        // Before connections are told apart (-200): one caller may use one port to two nodes.
        'type filter hook prerouting priority -300; policy accept;',
        `iifname "${device}" ct original zone set ether saddr map @neighbour`,
      ],
    ],
    [
      'ways',
      [
        'type filter hook prerouting priority -150; policy accept;',
        `iifname "${device}" ct state new goto from-node`,
        `iifname "${bridge}" ct direction reply meta mark set ct original zone map @way-back`,
      ],
    ],
  ]);
}

/**
 * A script that a kernel and its `nft` take that can tell callers of other nodes apart, and others
 * do not (conntrack zones): only to be checked.
 */
export function meshTrial(): string {
  const collections = [...ofMesh].map((name) => [name, declarations[name]] as const);
  return renderWhole({
    table: `${tableName}-trial`,
    chains: meshChains({ device: 'tt-trial-x', bridge: 'tt-trial' }),
    collections: new Map(collections),
    sources: [],
  });
}

/** What comes first in chains that there are anyway. */
export function meshRules({ device, bridge }: MeshPlace): ReadonlyMap<string, readonly string[]> {
  return new Map([
    [
      'postrouting',
      // A node takes nothing from elsewhere that has its own address.
      [`oifname "${device}" ip saddr @home masquerade`],
    ],
    [
      'forward',
      [
        // Whoever is led here comes to tasks alone, and not to another node.
        `iifname "${device}" ct direction original oifname != "${bridge}" drop`,
        `oifname "${device}" goto to-node`,
      ],
    ],
    ['input', [`iifname "${device}" ct state != { established, related } drop`]],
  ]);
}

function hex(value: number): string {
  return `0x${value.toString(16)}`;
}

export function meshPart(mesh: Mesh, nodes: Iterable<CatalogNode>): OwnPart {
  const ways = [...mesh.ways];
  const home = [...nodes].flatMap(({ address, ownAddresses = [] }) => [address, ...ownAddresses]);
  return {
    calling: new Map(
      mesh.callers.map((address) => [`${mesh.port} . ${hex(mesh.vxlanId)} . ${address}`, '']),
    ),
    neighbour: new Map(ways.map(([node, number]) => [hardwareAddress(node), String(number)])),
    'way-back': new Map(ways.map(([, number]) => [String(number), hex(markOfWay(number))])),
    home: new Map(home.map((address) => [address, ''])),
  };
}

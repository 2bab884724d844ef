import type { Elements } from './ruleset.ts';

export const tableName = 'ip tutti';

/** The maps and sets of the table. */
export const declarations = {
  /** Bridge and virtual address: only members of the network find it. */
  vip: { kind: 'map', type: 'typeof iifname . ip daddr : verdict' },
  'vip-slot': { kind: 'map', type: 'typeof ip daddr . numgen random mod 65536 : ip daddr' },
  port: { kind: 'map', type: 'typeof meta l4proto . th dport : verdict' },
  'port-target': { kind: 'map', type: 'type inet_proto . inet_service : inet_service' },
  'port-slot': {
    kind: 'map',
    type: 'typeof meta l4proto . th dport . numgen random mod 65536 : ip daddr',
  },
  /** Each bridge with its own gateway. */
  gateway: { kind: 'set', type: 'typeof iifname . ip daddr' },
  dns: { kind: 'map', type: 'type ifname : ipv4_addr . inet_service' },
  /** Gateways and virtual addresses are of this host, but no place for published ports. */
  own: { kind: 'set', type: 'typeof ip daddr' },
  virtual: { kind: 'set', type: 'typeof ip daddr' },
  /** Each address of a task of this node with each of the same task. */
  self: { kind: 'set', type: 'typeof ip saddr . ip daddr' },
  /** A published port with the address of its only task, which comes to itself by a socket. */
  'by-socket': { kind: 'set', type: 'typeof meta l4proto . th dport . ip saddr' },
  /** Published ports, and those of them that lead nowhere now. */
  held: { kind: 'set', type: 'typeof meta l4proto . th dport' },
  idle: { kind: 'set', type: 'typeof meta l4proto . th dport' },
  /** Nodes to which callers of published ports are led on, and those ports. */
  relay: { kind: 'set', type: 'typeof ip daddr' },
  relayed: { kind: 'set', type: 'typeof meta l4proto . th dport' },
  /** Where queries are answered; only the redirect of a network's own gateway leads there. */
  answering: { kind: 'set', type: 'typeof ip daddr . th dport' },
  /** Bridges whose members do not see each other. */
  closed: { kind: 'set', type: 'typeof iifname' },
  /** Bridges that lead nowhere. */
  inward: { kind: 'set', type: 'typeof iifname' },
  /** Subnets of the networks. */
  inside: { kind: 'set', type: 'typeof ip saddr; flags interval' },
  /** Port and number of each network that is joined with other nodes (RFC 7348: 24 bits). */
  segment: { kind: 'set', type: 'typeof udp dport . @th,96,24' },
  /** Nodes that live, this one among them. */
  peer: { kind: 'set', type: 'typeof ip saddr' },
  /** Port and number of the mesh with each node that is down: callers may still come by it. */
  calling: { kind: 'set', type: 'typeof udp dport . @th,96,24 . ip saddr' },
  /** Each node's hardware address on the mesh with its number; the mark that leads back to it. */
  neighbour: { kind: 'map', type: 'typeof ether saddr : ct original zone' },
  'way-back': { kind: 'map', type: 'typeof ct original zone : meta mark' },
  /** Addresses that nodes themselves may call from. */
  home: { kind: 'set', type: 'typeof ip saddr' },
  /** Port and number of each network that is encrypted, joined or not. */
  sealed: { kind: 'set', type: 'typeof udp dport . @th,96,24' },
} as const;

export type CollectionName = keyof typeof declarations;

/** Elements for some of the maps and sets, which follow from one thing. */
export type OwnPart = { readonly [Name in CollectionName]?: Elements };

/** Connections that our table let in; the container engine's own rules accept them by this mark. */
export const acceptMark = { value: 0x54_54_00_00, mask: 0xff_ff_00_00 } as const;

export const mark = `0x${acceptMark.value.toString(16)}`;
export const markMask = `0x${acceptMark.mask.toString(16)}`;
const othersMask = `0x${(~acceptMark.mask >>> 0).toString(16).padStart(8, '0')}`;
export const setMark = `ct mark set ct mark & ${othersMask} | ${mark}`;

/** Of the first packet to another node on behalf of a caller; a code point that nobody uses. */
const ledOnMark = '0x2d';

/**
 * Who is no node of the catalog reaches no network: neither a stranger, nor a node that was removed
 * and whose addresses others have by now.
 */
export const foreignFrames = 'udp dport . @th,96,24 @segment drop';
export const callersFrames = 'udp dport . @th,96,24 . ip saddr @calling accept';
/**
 * First, for of frames there are as many as packets, and to the kernel each is a new connection.
 */
export const knownFrames = 'udp dport . @th,96,24 @segment ip saddr @peer accept';

/** What belongs to an encrypted network passes by the tunnel or not at all, either way. */
export function clearFrames(tunnel: string): { readonly input: string; readonly output: string } {
  const frames = 'udp dport . @th,96,24 @sealed drop';
  return {
    input: `iifname != "${tunnel}" ${frames}`,
    output: `oifname != "${tunnel}" ${frames}`,
  };
}

/**
 * Chains that only a node with encrypted networks has. By the tunnel come frames of these networks
 * for this node, and nothing else; whoever lets nothing else in lets these in by the mark. Every
 * packet of every network is looked at here: what did not come by it passes one rule, and what is
 * for somebody else is seen where it would be led on (`ledThrough`).
 */
export function tunnelHooks(tunnel: string): ReadonlyMap<string, readonly string[]> {
  return new Map([
    [
      'tunnel-in',
      [
        'type filter hook prerouting priority -150; policy accept;',
        `iifname != "${tunnel}" accept`,
        'meta l4proto != udp drop',
        'udp dport . @th,96,24 != @sealed drop',
        setMark,
      ],
    ],
    [
      'tunnel-out',
      ['type filter hook output priority 0; policy accept;', clearFrames(tunnel).output],
    ],
  ]);
}

/** Nothing that comes by the tunnel is led on to anybody: first, for it is marked as let in. */
export function ledThrough(tunnel: string): string {
  return `iifname "${tunnel}" drop`;
}

/** The chains that hang on hooks of the kernel. */
export const hooks: ReadonlyMap<string, readonly string[]> = new Map([
  [
    'prerouting',
    [
      // Before the container engine's own rules (-100).
      'type nat hook prerouting priority -105; policy accept;',
      `meta l4proto { tcp, udp } th dport 53 iifname . ip daddr @gateway ${setMark} ` +
        'dnat ip to iifname map @dns',
      'iifname . ip daddr vmap @vip',
      'ip daddr @own return',
      'ip daddr @virtual return',
      'iifname @inward return',
      'meta l4proto . th dport . ip saddr @by-socket return',
      // Where two nodes took each other for the one that serves, a caller would go to and fro.
      `ip dscp ${ledOnMark} meta l4proto . th dport @relayed return`,
      'fib daddr type local meta l4proto . th dport vmap @port',
    ],
  ],
  [
    'postrouting',
    [
      'type nat hook postrouting priority 95; policy accept;',
      // A task that is led to itself would answer itself past us.
      'ip saddr . ip daddr @self masquerade',
      // A reply of another node would go past us.
      `ip daddr @relay ct mark & ${markMask} == ${mark} ip dscp set ${ledOnMark} masquerade`,
      // Where caller and called share a network, a reply could go past us.
      `ip saddr @inside ct mark & ${markMask} == ${mark} masquerade`,
    ],
  ],
  [
    'forward',
    [
      'type filter hook forward priority -5; policy accept;',
      // Services that share only the ingress network reach each other by published ports alone.
      `ct mark & ${markMask} != ${mark} iifname @closed oifname @closed drop`,
    ],
  ],
  [
    'input',
    [
      'type filter hook input priority 0; policy accept;',
      'ct state established,related accept',
      `ip daddr . th dport @answering ct mark & ${markMask} != ${mark} reject`,
      // What is still meant for a virtual address has no task to go to: say so at once.
      'ip daddr @virtual meta l4proto tcp reject with tcp reset',
      'ip daddr @virtual reject',
      'meta l4proto tcp meta l4proto . th dport @idle reject with tcp reset',
      'meta l4proto . th dport @idle reject',
      'meta l4proto . th dport . ip saddr @by-socket accept',
      // Else the sockets that hold published ports are for this machine's own processes.
      'iifname != "lo" meta l4proto tcp meta l4proto . th dport @held reject with tcp reset',
      'iifname != "lo" meta l4proto . th dport @held reject',
    ],
  ],
]);

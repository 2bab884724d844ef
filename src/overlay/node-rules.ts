import type { PortForward } from '../host/network-devices.ts';
import type { DiscoveryView, HostPublication } from '../host/node-network.ts';
import type {
  CatalogNode,
  CatalogService,
  CatalogTask,
  NetworkAssignment,
} from '../model/assignment.ts';
import { BackEnds, withoutPrefix } from './back-ends.ts';
import { bridgeName } from './bridge-name.ts';
import type { Collection, Ruleset } from './ruleset.ts';
import type { Span } from './spans.ts';

export const tableName = 'ip tutti';

/** Connections that our table let in; the container engine's own rules accept them by this mark. */
export const acceptMark = { value: 0x54_54_00_00, mask: 0xff_ff_00_00 } as const;

export interface NodeRules {
  readonly ruleset: Ruleset;
  /** Addresses that the bridges answer for besides their own: the virtual ones. */
  readonly virtualAddresses: ReadonlyMap<string, readonly string[]>;
  /** Every address that connections are led to. */
  readonly backEnds: ReadonlySet<string>;
}

export interface ShownNetworks {
  /** The networks are those that have a bridge here, and no others. */
  readonly view: DiscoveryView;
  /** Where the node answers the queries of a network: UDP and TCP port by network id. */
  readonly dnsPorts: ReadonlyMap<string, number>;
  /** The published ports that this node holds: no process of the host has them. */
  readonly forwards: readonly PortForward[];
  /** The networks that are joined with other nodes. */
  readonly spans: readonly Span[];
}

/**
 * The rules of a node that show this view: virtual addresses, published ports and names, each back
 * end picked at random for each connection. What a network does not have, its members cannot reach.
 */
export function nodeRules({ view, dnsPorts, forwards, spans }: ShownNetworks): NodeRules {
  const builder = new Builder(new BackEnds(view.tasks), outOfReach(view, spans));
  for (const node of view.nodes.values()) builder.addPeer(node);
  for (const network of view.networks.values()) {
    if (!network.predefined) builder.addNetwork(network, dnsPorts.get(network.networkId));
  }
  for (const service of view.services.values()) builder.addService(service, view.networks);
  for (const forward of forwards) builder.addPort(forward);
  for (const task of view.tasks.values()) if (task.ready) builder.addTask(task);
  for (const publication of view.publications) builder.addPublication(publication);
  for (const span of spans) builder.addSpan(span);
  return builder.build();
}

/** `network address` of the tasks elsewhere to which no way leads from this node. */
function outOfReach(view: DiscoveryView, spans: readonly Span[]): ReadonlySet<string> {
  const remotesOf = new Map(spans.map(({ bridge, remotes }) => [bridge, remotes]));
  const addresses = new Set<string>();
  for (const task of view.tasks.values()) {
    if (task.nodeId === view.nodeId) continue;
    for (const { networkId, address } of task.addresses) {
      const bare = withoutPrefix(address);
      if (remotesOf.get(bridgeName(networkId))?.has(bare) === true) continue;
      addresses.add(`${networkId} ${bare}`);
    }
  }
  return addresses;
}

class Builder {
  readonly #backEndsOf: BackEnds;
  readonly #outOfReach: ReadonlySet<string>;
  readonly #virtualAddresses = new Map<string, string[]>();
  readonly #backEnds = new Set<string>();
  readonly #vipCounts = new Set<number>();
  readonly #portCounts = new Set<number>();
  readonly #elements = {
    vip: new Map<string, string>(),
    'vip-slot': new Map<string, string>(),
    port: new Map<string, string>(),
    'port-target': new Map<string, string>(),
    'port-slot': new Map<string, string>(),
    gateway: new Map<string, string>(),
    dns: new Map<string, string>(),
    own: new Map<string, string>(),
    virtual: new Map<string, string>(),
    self: new Map<string, string>(),
    'by-socket': new Map<string, string>(),
    held: new Map<string, string>(),
    idle: new Map<string, string>(),
    relay: new Map<string, string>(),
    relayed: new Map<string, string>(),
    answering: new Map<string, string>(),
    closed: new Map<string, string>(),
    inward: new Map<string, string>(),
    inside: new Map<string, string>(),
  };
  /** Of a node that is joined with others; one alone has neither these sets nor their rule. */
  readonly #fabric = { segment: new Map<string, string>(), peer: new Map<string, string>() };

  constructor(backEndsOf: BackEnds, notReached: ReadonlySet<string>) {
    this.#backEndsOf = backEndsOf;
    this.#outOfReach = notReached;
  }

  addNetwork(network: NetworkAssignment, dnsPort: number | undefined): void {
    const device = bridgeName(network.networkId);
    const bridge = `"${device}"`;
    const gateway = withoutPrefix(network.gateway);
    this.#virtualAddresses.set(device, []);
    this.#elements.own.set(gateway, '');
    this.#elements.inside.set(network.subnet, '');
    if (dnsPort !== undefined) {
      this.#elements.gateway.set(`${bridge} . ${gateway}`, '');
      this.#elements.dns.set(bridge, `${gateway} . ${dnsPort}`);
      this.#elements.answering.set(`${gateway} . ${dnsPort}`, '');
    }
    if (network.ingress) this.#elements.closed.set(bridge, '');
    if (network.internal) this.#elements.inward.set(bridge, '');
  }

  addService(service: CatalogService, networks: DiscoveryView['networks']): void {
    for (const { networkId, virtualAddress } of service.networks) {
      const network = networks.get(networkId);
      // The ingress network belongs to nobody: services meet there that share no other network.
      if (virtualAddress === undefined || network === undefined || network.ingress) continue;
      this.#addVirtualAddress(virtualAddress, {
        device: bridgeName(networkId),
        backEnds: this.#backEndsOf
          .addresses(service.serviceId, networkId)
          .filter((address) => !this.#outOfReach.has(`${networkId} ${address}`)),
      });
    }
  }

  #addVirtualAddress(
    address: string,
    on: { readonly device: string; readonly backEnds: readonly string[] },
  ): void {
    const { device, backEnds } = on;
    this.#virtualAddresses.get(device)?.push(address);
    this.#elements.own.set(address, '');
    this.#elements.virtual.set(address, '');
    if (backEnds.length === 0) return;
    this.#vipCounts.add(backEnds.length);
    this.#elements.vip.set(`"${device}" . ${address}`, `goto vip-${backEnds.length}`);
    for (const [slot, backEnd] of backEnds.entries()) {
      this.#elements['vip-slot'].set(`${address} . ${slot}`, backEnd);
      this.#backEnds.add(backEnd);
    }
  }

  addPort({ protocol, port, backEnds }: PortForward): void {
    const key = `${protocol} . ${port}`;
    this.#elements.held.set(key, '');
    if (backEnds.length === 0) {
      this.#elements.idle.set(key, '');
      return;
    }
    this.#portCounts.add(backEnds.length);
    this.#elements.port.set(key, `goto port-${backEnds.length}`);
    for (const [slot, backEnd] of backEnds.entries()) {
      // Every task of a service listens on the same port.
      this.#elements['port-target'].set(key, String(backEnd.port));
      this.#elements['port-slot'].set(`${key} . ${slot}`, backEnd.address);
      this.#backEnds.add(backEnd.address);
      if (!this.#fabric.peer.has(backEnd.address)) continue;
      this.#elements.relay.set(backEnd.address, '');
      this.#elements.relayed.set(key, '');
    }
  }

  /** A task may be led to itself, and comes by any of its networks. */
  addTask({ addresses }: CatalogTask): void {
    const own = addresses.map((one) => withoutPrefix(one.address));
    for (const from of own) for (const to of own) this.#elements.self.set(`${from} . ${to}`, '');
  }

  /** Nothing on the engine's own bridge is sent back by the way that it came: sockets lead it. */
  addPublication({ ports, engineAddress }: HostPublication): void {
    if (engineAddress === undefined) return;
    for (const { protocol, publishedPort } of ports) {
      this.#elements['by-socket'].set(`${protocol} . ${publishedPort} . ${engineAddress}`, '');
    }
  }

  addSpan({ port, vxlanId }: Span): void {
    this.#fabric.segment.set(`${port} . 0x${vxlanId.toString(16)}`, '');
  }

  addPeer({ address }: CatalogNode): void {
    this.#fabric.peer.set(address, '');
  }

  build(): NodeRules {
    const chains = new Map<string, readonly string[]>();
    for (const count of ascending(this.#vipCounts)) {
      chains.set(`vip-${count}`, [`dnat to ip daddr . numgen random mod ${count} map @vip-slot`]);
    }
    for (const count of ascending(this.#portCounts)) {
      chains.set(`port-${count}`, [
        setMark,
        `dnat ip to meta l4proto . th dport . numgen random mod ${count} map @port-slot` +
          ' : meta l4proto . th dport map @port-target',
      ]);
    }
    const isJoined = this.#fabric.segment.size > 0;
    for (const [name, rules] of hooks) {
      const [hook = '', ...others] = rules;
      chains.set(name, name === 'input' && isJoined ? [hook, foreignFrames, ...others] : rules);
    }
    const collections = new Map<string, Collection>();
    const all = { ...this.#elements, ...(isJoined && this.#fabric) };
    for (const [name, elements] of Object.entries(all)) {
      const declaration = declarations[name as keyof typeof declarations];
      collections.set(name, { ...declaration, elements });
    }
    return {
      ruleset: { table: tableName, chains, collections },
      virtualAddresses: this.#virtualAddresses,
      backEnds: this.#backEnds,
    };
  }
}

function ascending(counts: ReadonlySet<number>): readonly number[] {
  return [...counts].toSorted((left, right) => left - right);
}

const declarations = {
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
  /** Gateways and virtual addresses: of this host, but no place for published ports. */
  own: { kind: 'set', type: 'typeof ip daddr' },
  virtual: { kind: 'set', type: 'typeof ip daddr' },
  /** Each address of a task with each of the same task. */
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
} as const;

const mark = `0x${acceptMark.value.toString(16)}`;
const markMask = `0x${acceptMark.mask.toString(16)}`;
const othersMask = `0x${(~acceptMark.mask >>> 0).toString(16).padStart(8, '0')}`;
const setMark = `ct mark set ct mark & ${othersMask} | ${mark}`;

/** Of the first packet to another node on behalf of a caller; a code point that nobody uses. */
const ledOnMark = '0x2d';

/**
 * Who is no node of the catalog reaches no network: neither a stranger, nor a node that was removed
 * and whose addresses others have by now.
 */
const foreignFrames = 'udp dport . @th,96,24 @segment ip saddr != @peer drop';

const hooks: ReadonlyMap<string, readonly string[]> = new Map([
  [
    'prerouting',
    [
      // Before the container engine's own rules (-100).
      'type nat hook prerouting priority -105; policy accept;',
      `meta l4proto { tcp, udp } th dport 53 iifname . ip daddr @gateway ${setMark} ` +
        'dnat ip to iifname map @dns',
      'iifname . ip daddr vmap @vip',
      'ip daddr @own return',
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
      `iifname @closed oifname @closed ct mark & ${markMask} != ${mark} drop`,
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

import type { DiscoveryView } from '../host/node-network.ts';
import type { CatalogTask } from '../model/assignment.ts';
import type { PublishedPort } from '../model/service.ts';
import { bridgeName } from './bridge-name.ts';
import type { Collection, Ruleset } from './ruleset.ts';

export const tableName = 'ip tutti';

/** Connections that our table let in; the container engine's own rules accept them by this mark. */
export const acceptMark = { value: 0x54_54_00_00, mask: 0xff_ff_00_00 } as const;

export interface NodeRules {
  readonly ruleset: Ruleset;
  /** Addresses that the bridges answer for besides their own: the virtual ones. */
  readonly virtualAddresses: ReadonlyMap<string, readonly string[]>;
}

/** Where the node answers the queries of a network: UDP and TCP port by network id. */
export type DnsPorts = ReadonlyMap<string, number>;

/**
 * The rules of a node that show this view: virtual addresses, published ports and names, each back
 * end picked at random for each connection. What a network does not have, its members cannot reach.
 */
export function nodeRules(view: DiscoveryView, dnsPorts: DnsPorts): NodeRules {
  const builder = new Builder(view);
  for (const networkId of view.networks.keys()) builder.addNetwork(networkId, dnsPorts);
  builder.addServices();
  return builder.build();
}

class Builder {
  readonly #view: DiscoveryView;
  readonly #readyByService = new Map<string, CatalogTask[]>();
  readonly #virtualAddresses = new Map<string, string[]>();
  readonly #elements = {
    vip: new Map<string, string>(),
    'vip-slot': new Map<string, string>(),
    port: new Map<string, string>(),
    'port-slot': new Map<string, string>(),
    'dns-port': new Map<string, string>(),
    own: new Map<string, string>(),
    virtual: new Map<string, string>(),
    self: new Map<string, string>(),
  };
  #mostBackEnds = 0;

  constructor(view: DiscoveryView) {
    this.#view = view;
    for (const task of view.tasks.values()) {
      if (!task.ready) continue;
      const others = this.#readyByService.get(task.serviceId) ?? [];
      others.push(task);
      this.#readyByService.set(task.serviceId, others);
    }
  }

  addNetwork(networkId: string, dnsPorts: DnsPorts): void {
    const network = this.#view.networks.get(networkId);
    if (network === undefined || network.predefined) return;
    this.#elements.own.set(network.gateway, '');
    const port = dnsPorts.get(networkId);
    if (port !== undefined) {
      this.#elements['dns-port'].set(`"${bridgeName(networkId)}"`, String(port));
    }
    this.#virtualAddresses.set(bridgeName(networkId), []);
  }

  addServices(): void {
    for (const service of this.#view.services.values()) {
      const ready = this.#readyByService.get(service.serviceId) ?? [];
      for (const { networkId, virtualAddress } of service.networks) {
        if (virtualAddress === undefined || !this.#view.networks.has(networkId)) continue;
        this.#addVirtualAddress(virtualAddress, { networkId, ready });
      }
      for (const port of service.ports) this.#addPort(port, ready);
    }
  }

  #addVirtualAddress(
    address: string,
    on: { readonly networkId: string; readonly ready: readonly CatalogTask[] },
  ): void {
    const bridge = bridgeName(on.networkId);
    this.#virtualAddresses.get(bridge)?.push(address);
    this.#elements.own.set(address, '');
    this.#elements.virtual.set(address, '');
    const backEnds = on.ready.flatMap((task) => addressOn(task, on.networkId));
    if (backEnds.length === 0) return;
    this.#count(backEnds.length);
    this.#elements.vip.set(`"${bridge}" . ${address}`, `goto vip-${backEnds.length}`);
    for (const [slot, backEnd] of backEnds.entries()) {
      this.#elements['vip-slot'].set(`${address} . ${slot}`, backEnd);
      this.#elements.self.set(`${backEnd} . ${backEnd}`, '');
    }
  }

  #addPort(port: PublishedPort, ready: readonly CatalogTask[]): void {
    if (port.publishedPort === undefined) return;
    const backEnds = ready.flatMap((task) => this.#ingressAddress(task));
    if (backEnds.length === 0) return;
    this.#count(backEnds.length);
    const key = `${port.protocol} . ${port.publishedPort}`;
    this.#elements.port.set(key, `goto port-${backEnds.length}`);
    for (const [slot, backEnd] of backEnds.entries()) {
      this.#elements['port-slot'].set(`${key} . ${slot}`, `${backEnd} . ${port.targetPort}`);
      this.#elements.self.set(`${backEnd} . ${backEnd}`, '');
    }
  }

  #ingressAddress(task: CatalogTask): readonly string[] {
    return task.addresses
      .filter((one) => this.#view.networks.get(one.networkId)?.ingress === true)
      .map((one) => withoutPrefix(one.address));
  }

  #count(backEnds: number): void {
    this.#mostBackEnds = Math.max(this.#mostBackEnds, backEnds);
  }

  build(): NodeRules {
    const chains = new Map<string, readonly string[]>();
    for (let count = 1; count <= this.#mostBackEnds; count += 1) {
      chains.set(`vip-${count}`, [`dnat to ip daddr . numgen random mod ${count} map @vip-slot`]);
      chains.set(`port-${count}`, [
        `ct mark set ct mark | ${hex(acceptMark.value)}`,
        `dnat ip to meta l4proto . th dport . numgen random mod ${count} map @port-slot`,
      ]);
    }
    for (const [name, rules] of hooks) chains.set(name, rules);
    const collections = new Map<string, Collection>();
    for (const [name, elements] of Object.entries(this.#elements)) {
      const declaration = declarations[name as keyof typeof declarations];
      collections.set(name, { ...declaration, elements });
    }
    return {
      ruleset: { table: tableName, chains, collections },
      virtualAddresses: this.#virtualAddresses,
    };
  }
}

function hex(value: number): string {
  return `0x${value.toString(16)}`;
}

const declarations = {
  /** Bridge and virtual address: only members of the network find it. */
  vip: { kind: 'map', type: 'typeof iifname . ip daddr : verdict' },
  'vip-slot': { kind: 'map', type: 'typeof ip daddr . numgen random mod 65536 : ip daddr' },
  port: { kind: 'map', type: 'typeof meta l4proto . th dport : verdict' },
  'port-slot': {
    kind: 'map',
    type: 'typeof meta l4proto . th dport . numgen random mod 65536 : ip daddr . th dport',
  },
  'dns-port': { kind: 'map', type: 'typeof iifname : udp dport' },
  /** Gateways and virtual addresses: of this host, but no place for published ports. */
  own: { kind: 'set', type: 'typeof ip daddr' },
  virtual: { kind: 'set', type: 'typeof ip daddr' },
  self: { kind: 'set', type: 'typeof ip saddr . ip daddr' },
} as const;

const hooks: ReadonlyMap<string, readonly string[]> = new Map([
  [
    'prerouting',
    [
      // Before the container engine's own rules (-100).
      'type nat hook prerouting priority -105; policy accept;',
      'ip daddr @own meta l4proto { tcp, udp } th dport 53 redirect to :iifname map @dns-port',
      'iifname . ip daddr vmap @vip',
      'ip daddr @own return',
      'fib daddr type local meta l4proto . th dport vmap @port',
    ],
  ],
  [
    'postrouting',
    [
      'type nat hook postrouting priority 95; policy accept;',
      // A task that calls itself through its virtual address would answer itself past us.
      'ip saddr . ip daddr @self masquerade',
    ],
  ],
  [
    'input',
    [
      'type filter hook input priority 0; policy accept;',
      // What is still meant for a virtual address has no task to go to: say so at once.
      'ip daddr @virtual meta l4proto tcp reject with tcp reset',
      'ip daddr @virtual reject',
    ],
  ],
]);

/** The address of a task on a network, without prefix length. */
function addressOn(task: CatalogTask, networkId: string): readonly string[] {
  return task.addresses
    .filter((one) => one.networkId === networkId)
    .map((one) => withoutPrefix(one.address));
}

export function withoutPrefix(address: string): string {
  return address.split('/')[0] ?? address;
}

import { groupServices, type ServiceGroup } from '../catalog/service-groups.ts';
import type { PortForward } from '../host/network-devices.ts';
import type { DiscoveryView } from '../host/node-network.ts';
import { withoutPrefix } from '../lib/ipv4.ts';
import { FollowedMap } from '../lib/followed-map.ts';
import { KeyedMemo } from '../lib/keyed-memo.ts';
import { LayeredMap } from '../lib/layered-map.ts';
import type { CatalogNode, CatalogTask } from '../model/assignment.ts';
import { bridgeName, tunnelName } from './bridge-name.ts';
import type { Mesh } from './mesh.ts';
import { meshChains, meshPart, type MeshPlace, meshRules, ofMesh } from './mesh-rules.ts';
import {
  clearFrames,
  type CollectionName,
  declarations,
  callersFrames,
  foreignFrames,
  ledThrough,
  hooks,
  knownFrames,
  type OwnPart,
  setMark,
  tableName,
  tunnelHooks,
} from './rule-table.ts';
import type { Collection, Elements, Ruleset } from './ruleset.ts';
import {
  type Choice,
  type PortRules,
  portRules,
  type ServiceRules,
  serviceRules,
} from './service-rules.ts';
import { isEncrypted } from './span-places.ts';
import type { Span } from './spans.ts';
import { stickySlotCount } from './sticky-slots.ts';

export interface NodeRules {
  readonly ruleset: Ruleset;
  /** Addresses that the bridges answer for besides their own: the virtual ones. */
  readonly virtualAddresses: ReadonlyMap<string, Addresses>;
  /** Every address that connections are led to. */
  readonly backEnds: Addresses;
}

/** Each with how many have it. */
export type Addresses = ReadonlyMap<string, number>;

export interface ShownNetworks {
  /** The networks are those that have a bridge here, and no others. */
  readonly view: DiscoveryView;
  readonly groups?: ReadonlyMap<string, ServiceGroup>;
  /** Where the node answers the queries of a network: UDP and TCP port by network id. */
  readonly dnsPorts: ReadonlyMap<string, number>;
  /** The published ports that this node holds: no process of the host has them. */
  readonly forwards: readonly PortForward[];
  /** The networks that are joined with other nodes. */
  readonly spans: readonly Span[];
  /** How the ingress network is, which is one of them. */
  readonly mesh?: Mesh | undefined;
}

/** What was computed for the view before. */
export class NodeRulesMemo {
  readonly services = new FollowedMap<ServiceGroup, ServiceRules>();
  readonly ports = new FollowedMap<PortForward, PortRules>();
  readonly peers = new KeyedMemo<IsPeer>();
  /** Objects that stay while nothing of the nodes, or of a network, changes. */
  readonly contexts = new KeyedMemo<object>();
  /** How many services and ports lead to each address, and choose in each way. */
  readonly backEnds = new LayeredMap<string, number>();
  readonly vipChoices = new Map<Choice, number>();
  readonly portChoices = new Map<Choice, number>();
  /** By bridge. */
  readonly virtualAddresses = new Map<string, LayeredMap<string, number>>();
}

/**
 * The rules of a node that show this view: virtual addresses, published ports and names, each back
 * end picked at random for each connection. What a network does not have, its members cannot reach.
 * With the memo of the view before it costs what differs.
 */
export function nodeRules(shown: ShownNetworks, memo = new NodeRulesMemo()): NodeRules {
  followServices(shown, memo);
  const isPeer = memo.peers.get('', [...shown.view.nodes.values()], () => peersOf(shown.view));
  memo.peers.endRound();
  followPorts(shown.forwards, { isPeer, memo });
  const common = commonPart(shown, isPeer);
  const { mesh } = shown;
  const { nodes, downNodes = new Map<string, CatalogNode>() } = shown.view;
  const ofNodes =
    mesh === undefined ? {} : meshPart(mesh, [...nodes.values(), ...downNodes.values()]);
  const isSealed = [...(common.sealed ?? [])].length > 0;
  const { vipChoices, portChoices } = memo;
  const has = { isJoined: shown.spans.length > 0, isMeshed: mesh !== undefined, isSealed };
  const tunnel = isSealed ? tunnelName(shown.view.nodeId) : undefined;
  return {
    ruleset: {
      table: tableName,
      chains: chainsOf({ vipChoices, portChoices, isJoined: has.isJoined, mesh, tunnel }),
      collections: collectionsOf(has),
      sources: [
        new Map([
          ['common', { part: common }],
          ['nodes', { part: ofNodes }],
        ]),
        memo.services.values,
        memo.ports.values,
      ],
    },
    virtualAddresses: virtualAddressesOf(shown.view, memo),
    backEnds: memo.backEnds.snapshot(),
  };
}

/** What `nodeRules` with the same memo has to do for services, done before. */
export function followServices(
  { view, spans, groups = groupServices(view) }: Pick<ShownNetworks, 'view' | 'spans' | 'groups'>,
  memo: NodeRulesMemo,
): void {
  const { networks, nodes, nodeId } = view;
  const remotesOf = new Map(spans.map(({ bridge, remotes }) => [bridge, remotes]));
  const reaches = (task: CatalogTask, networkId: string): boolean =>
    task.nodeId === nodeId ||
    task.addresses.some(
      (one) =>
        one.networkId === networkId &&
        remotesOf.get(bridgeName(networkId))?.has(withoutPrefix(one.address)) === true,
    );
  const { contexts } = memo;
  const contextOf = (key: string, inputs: readonly unknown[]): object =>
    contexts.get(key, inputs, () => ({}));
  // Whom spans lead to follows from where nodes are.
  const ofNodes = contextOf('', [nodeId, ...nodes.values()]);
  const ofNetworks = new Map(
    [...networks].map(([networkId, network]) => {
      const inputs = [network, remotesOf.has(bridgeName(networkId))];
      return [networkId, contextOf(networkId, inputs)] as const;
    }),
  );
  contexts.endRound();
  const { come, gone } = memo.services.follow(groups, {
    context: [ofNodes, ...ofNetworks.values()],
    inputsOf: ({ service }) => [
      ofNodes,
      ...(service?.networks.map(({ networkId }) => ofNetworks.get(networkId)) ?? []),
    ],
    compute: (group) => serviceRules(group, { networks, nodeId, reaches }),
  });
  for (const one of gone) countService(memo, { rules: one, by: -1 });
  for (const one of come) countService(memo, { rules: one, by: 1 });
}

function countService(
  memo: NodeRulesMemo,
  { rules, by }: { readonly rules: ServiceRules; readonly by: number },
): void {
  for (const one of rules.backEnds) count(memo.backEnds, { key: one, by });
  for (const one of rules.choices) count(memo.vipChoices, { key: one, by });
  for (const { bridge, address } of rules.virtualAddresses) {
    const known = memo.virtualAddresses.get(bridge) ?? new LayeredMap<string, number>();
    memo.virtualAddresses.set(bridge, known);
    count(known, { key: address, by });
    if (known.size === 0) memo.virtualAddresses.delete(bridge);
  }
}

function count<Key>(
  counts: Pick<Map<Key, number>, 'get' | 'delete'> & { set(key: Key, value: number): unknown },
  { key, by }: { readonly key: Key; readonly by: number },
): void {
  const now = (counts.get(key) ?? 0) + by;
  if (now > 0) counts.set(key, now);
  else counts.delete(key);
}

function followPorts(
  forwards: readonly PortForward[],
  { isPeer, memo }: { readonly isPeer: IsPeer; readonly memo: NodeRulesMemo },
): void {
  const byPort = new Map(forwards.map((one) => [`${one.protocol} ${one.port}`, one]));
  const { come, gone } = memo.ports.follow(byPort, {
    context: [isPeer],
    inputsOf: () => [isPeer],
    compute: (forward) => portRules(forward, isPeer),
  });
  for (const [all, by] of [
    [gone, -1],
    [come, 1],
  ] as const) {
    for (const { backEnds, choice } of all) {
      for (const one of backEnds) count(memo.backEnds, { key: one, by });
      if (choice !== undefined) count(memo.portChoices, { key: choice, by });
    }
  }
}

type IsPeer = (address: string) => boolean;

function peersOf({ nodes }: DiscoveryView): IsPeer {
  const addresses = new Set([...nodes.values()].map(({ address }) => address));
  return (address) => addresses.has(address);
}

/** What follows from networks, nodes and the tasks of this node. */
function commonPart({ view, dnsPorts, forwards, spans }: ShownNetworks, isPeer: IsPeer): OwnPart {
  const networks = [...view.networks.values()]
    .filter(({ predefined }) => !predefined)
    .map((network) => ({
      ...network,
      bridge: `"${bridgeName(network.networkId)}"`,
      gateway: withoutPrefix(network.gateway),
      dnsPort: dnsPorts.get(network.networkId),
    }));
  const answered = networks.filter(({ dnsPort }) => dnsPort !== undefined);
  const relays = forwards.flatMap(({ backEnds }) =>
    backEnds.map(({ address }) => address).filter(isPeer),
  );
  // Nothing on the engine's own bridge is sent back by the way that it came: sockets lead it.
  const bySocket = view.publications.flatMap(({ engineAddress, ports }) =>
    engineAddress === undefined
      ? []
      : ports.map((one) => `${one.protocol} . ${one.publishedPort} . ${engineAddress}`),
  );
  return {
    own: keys(networks.map(({ gateway }) => gateway)),
    inside: keys(networks.map(({ subnet }) => subnet)),
    gateway: keys(answered.map(({ bridge, gateway }) => `${bridge} . ${gateway}`)),
    dns: new Map(answered.map((one) => [one.bridge, `${one.gateway} . ${one.dnsPort}`])),
    answering: keys(answered.map(({ gateway, dnsPort }) => `${gateway} . ${dnsPort}`)),
    closed: keys(networks.filter(({ ingress }) => ingress).map(({ bridge }) => bridge)),
    inward: keys(networks.filter(({ internal }) => internal).map(({ bridge }) => bridge)),
    relay: keys(relays),
    'by-socket': keys(bySocket),
    segment: keys(spans.map(({ port, vxlanId }) => segmentOf({ id: vxlanId, port }))),
    peer: keys([...view.nodes.values()].map(({ address }) => address)),
    sealed: keys(
      networks.flatMap((network) =>
        network.vxlan !== undefined && isEncrypted(network) ? [segmentOf(network.vxlan)] : [],
      ),
    ),
  };
}

function segmentOf({ id, port }: { readonly id: number; readonly port: number }): string {
  return `${port} . 0x${id.toString(16)}`;
}

function keys(elements: readonly string[]): Elements {
  return new Map(elements.map((one) => [one, '']));
}

function virtualAddressesOf(
  { networks }: DiscoveryView,
  { virtualAddresses }: NodeRulesMemo,
): NodeRules['virtualAddresses'] {
  const bridges = [...networks.values()]
    .filter(({ predefined }) => !predefined)
    .map(({ networkId }) => bridgeName(networkId));
  return new Map(
    bridges.map((bridge) => [bridge, virtualAddresses.get(bridge)?.snapshot() ?? new Map()]),
  );
}

function chainsOf(of: {
  readonly vipChoices: ReadonlyMap<Choice, number>;
  readonly portChoices: ReadonlyMap<Choice, number>;
  readonly isJoined: boolean;
  readonly mesh: MeshPlace | undefined;
  /** Undefined: no network is encrypted. */
  readonly tunnel: string | undefined;
}): Ruleset['chains'] {
  const chains = new Map<string, readonly string[]>();
  const ofMeshAlone = of.mesh === undefined ? undefined : meshChains(of.mesh);
  const inOthers = of.mesh === undefined ? undefined : meshRules(of.mesh);
  for (const [name, rules] of ofMeshAlone ?? []) chains.set(name, rules);
  for (const choice of inOrder(of.vipChoices)) {
    chains.set(`vip-${choice}`, [`dnat to ip daddr . ${slotBy(choice)} map @vip-slot`]);
  }
  for (const choice of inOrder(of.portChoices)) {
    chains.set(`port-${choice}`, [
      setMark,
      `dnat ip to meta l4proto . th dport . ${slotBy(choice)} map @port-slot` +
        ' : meta l4proto . th dport map @port-target',
    ]);
  }
  for (const [name, rules] of hooks) {
    const [hook = '', ...others] = rules;
    const first = name === 'forward' && of.tunnel !== undefined ? [ledThrough(of.tunnel)] : [];
    const guard = name === 'input' ? guardOf(of) : [];
    // What comes by the mesh is no frame.
    chains.set(name, [hook, ...first, ...(inOthers?.get(name) ?? []), ...guard, ...others]);
  }
  if (of.tunnel !== undefined) {
    for (const [name, rules] of tunnelHooks(of.tunnel)) chains.set(name, rules);
  }
  return chains;
}

/** The same on every node: whichever takes a caller in leads it to the same task. */
const stickySeed = 0x7475;

function slotBy(choice: Choice): string {
  return choice === 'sticky'
    ? `jhash ip saddr mod ${stickySlotCount} seed 0x${stickySeed.toString(16)}`
    : `numgen random mod ${choice}`;
}

function inOrder(choices: ReadonlyMap<Choice, number>): readonly Choice[] {
  const rank = (choice: Choice): number => (choice === 'sticky' ? Infinity : choice);
  return [...choices.keys()].toSorted((left, right) => rank(left) - rank(right));
}

/** Frames of ours are let in, and those of others dropped, before anything else. */
function guardOf(of: {
  readonly isJoined: boolean;
  readonly mesh: MeshPlace | undefined;
  readonly tunnel: string | undefined;
}): readonly string[] {
  const sealed = of.tunnel === undefined ? [] : [clearFrames(of.tunnel).input];
  const callers = of.mesh === undefined ? [] : [callersFrames];
  return of.isJoined ? [...sealed, knownFrames, ...callers, foreignFrames] : sealed;
}

/** Only a node that is joined with others has the sets about them, and their rule. */
const ofJoined: ReadonlySet<CollectionName> = new Set(['segment', 'peer']);

function collectionsOf(has: {
  readonly isJoined: boolean;
  readonly isMeshed: boolean;
  readonly isSealed: boolean;
}): ReadonlyMap<string, Collection> {
  const collections = new Map<string, Collection>();
  for (const name of Object.keys(declarations) as readonly CollectionName[]) {
    if (ofJoined.has(name) && !has.isJoined) continue;
    if (ofMesh.has(name) && !has.isMeshed) continue;
    if (name === 'sealed' && !has.isSealed) continue;
    collections.set(name, declarations[name]);
  }
  return collections;
}

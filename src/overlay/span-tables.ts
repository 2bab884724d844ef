import { hardwareAddress } from '../lib/hardware-address.ts';
import { changedKeys } from '../lib/layered-map.ts';
import { ipv6AddressOf } from '../model/ipv6.ts';
import { markOfWay, numberOfTable, wayMark } from './mesh.ts';
import type { Span } from './spans.ts';

/**
 * What the kernel has for spans, or is to have, as text that can be compared. A port of a bridge
 * sends on what its bridge knows to be behind it (`bridged`), a VXLAN device sends it to a node
 * (`forwarding`), and the bridge answers for it when somebody asks who has the address
 * (`neighbours`). Nothing else leaves by the device: nothing is flooded, nothing is learned.
 */
export interface SpanTables {
  /** Settings by device. */
  readonly links: ReadonlyMap<string, string>;
  /**
   * By `device hardware-address`: the node's address, and through which device it is reached where
   * that is not the routes' to say (`192.0.2.2 via tt-node-w`).
   */
  readonly forwarding: ReadonlyMap<string, string>;
  /** Of `device hardware-address`. */
  readonly bridged: ReadonlySet<string>;
  /** Hardware address by `device address`. */
  readonly neighbours: ReadonlyMap<string, string>;
  /** The next node's address by `device destination table`. */
  readonly routes: ReadonlyMap<string, string>;
  /** Rules of routing, as `ip` takes them. */
  readonly rules: ReadonlySet<string>;
}

/** Orders for `ip` and `bridge`, a line each. */
export interface SpanOrders {
  readonly ip: readonly string[];
  readonly bridge: readonly string[];
}

export interface SpanDifference {
  /** First; what is to go and is gone already is no error. */
  readonly removals: SpanOrders;
  readonly additions: SpanOrders;
}

/** The settings of a VXLAN device. */
export interface SpanLink {
  readonly vxlanId: number;
  readonly port: number;
  readonly localAddress: string;
  readonly mtu: number;
  /** Whose port it is, or else the address that it has itself. */
  readonly place: { readonly bridge: string } | { readonly address: string };
}

const portSettings = 'learning off flood off mcast_flood off bcast_flood off neigh_suppress on';

const beforeBridge = ' master ';
const beforeAddress = ' owns ';

/** The same text for the same settings; `others`: what is not as it must be. */
export function linkText(link: SpanLink, others: readonly string[] = []): string {
  const { vxlanId, port, localAddress, mtu, place } = link;
  const kind = `type vxlan id ${vxlanId} local ${localAddress} dstport ${port} nolearning`;
  const text =
    'bridge' in place
      ? `mtu ${mtu} ${kind}${beforeBridge}${place.bridge}`
      : `address ${hardwareAddress(localAddress)} mtu ${mtu} ${kind}${beforeAddress}${place.address}`;
  return [text, ...others].join(' ');
}

export function linkOf({ bridge, ways, ...span }: Span): SpanLink {
  const place = ways === undefined ? { bridge } : { address: span.localAddress };
  return { ...span, place };
}

export const mainTable = 'main';

/**
 * Rules are looked through for each packet: all others skip those about replies, of which there is
 * one for each node.
 */
const preferences = { skip: 21_540, reply: 21_541, lost: 21_542, end: 21_543 } as const;

/** Whether a rule is one of ours. */
export function isOwnPreference(preference: number): boolean {
  return preference >= preferences.skip && preference <= preferences.end;
}

export function tablesOf(spans: readonly Span[]): SpanTables {
  const tables = {
    links: new Map<string, string>(),
    forwarding: new Map<string, string>(),
    bridged: new Set<string>(),
    neighbours: new Map<string, string>(),
    routes: new Map<string, string>(),
    rules: new Set<string>(),
  };
  for (const span of spans) {
    tables.links.set(span.device, linkText(linkOf(span)));
    if (span.ways === undefined) addBridged(tables, span);
    else addRouted(tables, { ...span, ways: span.ways });
  }
  return tables;
}

type Tables = { readonly [Name in keyof SpanTables]: Growing<SpanTables[Name]> };
type Growing<T> = T extends ReadonlyMap<infer Key, infer Value> ? Map<Key, Value> : Set<string>;

function addBridged(tables: Tables, span: Span): void {
  for (const [address, node] of span.remotes) {
    const hardware = hardwareAddress(address);
    const way = span.tunnel === undefined ? node : forwardingText(node, span.tunnel);
    const key = `${span.device} ${hardware}`;
    tables.forwarding.set(key, way);
    tables.bridged.add(key);
    tables.neighbours.set(`${span.bridge} ${address}`, hardware);
    const ipv6 = span.subnets && ipv6AddressOf(span.subnets, address);
    if (ipv6 !== undefined) tables.neighbours.set(`${span.bridge} ${ipv6}`, hardware);
  }
}

/** Nodes are neighbours on the device; a reply goes to the one whose mark it has, or nowhere. */
function addRouted(tables: Tables, span: Span & Required<Pick<Span, 'ways'>>): void {
  const { device, bridge, ways, remotes } = span;
  for (const [node, number] of ways) {
    const hardware = hardwareAddress(node);
    const mark = markOfWay(number);
    tables.forwarding.set(`${device} ${hardware}`, node);
    tables.neighbours.set(`${device} ${node}`, hardware);
    tables.routes.set(`${device} default ${mark}`, node);
    tables.rules.add(`pref ${preferences.reply} iif ${bridge} fwmark ${hex(mark)} lookup ${mark}`);
  }
  for (const [address, node] of remotes)
    tables.routes.set(`${device} ${address} ${mainTable}`, node);
  const anyReply = `iif ${bridge} fwmark ${hex(wayMark.value)}/${hex(wayMark.mask)}`;
  tables.rules.add(`pref ${preferences.skip} not ${anyReply} goto ${preferences.end}`);
  tables.rules.add(`pref ${preferences.lost} ${anyReply} blackhole`);
  tables.rules.add(`pref ${preferences.end} nop`);
}

function hex(value: number): string {
  return `0x${(value >>> 0).toString(16)}`;
}

const through = ' via ';

/** To a node by one device alone: by another one nothing leaves, whatever routes say. */
export function forwardingText(node: string, device: string): string {
  return `${node}${through}${device}`;
}

/**
 * Of spans that follow on each other, those in which something differs, and of two that are set
 * alike only the tasks that do: the same orders follow, at the cost of what differs.
 */
export function changedSpans(
  before: readonly Span[],
  after: readonly Span[],
): { readonly before: readonly Span[]; readonly after: readonly Span[] } {
  const known = new Map(before.map((span) => [span.device, span]));
  const old: Span[] = [];
  const recent: Span[] = [];
  for (const span of after) {
    const last = known.get(span.device);
    known.delete(span.device);
    if (last === undefined) recent.push(span);
    else if (linkText(linkOf(last)) === linkText(linkOf(span)) && isSameWay(last, span)) {
      old.push(otherThan(span, last));
      recent.push(otherThan(last, span));
    } else {
      old.push(last);
      recent.push(span);
    }
  }
  return { before: [...old, ...known.values()], after: recent };
}

function isSameWay(one: Span, other: Span): boolean {
  return (
    one.bridge === other.bridge &&
    one.tunnel === other.tunnel &&
    one.subnets?.ipv6.subnet === other.subnets?.ipv6.subnet
  );
}

/** The span with only those tasks and nodes elsewhere that the other does not have the same. */
function otherThan(other: Span, span: Span): Span {
  const { remotes, ways } = span;
  return {
    ...span,
    remotes: entriesBeside(remotes, other.remotes),
    ...(ways !== undefined && { ways: entriesBeside(ways, other.ways) }),
  };
}

function entriesBeside<Value>(
  entries: ReadonlyMap<string, Value>,
  others: ReadonlyMap<string, Value> = new Map(),
): ReadonlyMap<string, Value> {
  const found = new Map<string, Value>();
  for (const key of changedKeys(others, entries)) {
    const value = entries.get(key);
    if (value !== undefined) found.set(key, value);
  }
  return found;
}

/** The number of each node that has one, by its address. */
export function waysOf({ routes }: Pick<SpanTables, 'routes'>): ReadonlyMap<string, number> {
  const ways = new Map<string, number>();
  for (const [key, node] of routes) {
    const number = numberOfTable(Number(key.split(' ')[2]));
    if (number !== undefined) ways.set(node, number);
  }
  return ways;
}

export function isEmptyDifference({ removals, additions }: SpanDifference): boolean {
  return [removals, additions].every(({ ip, bridge }) => ip.length + bridge.length === 0);
}

/**
 * What turns one into the other. A device with other settings is made anew, and what leads through
 * it with it.
 */
export function spanDifference(before: SpanTables, after: SpanTables): SpanDifference {
  const gone = keysBeside(before.links, after.links);
  const come = keysBeside(after.links, before.links);
  const goneSet = new Set(gone);
  const comeSet = new Set(come);
  // A bridge whose own address changes with its ports forgets its neighbours.
  const shaken = new Set(come.flatMap((device) => bridgeOf(after.links.get(device)) ?? []));
  const isAnew = (key: string): boolean => comeSet.has(deviceOf(key));
  /** Entries go and come with their device. */
  const dropped = <Key extends string>(old: Iterable<Key>, kept: { has(key: Key): boolean }) =>
    [...old].filter((key) => !kept.has(key) && !goneSet.has(deviceOf(key)));
  const added = (now: ReadonlyMap<string, string>, old: ReadonlyMap<string, string>) =>
    [...now].filter(([key, value]) => isAnew(key) || old.get(key) !== value);
  const isNeighbourAnew = (key: string): boolean => isAnew(key) || shaken.has(deviceOf(key));
  const neighbours = [...after.neighbours].filter(
    ([key, hardware]) => isNeighbourAnew(key) || before.neighbours.get(key) !== hardware,
  );
  const bridged = [...after.bridged].filter((key) => isAnew(key) || !before.bridged.has(key));
  return {
    removals: {
      ip: [
        ...[...before.rules.difference(after.rules)].map((rule) => `rule delete ${rule}`),
        ...gone.map((device) => `link delete dev ${device}`),
        ...dropped(before.neighbours.keys(), after.neighbours).map(
          (key) => `neighbour delete ${entryOf(key)}`,
        ),
        ...dropped(before.routes.keys(), after.routes).map((key) => `route delete ${routeOf(key)}`),
      ],
      bridge: [
        ...dropped(before.forwarding.keys(), after.forwarding).map(
          (key) => `fdb delete ${entryOf(key)} self`,
        ),
        ...dropped(before.bridged, after.bridged).map((key) => `fdb delete ${entryOf(key)} master`),
      ],
    },
    additions: {
      ip: [
        ...come.flatMap((device) => linkOrders(device, after.links.get(device) ?? '')),
        ...neighbours.map(
          ([key, hardware]) => `neighbour replace ${entryOf(key)} lladdr ${hardware} nud permanent`,
        ),
        ...added(after.routes, before.routes).map(
          ([key, node]) => `route replace ${routeOf(key)} via ${node} onlink`,
        ),
        ...[...after.rules.difference(before.rules)].map((rule) => `rule add ${rule}`),
      ],
      bridge: entryOrders(added(after.forwarding, before.forwarding), bridged),
    },
  };
}

/**
 * Where it is does not change by what somebody sends (`sticky`). What both the device and its
 * bridge are to know is one order: of thousands each costs.
 */
function entryOrders(
  forwarding: readonly (readonly [key: string, node: string])[],
  bridged: readonly string[],
): readonly string[] {
  const left = new Set(bridged);
  const ofDevices = forwarding.map(([key, node]) => {
    const entry = `fdb replace ${entryOf(key)} dst ${node} self`;
    // A bridge does not take the name of another device.
    const isOfBoth = !node.includes(through) && left.delete(key);
    return isOfBoth ? `${entry} master static sticky` : `${entry} permanent`;
  });
  return [
    ...ofDevices,
    ...[...left].map((key) => `fdb replace ${entryOf(key)} master static sticky`),
  ];
}

function deviceOf(key: string): string {
  const end = key.indexOf(' ');
  return end < 0 ? key : key.slice(0, end);
}

/** What a key says of its device. */
function behindDevice(key: string): string {
  return key.slice(key.indexOf(' ') + 1);
}

/** Of a link's text. */
function bridgeOf(text: string | undefined): string | undefined {
  return text?.split(beforeBridge)[1];
}

/** Of a link's text. Up at the end: until then nothing goes through it. */
export function linkOrders(device: string, text: string): readonly string[] {
  const bridge = bridgeOf(text);
  const [kind = '', address = ''] = text.split(bridge === undefined ? beforeAddress : beforeBridge);
  const place =
    bridge === undefined
      ? [`link set dev ${device} addrgenmode none`, `address add ${address}/32 dev ${device}`]
      : [
          `link set dev ${device} addrgenmode none master ${bridge}`,
          `link set dev ${device} type bridge_slave ${portSettings}`,
        ];
  return [`link add dev ${device} ${kind}`, ...place, `link set dev ${device} up`];
}

function entryOf(key: string): string {
  return `${behindDevice(key)} dev ${deviceOf(key)}`;
}

function routeOf(key: string): string {
  const [device = '', destination = '', table = ''] = key.split(' ');
  return `${destination} dev ${device} table ${table}`;
}

/** Keys that the other does not have with the same value. */
function keysBeside(
  one: ReadonlyMap<string, string>,
  other: ReadonlyMap<string, string>,
): readonly string[] {
  return [...one].filter(([key, value]) => other.get(key) !== value).map(([key]) => key);
}

import { hardwareAddress } from '../lib/hardware-address.ts';
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
  /** The node's address by `device hardware-address`. */
  readonly forwarding: ReadonlyMap<string, string>;
  /** Of `device hardware-address`. */
  readonly bridged: ReadonlySet<string>;
  /** Hardware address by `bridge address`. */
  readonly neighbours: ReadonlyMap<string, string>;
}

export const noSpans: SpanTables = {
  links: new Map(),
  forwarding: new Map(),
  bridged: new Set(),
  neighbours: new Map(),
};

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
  readonly bridge: string;
}

const portSettings = 'learning off flood off mcast_flood off bcast_flood off neigh_suppress on';

/** The same text for the same settings; `others`: what is not as it must be. */
export function linkText(link: SpanLink, others: readonly string[] = []): string {
  const { vxlanId, port, localAddress, mtu, bridge } = link;
  const kind = `type vxlan id ${vxlanId} local ${localAddress} dstport ${port} nolearning`;
  return [`mtu ${mtu} ${kind}${beforeBridge}${bridge}`, ...others].join(' ');
}

export function tablesOf(spans: readonly Span[]): SpanTables {
  const links = new Map<string, string>();
  const forwarding = new Map<string, string>();
  const bridged = new Set<string>();
  const neighbours = new Map<string, string>();
  for (const span of spans) {
    links.set(span.device, linkText(span));
    for (const [address, node] of span.remotes) {
      const hardware = hardwareAddress(address);
      forwarding.set(`${span.device} ${hardware}`, node);
      bridged.add(`${span.device} ${hardware}`);
      neighbours.set(`${span.bridge} ${address}`, hardware);
    }
  }
  return { links, forwarding, bridged, neighbours };
}

export function isEmptyDifference({ removals, additions }: SpanDifference): boolean {
  return [removals, additions].every(({ ip, bridge }) => ip.length + bridge.length === 0);
}

/**
 * What turns one into the other. A device with other settings is made anew, and what leads through
 * it with it.
 */
export function spanDifference(before: SpanTables, after: SpanTables): SpanDifference {
  const gone = changedKeys(before.links, after.links);
  const come = changedKeys(after.links, before.links);
  const deviceOf = (key: string): string => key.split(' ')[0] ?? '';
  /** Entries go and come with their device. */
  const goesByItself = (key: string): boolean => gone.includes(deviceOf(key));
  const isToCome = (key: string): boolean => come.includes(deviceOf(key));
  const forwarding = [...after.forwarding].filter(
    ([key, node]) => isToCome(key) || before.forwarding.get(key) !== node,
  );
  const bridged = [...after.bridged].filter((key) => isToCome(key) || !before.bridged.has(key));
  // A bridge whose own address changes with its ports forgets its neighbours.
  const shaken = new Set(come.map((device) => bridgeOf(after.links.get(device))));
  const neighbours = [...after.neighbours].filter(
    ([key, hardware]) => shaken.has(deviceOf(key)) || before.neighbours.get(key) !== hardware,
  );
  const unforwarded = [...before.forwarding.keys()].filter(
    (key) => !after.forwarding.has(key) && !goesByItself(key),
  );
  const unbridged = [...before.bridged].filter(
    (key) => !after.bridged.has(key) && !goesByItself(key),
  );
  const forgotten = [...before.neighbours.keys()].filter((key) => !after.neighbours.has(key));
  return {
    removals: {
      ip: [
        ...gone.map((device) => `link delete dev ${device}`),
        ...forgotten.map((key) => `neighbour delete ${addressOn(key)}`),
      ],
      bridge: [
        ...unforwarded.map((key) => `fdb delete ${entryOf(key)} self`),
        ...unbridged.map((key) => `fdb delete ${entryOf(key)} master`),
      ],
    },
    additions: {
      ip: [
        ...come.flatMap((device) => linkOrders(device, after.links.get(device) ?? '')),
        ...neighbours.map(
          ([key, hardware]) =>
            `neighbour replace ${addressOn(key)} lladdr ${hardware} nud permanent`,
        ),
      ],
      bridge: [
        ...forwarding.map(
          ([key, node]) => `fdb replace ${entryOf(key)} dst ${node} self permanent`,
        ),
        // Where it is does not change by what somebody sends.
        ...bridged.map((key) => `fdb replace ${entryOf(key)} master static sticky`),
      ],
    },
  };
}

const beforeBridge = ' master ';

/** Of a link's text. */
function bridgeOf(text: string | undefined): string {
  return text?.split(beforeBridge)[1] ?? '';
}

/** Up at the end: until then nothing goes through it. */
function linkOrders(device: string, text: string): readonly string[] {
  const [settings] = text.split(beforeBridge);
  return [
    `link add dev ${device} ${settings}`,
    `link set dev ${device} addrgenmode none master ${bridgeOf(text)}`,
    `link set dev ${device} type bridge_slave ${portSettings}`,
    `link set dev ${device} up`,
  ];
}

function entryOf(key: string): string {
  const [device = '', hardware = ''] = key.split(' ');
  return `${hardware} dev ${device}`;
}

function addressOn(key: string): string {
  const [bridge = '', address = ''] = key.split(' ');
  return `${address} dev ${bridge}`;
}

/** Keys that the other does not have with the same value. */
function changedKeys(
  one: ReadonlyMap<string, string>,
  other: ReadonlyMap<string, string>,
): readonly string[] {
  return [...one].filter(([key, value]) => other.get(key) !== value).map(([key]) => key);
}

import { hardwareAddress } from '../lib/hardware-address.ts';
import { isSpanName, bridgePrefix } from './bridge-name.ts';
import {
  forwardingText,
  isOwnPreference,
  linkText,
  mainTable,
  type SpanTables,
} from './span-tables.ts';

/** What `ip -json -details address show type vxlan` prints, as far as it is read. */
interface ListedLink {
  readonly ifname: string;
  readonly mtu: number;
  readonly flags: readonly string[];
  readonly address?: string;
  readonly addr_info?: readonly { readonly local?: string; readonly prefixlen?: number }[];
  readonly master?: string;
  readonly linkinfo?: {
    readonly info_data?: {
      readonly id?: number;
      readonly local?: string;
      readonly port?: number;
      readonly learning?: boolean;
    };
    readonly info_slave_data?: Readonly<Record<string, unknown>>;
  };
}

/** Of `bridge -json fdb show`. */
interface ListedEntry {
  readonly mac: string;
  readonly ifname?: string;
  readonly dst?: string;
  /** A device that is gone is listed by its number. */
  readonly viaIf?: string;
  readonly master?: string;
  readonly state?: string;
}

/** Of `ip -json neighbour show nud permanent`. */
interface ListedNeighbour {
  readonly dst: string;
  readonly dev: string;
  readonly lladdr?: string;
}

/** Of `ip -json -4 route show table all`. */
interface ListedRoute {
  readonly dst: string;
  readonly gateway?: string;
  readonly dev?: string;
  /** Absent for the main one. */
  readonly table?: string;
}

/** Of `ip -json -4 rule show`. */
interface ListedRule {
  readonly priority: number;
  readonly not?: null;
  readonly iif?: string;
  readonly fwmark?: string;
  readonly fwmask?: string;
  readonly table?: string;
  readonly goto?: number;
  readonly action?: string;
  readonly nop?: null;
}

/** How a port of a bridge must be that nothing is flooded to and nothing is learned from. */
const portSettings = {
  learning: false,
  flood: false,
  mcast_flood: false,
  bcast_flood: false,
  neigh_suppress: true,
  hairpin: false,
} as const;

/** What the programs that list the kernel's state printed, as JSON; empty for nothing. */
export interface SpanListing {
  readonly links: string;
  readonly forwarding: string;
  readonly neighbours: string;
  readonly routes: string;
  readonly rules: string;
}

/** The spans that the kernel has, whoever made them. */
export function parseSpans(listing: SpanListing): SpanTables {
  const links = (parse(listing.links) as readonly ListedLink[]).filter(({ ifname }) =>
    isSpanName(ifname),
  );
  const entries = (parse(listing.forwarding) as readonly ListedEntry[]).filter(({ ifname }) =>
    isSpanName(ifname ?? ''),
  );
  const routes = (parse(listing.routes) as readonly ListedRoute[]).filter(({ dev }) =>
    isSpanName(dev ?? ''),
  );
  const rules = (parse(listing.rules) as readonly ListedRule[]).filter(({ priority }) =>
    isOwnPreference(priority),
  );
  const neighbours = (parse(listing.neighbours) as readonly ListedNeighbour[]).filter(({ dev }) =>
    dev.startsWith(bridgePrefix),
  );
  return {
    links: new Map(links.map((link) => [link.ifname, textOf(link)])),
    forwarding: new Map(
      entries.flatMap(({ mac, ifname, dst, viaIf }) => {
        if (dst === undefined) return [];
        const way = viaIf === undefined ? dst : forwardingText(dst, viaIf);
        return [[`${ifname} ${mac}`, way] as const];
      }),
    ),
    bridged: new Set(
      entries
        // The device's own address is permanent.
        .filter(({ master, state }) => master !== undefined && state === 'static')
        .map(({ mac, ifname }) => `${ifname} ${mac}`),
    ),
    neighbours: new Map(
      neighbours.map(({ dst, dev, lladdr }) => [`${dev} ${dst}`, lladdr ?? ''] as const),
    ),
    routes: new Map(
      routes.flatMap(({ dst, dev, gateway, table = mainTable }) =>
        gateway === undefined ? [] : [[`${dev} ${dst} ${table}`, gateway] as const],
      ),
    ),
    rules: new Set(rules.map(ruleText)),
  };
}

/** As `ip` takes it. */
function ruleText(rule: ListedRule): string {
  const { priority, iif, fwmark, fwmask, table, goto: target, action } = rule;
  const words = [`pref ${priority}`];
  if ('not' in rule) words.push('not');
  if (iif !== undefined) words.push(`iif ${iif}`);
  if (fwmark !== undefined) words.push(`fwmark ${[fwmark, fwmask ?? []].flat().join('/')}`);
  if (target !== undefined) words.push(`goto ${target}`);
  else if ('nop' in rule) words.push('nop');
  else words.push(table === undefined ? (action ?? '') : `lookup ${table}`);
  return words.join(' ');
}

function textOf({ mtu, master, flags, address, addr_info: infos, linkinfo }: ListedLink): string {
  const { id = 0, local = '', port = 0, learning } = linkinfo?.info_data ?? {};
  const ofPort = linkinfo?.info_slave_data ?? {};
  const others: string[] = [];
  if (master !== undefined) {
    for (const [name, wanted] of Object.entries(portSettings)) {
      // Older programs do not print all of them.
      const found = ofPort[name] ?? wanted;
      if (found !== wanted) others.push(`${name} ${JSON.stringify(found)}`);
    }
  } else if (address !== hardwareAddress(local)) others.push(`address ${address}`);
  if (learning === true) others.push('learning of the device');
  if (!flags.includes('UP')) others.push('down');
  const own = (infos ?? []).find(({ prefixlen }) => prefixlen === 32)?.local ?? '';
  const place = master === undefined ? { address: own } : { bridge: master };
  return linkText({ vxlanId: id, port, localAddress: local, mtu, place }, others);
}

function parse(text: string): unknown {
  return text.trim() === '' ? [] : JSON.parse(text);
}

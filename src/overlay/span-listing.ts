import { isSpanName, bridgePrefix } from './bridge-name.ts';
import { linkText, type SpanTables } from './span-tables.ts';

/** What `ip -json -details link show type vxlan` prints, as far as it is read. */
interface ListedLink {
  readonly ifname: string;
  readonly mtu: number;
  readonly flags: readonly string[];
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
  readonly master?: string;
  readonly state?: string;
}

/** Of `ip -json neighbour show nud permanent`. */
interface ListedNeighbour {
  readonly dst: string;
  readonly dev: string;
  readonly lladdr?: string;
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
}

/** The spans that the kernel has, whoever made them. */
export function parseSpans(listing: SpanListing): SpanTables {
  const links = (parse(listing.links) as readonly ListedLink[]).filter(({ ifname }) =>
    isSpanName(ifname),
  );
  const entries = (parse(listing.forwarding) as readonly ListedEntry[]).filter(({ ifname }) =>
    isSpanName(ifname ?? ''),
  );
  const neighbours = (parse(listing.neighbours) as readonly ListedNeighbour[]).filter(({ dev }) =>
    dev.startsWith(bridgePrefix),
  );
  return {
    links: new Map(links.map((link) => [link.ifname, textOf(link)])),
    forwarding: new Map(
      entries.flatMap(({ mac, ifname, dst }) =>
        dst === undefined ? [] : [[`${ifname} ${mac}`, dst] as const],
      ),
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
  };
}

function textOf({ mtu, master = '', flags, linkinfo }: ListedLink): string {
  const { id = 0, local = '', port = 0, learning } = linkinfo?.info_data ?? {};
  const ofPort = linkinfo?.info_slave_data ?? {};
  const others = Object.entries(portSettings).flatMap(([name, wanted]) => {
    // Older programs do not print all of them.
    const found = ofPort[name] ?? wanted;
    return found === wanted ? [] : [`${name} ${JSON.stringify(found)}`];
  });
  if (learning === true) others.push('learning of the device');
  if (!flags.includes('UP')) others.push('down');
  const link = { vxlanId: id, port, localAddress: local, mtu, bridge: master };
  return linkText(link, others);
}

function parse(text: string): unknown {
  return text.trim() === '' ? [] : JSON.parse(text);
}

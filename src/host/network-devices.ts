import type { Affinity } from '../model/affinity.ts';

/** The kernel's packet filter and bridges, as the agent changes them. */
export interface NetworkDevices {
  /** Loads a script of nftables as one transaction. */
  loadRules(script: string): Promise<void>;
  /**
   * The table as the kernel has it, without counters and with protocols as numbers; undefined when
   * it has none. `chainsOnly`: without the elements of maps and sets, which may be many.
   */
  readRules(table: string, how?: { readonly chainsOnly: boolean }): Promise<string | undefined>;
  /** Removes the table; one that is not there is no error. */
  removeRules(table: string): Promise<void>;
  /**
   * Makes a bridge answer for exactly these addresses (the keys) besides those that it had from
   * others; costs what differs from those before.
   */
  setAddresses(bridge: string, addresses: ReadonlyMap<string, unknown>): Promise<void>;
  /** What `setAddresses` remembers may not hold any more: it looks again. */
  forgetAddresses(): void;
  /** Names of the bridges that there are. */
  listBridges(): Promise<ReadonlySet<string>>;
  /** Removes a bridge, whatever is on it; does nothing where there is none. */
  removeBridge(bridge: string): Promise<void>;
  /**
   * Makes a bridge that is gone again, with its address (`10.0.1.1/24`), and puts the containers
   * back on it that have an address of its subnet. `ipv6Address`: its other one, where it has one.
   */
  restoreBridge(request: {
    readonly bridge: string;
    readonly address: string;
    readonly ipv6Address?: string;
    /** Process ids of containers that may have been on it. */
    readonly members: readonly number[];
  }): Promise<void>;
  /** Makes flows of UDP that lead to these addresses find another way. */
  forgetDatagrams(addresses: readonly string[]): Promise<void>;
  /** The same for TCP connections that nobody there has answered. */
  forgetUnanswered(addresses: readonly string[]): Promise<void>;
  /**
   * Makes queries to these gateways that the kernel still leads to a port of before be led anew,
   * with the rules of now.
   */
  forgetQueries(gateways: readonly string[]): Promise<void>;
  /** Lets each port of these bridges send back what came in by it. */
  allowHairpin(bridges: readonly string[]): Promise<void>;
  /** Makes the container engine's forward rules accept connections with this mark; idempotent. */
  acceptMarked(mark: { readonly value: number; readonly mask: number }): Promise<void>;
  /** Takes that back. */
  refuseMarked(mark: { readonly value: number; readonly mask: number }): Promise<void>;
  /** Makes bridged packets pass the packet filter, which the replies of back ends need. */
  filterBridges(): Promise<void>;
  /** Makes the kernel forward packets (IPv4); false: it did already. */
  forwardPackets(): Promise<boolean>;
  /**
   * Says, each time that somebody else changed what we have in the kernel, what it was. An event
   * may get lost.
   */
  watch(onChange: (what: string) => void, signal: AbortSignal): Promise<void>;
}

/** Where a query came from. */
export interface DnsAsker {
  readonly networkId: string;
  readonly clientAddress: string;
}

/** Where a query came from, and what it asks. */
export interface DnsQuestion extends DnsAsker {
  readonly name: string;
  /** `A`, `AAAA`, `PTR`, `SRV`, or `TYPE<number>` (RFC 3597, 5) where nobody here knows it. */
  readonly type: string;
}

export type DnsRecord =
  | { readonly type: 'A' | 'AAAA'; readonly name: string; readonly address: string }
  | { readonly type: 'PTR'; readonly name: string; readonly target: string }
  | {
      readonly type: 'SRV';
      readonly name: string;
      /** A name that has addresses. */
      readonly target: string;
      readonly port: number;
    };

/** `forward`: nothing of ours; ask these resolvers, or else the machine's. */
export type DnsAnswer =
  | {
      readonly kind: 'records';
      readonly records: readonly DnsRecord[];
      /** What who asks will ask next. */
      readonly additionals?: readonly DnsRecord[];
    }
  | { readonly kind: 'no-such-name' }
  | { readonly kind: 'forward'; readonly nameservers?: readonly string[] };

/** What names mean at the moment. */
export interface NameSource {
  /** Another number whenever an answer may be another one. */
  readonly revision: number;
  answer(question: DnsQuestion): DnsAnswer;
  /** Those for whom it is the same get the same answers, but for what is asked of others. */
  sightOf(asker: DnsAsker): string;
}

/** Where names of a network are answered. */
export interface DnsPort {
  readonly port: number;
  /** Whether they were answered there before, so that every query that is led there arrives. */
  readonly isInherited: boolean;
}

/** Serves DNS, UDP and TCP, on addresses of this machine. */
export interface DnsListeners {
  /** Listens on the address for a network. A second call returns the same. */
  open(networkId: string, address: string): Promise<DnsPort>;
  close(networkId: string): Promise<void>;
}

export interface PortForward {
  readonly protocol: 'tcp' | 'udp' | 'sctp';
  readonly port: number;
  /** Callers of the machine itself are one, and go round all the same. */
  readonly affinity?: Affinity;
  /** `address` and port of each back end. */
  readonly backEnds: readonly { readonly address: string; readonly port: number }[];
}

/**
 * Holds published ports on this machine, so that no other process takes them and none of another
 * process is taken, and serves those who call from this machine itself.
 */
export interface PortListeners {
  /** Makes these the ports that are held; returns those that are not to be had, and why. */
  apply(
    forwards: readonly PortForward[],
  ): Promise<readonly { readonly forward: PortForward; readonly message: string }[]>;
  /** A port that nobody has now. It is not held, and not chosen again for long. */
  choose(protocol: PortForward['protocol']): Promise<number>;
}

/** The kernel's packet filter and bridges, as the agent changes them. */
export interface NetworkDevices {
  /** Loads a script of nftables as one transaction. */
  loadRules(script: string): Promise<void>;
  /**
   * The table as the kernel has it, without counters and with protocols as numbers; undefined when
   * it has none.
   */
  readRules(table: string): Promise<string | undefined>;
  /** Removes the table; one that is not there is no error. */
  removeRules(table: string): Promise<void>;
  /** Makes a bridge answer for exactly these addresses besides those that it had from others. */
  setAddresses(bridge: string, addresses: readonly string[]): Promise<void>;
  /** What `setAddresses` remembers may not hold any more: it looks again. */
  forgetAddresses(): void;
  /** Names of the bridges that there are. */
  listBridges(): Promise<ReadonlySet<string>>;
  /**
   * Makes a bridge that is gone again, with its address (`10.0.1.1/24`), and puts the containers
   * back on it that have an address of its subnet.
   */
  restoreBridge(request: {
    readonly bridge: string;
    readonly address: string;
    /** Process ids of containers that may have been on it. */
    readonly members: readonly number[];
  }): Promise<void>;
  /** Makes flows of UDP that lead to these addresses find another way. */
  forgetFlows(addresses: readonly string[]): Promise<void>;
  /** Lets each port of these bridges send back what came in by it. */
  allowHairpin(bridges: readonly string[]): Promise<void>;
  /** Makes the container engine's forward rules accept connections with this mark; idempotent. */
  acceptMarked(mark: { readonly value: number; readonly mask: number }): Promise<void>;
  /** Takes that back. */
  refuseMarked(mark: { readonly value: number; readonly mask: number }): Promise<void>;
  /** Makes bridged packets pass the packet filter, which the replies of back ends need. */
  filterBridges(): Promise<void>;
  /**
   * Says, each time that somebody else changed what we have in the kernel, what it was. An event
   * may get lost.
   */
  watch(onChange: (what: string) => void, signal: AbortSignal): Promise<void>;
}

/** Where a query came from, and what it asks. */
export interface DnsQuestion {
  readonly name: string;
  readonly type: string;
  readonly networkId: string;
  readonly clientAddress: string;
}

export type DnsRecord =
  | { readonly type: 'A'; readonly name: string; readonly address: string }
  | { readonly type: 'PTR'; readonly name: string; readonly target: string };

/** `forward`: nothing of ours; ask these resolvers, or else the machine's. */
export type DnsAnswer =
  | { readonly kind: 'records'; readonly records: readonly DnsRecord[] }
  | { readonly kind: 'no-such-name' }
  | { readonly kind: 'forward'; readonly nameservers?: readonly string[] };

/** Serves DNS, UDP and TCP, on addresses of this machine. */
export interface DnsListeners {
  /** Listens on the address for a network; returns the port. A second call returns the same. */
  open(networkId: string, address: string): Promise<number>;
  close(networkId: string): Promise<void>;
}

export interface PortForward {
  readonly protocol: 'tcp' | 'udp' | 'sctp';
  readonly port: number;
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

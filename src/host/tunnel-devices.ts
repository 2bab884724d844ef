/** A tunnel as the machine has it. */
export interface ListedTunnel {
  readonly mtu: number;
  readonly isUp: boolean;
  /** Who filters by where senders are lets in what came by it. */
  readonly takesDetours: boolean;
  /** As `wg show <device> dump` prints it; it holds the private key. Undefined: nobody answers. */
  readonly dump: string | undefined;
}

/** WireGuard of this machine: the kernel's, or a program that does the same. */
export interface TunnelDevices {
  /** Why this machine cannot encrypt, in a sentence; undefined: it can. */
  problem(): Promise<string | undefined>;
  /** Names of the tunnels that there are. */
  list(): Promise<readonly string[]>;
  /** Undefined: there is none of this name. */
  read(device: string): Promise<ListedTunnel | undefined>;
  /** Makes one; one of this name that does not answer goes first. */
  make(device: string, settings: { readonly mtu: number }): Promise<void>;
  /** `wg set`; a private key is never a parameter. */
  order(
    device: string,
    order: { readonly parameters: readonly string[]; readonly privateKey?: string },
  ): Promise<void>;
  remove(device: string): Promise<void>;
}

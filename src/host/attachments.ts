/** A place on a network of the cluster that a container may be made with. */
export interface GrantedPlace {
  readonly id: string;
  readonly networkId: string;
  /** What the container engine of this node calls the network. */
  readonly engineName: string;
  /** Without prefix length, all. */
  readonly address: string;
  /** Where the network has IPv6. */
  readonly ipv6Address?: string;
  readonly gateway: string;
}

/** Containers of this node that are no tasks, on networks of the cluster. */
export interface Attachments {
  /**
   * Asks a manager for a place, and makes the network here; undefined: the cluster has no such
   * network, or there is no cluster. `settle` has to follow.
   *
   * @throws TuttiError `permission-denied` where the network is not attachable, `unavailable`
   *   without a manager, and what speaks against the address.
   */
  attach(ask: {
    /** Name or id, or the beginning of its id. */
    readonly network: string;
    readonly address?: string;
    readonly signal: AbortSignal;
  }): Promise<GrantedPlace | undefined>;
  /** Containers were made with these places, or will not be. */
  settle(ids: readonly string[]): Promise<void>;
  /**
   * What the container engine of this node calls an attachable network of the cluster, by its name,
   * its id or the beginning of that.
   */
  engineNetwork(reference: string): string | undefined;
  /** Resolves when a manager knows of the containers as they are now, or is not in reach. */
  untilNoted(): Promise<void>;
}

import type { Instant } from './instant.ts';
import type { Labels } from './labels.ts';

/** The driver option for the size of packets, as in Docker. */
export const mtuOption = 'com.docker.network.driver.mtu';

/**
 * Nothing of the network may leave a machine in clear text, as in Docker. Whatever its value: who
 * writes it does not expect less.
 */
export const encryptedOption = 'encrypted';

/**
 * How a service says its static address: as an option of its place on the network
 * (`docker service create --network name=…,driver-opt=…`).
 */
export const staticAddressOption = 'dev.tutti.ipv4_address';

/** Driver options that mean something. */
export const knownDriverOptions: ReadonlySet<string> = new Set([mtuOption, encryptedOption]);

export interface SubnetSpec {
  /** `10.0.1.0/24`. */
  readonly subnet: string;
  readonly gateway?: string;
  readonly ipRange?: string;
}

export interface NetworkSpec {
  readonly name: string;
  readonly labels: Labels;
  readonly driver: string;
  readonly driverOptions: Readonly<Record<string, string>>;
  /** No way out of the network. */
  readonly internal: boolean;
  readonly attachable: boolean;
  /** The network through which ingress-mode ports enter. There is one. */
  readonly ingress: boolean;
  readonly enableIpv6: boolean;
  /** Empty: the allocator chooses. */
  readonly subnets: readonly SubnetSpec[];
  readonly ipamDriver?: string;
  readonly ipamOptions?: Readonly<Record<string, string>>;
}

/** A network row. `host` and `bridge` are predefined rows that stand for the node's own. */
export interface Network {
  readonly id: string;
  /** Store revision of the last change of what a person declared; guards read-modify-write. */
  readonly version: number;
  readonly createdAt: Instant;
  readonly updatedAt: Instant;
  readonly spec: NetworkSpec;
  /** What was chosen: subnet with prefix, gateway without. Empty for predefined networks. */
  readonly subnets: readonly { readonly subnet: string; readonly gateway: string }[];
  readonly vxlanId?: number;
  /** Stands for a network of the node itself: nothing is allocated. */
  readonly predefined?: boolean;
  /** Set when a person removed it while tasks still used it: it goes when they are gone. */
  readonly removing?: boolean;
}

import type { PortForward } from './network-devices.ts';
import type { DiscoveryView } from './node-network.ts';

/** What a node answers by itself: names, and calls of its own to published ports. */
export interface NetworkDuties {
  /** Where names of each network are answered. */
  readonly names: readonly {
    readonly networkId: string;
    readonly address: string;
    readonly port: number;
  }[];
  /** What the names stand for. */
  readonly view: DiscoveryView;
  readonly forwards: readonly PortForward[];
}

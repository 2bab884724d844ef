import type { NetworkSpec } from '../src/model/network.ts';

/** A network between nodes as it is declared without options, but for those that are given. */
export function overlayNetwork(name: string, parts: Partial<NetworkSpec> = {}): NetworkSpec {
  return {
    name,
    labels: {},
    driver: 'overlay',
    driverOptions: {},
    internal: false,
    attachable: false,
    ingress: false,
    enableIpv6: false,
    subnets: [],
    ...parts,
  };
}

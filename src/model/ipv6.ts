import { formatAddress, parseAddress, parseSubnet, withoutPrefix } from '../lib/ipv4.ts';
import { formatIpv6, parseIpv6Subnet } from '../lib/ipv6.ts';
import type { Network } from './network.ts';

/** Every link that carries IPv6 takes packets of that size (RFC 8200, 5). */
export const leastIpv6Mtu = 1_280;

/** The subnets of a network that has addresses of both kinds; see docs/design/ipv6.md. */
export interface BothSubnets {
  /** `10.0.1.0/24`. */
  readonly subnet: string;
  /** Absent: the network has addresses of IPv4 alone. */
  readonly ipv6?: { readonly subnet: string };
}

/** Whether a text, of an address or a subnet, is one of IPv6. */
export function isIpv6(text: string): boolean {
  return text.includes(':');
}

/** What a network's row has of IPv6: its subnet, and its gateway without prefix length. */
export function ipv6Of({
  subnets,
}: Pick<Network, 'subnets'>): { readonly subnet: string; readonly gateway: string } | undefined {
  return subnets.find(({ subnet }) => isIpv6(subnet));
}

/**
 * The address of IPv6 of who has this one of IPv4, which may have a prefix length: as far from the
 * beginning of its subnet. Without prefix length; undefined where the network has none.
 */
export function ipv6AddressOf({ subnet, ipv6 }: BothSubnets, address: string): string | undefined {
  if (ipv6 === undefined) return undefined;
  const from = parseSubnet(subnet);
  const to = parseIpv6Subnet(ipv6.subnet);
  const held = parseAddress(withoutPrefix(address));
  if (from === undefined || to === undefined || held === undefined) return undefined;
  if (held < from.first || held > from.last) return undefined;
  return formatIpv6(to.first + BigInt(held - from.first));
}

/** The address of IPv4 whose owner has this one of IPv6; undefined where nobody can have it. */
export function ipv4AddressOf({ subnet, ipv6 }: BothSubnets, address: bigint): string | undefined {
  const to = parseSubnet(subnet);
  const from = ipv6 === undefined ? undefined : parseIpv6Subnet(ipv6.subnet);
  if (from === undefined || to === undefined) return undefined;
  const offset = address - from.first;
  const isInside = offset >= 0n && offset <= BigInt(to.last - to.first);
  return isInside ? formatAddress(to.first + Number(offset)) : undefined;
}

/** The same for a range of addresses: `fd00:1::f8/125` for `10.0.1.248/29`. */
export function ipv6RangeOf(of: BothSubnets, range: string): string | undefined {
  const parsed = parseSubnet(range);
  const first = ipv6AddressOf(of, range);
  if (parsed === undefined || first === undefined) return undefined;
  return `${first}/${96 + parsed.prefixLength}`;
}

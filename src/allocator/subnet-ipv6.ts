import { TuttiError } from '../lib/error.ts';
import { parseSubnet } from '../lib/ipv4.ts';
import {
  formatIpv6,
  formatIpv6Subnet,
  type Ipv6Subnet,
  ipv6SubnetsOverlap,
  isInIpv6Subnet,
  parseIpv6,
  parseIpv6Subnet,
} from '../lib/ipv6.ts';
import { ipv4AddressOf, ipv6AddressOf, isIpv6 } from '../model/ipv6.ts';
import type { Network } from '../model/network.ts';
import type { View } from '../store/view.ts';

interface Given {
  readonly network: Network;
  readonly clusterId: string;
  /** Of IPv4: it has been chosen. */
  readonly ipv4: ChosenSubnet;
}

interface ChosenSubnet {
  readonly subnet: string;
  readonly gateway: string;
}

/**
 * Subnet and gateway of IPv6 beside those of IPv4: declared ones, or a unique local subnet.
 *
 * @throws TuttiError `invalid-argument` where they do not go with those of IPv4, or overlap those
 *   of another network, `resource-exhausted` where none is left.
 */
export function allocateIpv6(view: View, given: Given): ChosenSubnet {
  const { network } = given;
  const index = network.spec.subnets.findIndex((one) => isIpv6(one.subnet));
  const declared = network.spec.subnets[index];
  if (declared === undefined) return withGateway(drawSubnet(view, given), given);
  const range = declaredSubnet(view, { ...given, index, text: declared.subnet });
  const chosen = withGateway(range, given);
  if (declared.gateway === undefined) return chosen;
  const asked = parseIpv6(declared.gateway);
  const both = { subnet: given.ipv4.subnet, ipv6: chosen };
  // Those that go with an address of IPv4 are containers'.
  const isOthers = (address: bigint): boolean =>
    formatIpv6(address) !== chosen.gateway && ipv4AddressOf(both, address) !== undefined;
  if (asked !== undefined && isInIpv6Subnet(asked, range) && !isOthers(asked)) {
    return { ...chosen, gateway: formatIpv6(asked) };
  }
  throw new TuttiError(
    'invalid-argument',
    `the gateway "${declared.gateway}" of network ${network.spec.name} is no address of ` +
      `${chosen.subnet}, or is among those that containers get`,
    {
      field: `spec.subnets[${index}].gateway`,
      hint: `Leave it out for ${chosen.gateway}, or take a higher one than containers have.`,
    },
  );
}

function withGateway(range: Ipv6Subnet, { ipv4 }: Given): ChosenSubnet {
  const subnet = formatIpv6Subnet(range);
  const gateway = ipv6AddressOf({ subnet: ipv4.subnet, ipv6: { subnet } }, ipv4.gateway);
  return { subnet, gateway: gateway ?? '' };
}

function declaredSubnet(
  view: View,
  { network, ipv4, index, text }: Given & { readonly index: number; readonly text: string },
): Ipv6Subnet {
  const field = `spec.subnets[${index}].subnet`;
  const range = parseIpv6Subnet(text);
  const hostBits = 32 - (parseSubnet(ipv4.subnet)?.prefixLength ?? 0);
  const longest = 128 - hostBits;
  if (range === undefined || range.prefixLength > longest) {
    throw new TuttiError(
      'invalid-argument',
      `the subnet ${text} of network ${network.spec.name} has no room for an address beside each ` +
        `of ${ipv4.subnet}`,
      { field, hint: `Take one of size /${longest} or larger; /64 is usual.` },
    );
  }
  const other = takenRanges(view, network.id).find((one) => ipv6SubnetsOverlap(one.range, range));
  if (other === undefined) return range;
  throw new TuttiError(
    'invalid-argument',
    `the subnet ${text} of network ${network.spec.name} overlaps ` +
      `${formatIpv6Subnet(other.range)} of network ${other.name}`,
    { field, hint: 'Choose another subnet, or declare none.' },
  );
}

/** Of a network that is drawn: 40 bits are the cluster's, 16 the network's (RFC 4193, 3.1). */
const drawnPrefixLength = 64;
const lastSubnetId = 0xffff;

/** The first of the cluster's own that nobody has. */
function drawSubnet(view: View, { network, clusterId }: Given): Ipv6Subnet {
  const taken = takenRanges(view, network.id);
  const site = (0xfdn << 40n) | globalId(clusterId);
  for (let id = 1; id <= lastSubnetId; id += 1) {
    const first = ((site << 16n) | BigInt(id)) << 64n;
    const range = { first, prefixLength: drawnPrefixLength };
    if (!taken.some((one) => ipv6SubnetsOverlap(one.range, range))) return range;
  }
  throw new TuttiError(
    'resource-exhausted',
    `no subnet of IPv6 is left for network ${network.spec.name}`,
    { hint: 'Declare one, or remove networks that are not used.' },
  );
}

/** FNV-1a of an id that was drawn: 40 bits that no other site has by chance. */
function globalId(clusterId: string): bigint {
  let hash = 0xcb_f2_9c_e4_84_22_23_25n;
  for (const character of clusterId) {
    hash ^= BigInt(character.codePointAt(0) ?? 0);
    hash = BigInt.asUintN(64, hash * 0x01_00_00_00_01_b3n);
  }
  return hash >> 24n;
}

function takenRanges(
  view: View,
  exceptNetworkId: string,
): readonly { readonly range: Ipv6Subnet; readonly name: string }[] {
  return [...view.networks.all()].flatMap(({ id, spec, subnets }) =>
    id === exceptNetworkId
      ? []
      : subnets.flatMap(({ subnet }) => {
          const range = parseIpv6Subnet(subnet);
          return range === undefined ? [] : [{ range, name: spec.name }];
        }),
  );
}

import { ipv6SubnetsOverlap, parseIpv6Subnet } from '../lib/ipv6.ts';
import { isIpv6, leastIpv6Mtu } from '../model/ipv6.ts';
import { mtuOption, type NetworkSpec } from '../model/network.ts';
import { refuse, show } from './admission-check.ts';

/** What the container engine's own address management can hold, and what has room for a network. */
const prefixLengths = { shortest: 48, longest: 125 };

/** Addresses that containers can have: global ones, and unique local ones (RFC 4193). */
const unicast = ['2000::/3', 'fc00::/7'].flatMap((text) => parseIpv6Subnet(text) ?? []);

/** What has to hold of a new network's IPv6 by itself; what others have is the allocator's. */
export function checkIpv6(spec: NetworkSpec): void {
  const declared = [...spec.subnets.entries()].filter(([, { subnet }]) => isIpv6(subnet));
  const [first, second] = declared;
  if (!spec.enableIpv6) {
    if (first === undefined) return;
    const [index, { subnet }] = first;
    refuse(`spec.subnets[${index}].subnet`, `${show(subnet)} is an IPv6 subnet, and IPv6 is off`, {
      hint: 'Turn IPv6 on (--ipv6, enable_ipv6), or leave the subnet out.',
    });
  }
  if (spec.ingress) {
    refuse('spec.enableIpv6', 'an ingress network has IPv4 addresses only; leave IPv6 off', {
      code: 'unimplemented',
    });
  }
  const mtu = spec.driverOptions[mtuOption];
  if (mtu !== undefined && Number(mtu) < leastIpv6Mtu) {
    refuse(
      'spec.driverOptions',
      `${mtuOption} is ${show(mtu)}; IPv6 needs packets of at least ${leastIpv6Mtu} bytes`,
    );
  }
  if (second !== undefined) {
    refuse('spec.subnets', 'a network has one subnet of IPv6 at most; make more networks', {
      code: 'unimplemented',
    });
  }
  if (first === undefined) return;
  const [index, { subnet, ipRange }] = first;
  checkSubnet(`spec.subnets[${index}].subnet`, subnet);
  if (ipRange === undefined || ipRange === '') return;
  refuse(`spec.subnets[${index}].ipRange`, 'a range of IPv6 addresses is not supported', {
    code: 'unimplemented',
    hint: 'Leave it out: containers get the addresses that go with those of IPv4.',
  });
}

function checkSubnet(field: string, text: string): void {
  const range = parseIpv6Subnet(text);
  if (range === undefined) refuse(field, `${show(text)} is no subnet; write it like fd00:9::/64`);
  const { shortest, longest } = prefixLengths;
  if (range.prefixLength < shortest || range.prefixLength > longest) {
    const size = range.prefixLength > longest ? 'small' : 'large';
    refuse(field, `the subnet ${text} is too ${size}; take one from /${shortest} to /${longest}`);
  }
  if (unicast.some((one) => ipv6SubnetsOverlap(one, range))) return;
  refuse(field, `${text} has no addresses that containers can have; take one of fd00::/8`);
}

import type { Subnet } from '../lib/ipv4.ts';
import { formatSubnet, parseAddress, parseSubnet, subnetsOverlap } from '../lib/ipv4.ts';
import type { NetworkSpec, SubnetSpec } from '../model/network.ts';
import { isIpv6 } from '../model/ipv6.ts';
import { knownDriverOptions, mtuOption } from '../model/network.ts';
import type { View } from '../store/view.ts';
import { checkLabels, refuse, show } from './admission-check.ts';
import { checkIpv6 } from './admission-ipv6.ts';
import { checkObjectName } from './admission-names.ts';

const nameLength = 128;
/** Room for the gateway and a few tasks; and no larger than a pool of Swarm. */
const prefixLengths = { shortest: 8, longest: 29 };

/** What has to hold of a new network, by itself and beside those that are there. */
export function checkNetworkSpec(view: View, spec: NetworkSpec): void {
  checkObjectName('spec.name', spec.name, nameLength);
  checkLabels('spec.labels', spec.labels);
  if (spec.driver !== 'overlay') {
    refuse('spec.driver', `a cluster network has the driver overlay, not ${show(spec.driver)}`, {
      hint: 'Networks of other drivers belong to one node: create them there, without that scope.',
    });
  }
  const { ipamDriver } = spec;
  if (ipamDriver !== undefined && ipamDriver !== '' && ipamDriver !== 'default') {
    refuse('spec.ipamDriver', `the IPAM driver ${show(ipamDriver)} is not supported`, {
      code: 'unimplemented',
      hint: 'Leave it out: addresses are assigned by the cluster.',
    });
  }
  const [ipamOption] = Object.keys(spec.ipamOptions ?? {});
  if (ipamOption !== undefined) {
    refuse('spec.ipamOptions', `the IPAM option ${show(ipamOption)} is not supported`, {
      code: 'unimplemented',
      hint: 'Leave it out: addresses are assigned by the cluster.',
    });
  }
  checkDriverOptions('spec.driverOptions', spec.driverOptions);
  if (spec.ingress && (spec.attachable || spec.internal)) {
    refuse('spec.ingress', 'an ingress network is neither attachable nor internal; leave both off');
  }
  checkIpv6(spec);
  checkSubnets(view, spec.subnets);
}

/** An option that nobody acts on would be a promise that nobody keeps. */
function checkDriverOptions(field: string, options: Readonly<Record<string, string>>): void {
  for (const [name, value] of Object.entries(options)) {
    if (!knownDriverOptions.has(name)) {
      refuse(field, `the driver option ${show(name)} of networks is not supported`, {
        code: 'unimplemented',
        hint: `Leave it out; ${[...knownDriverOptions].join(' and ')} are known.`,
      });
    }
    if (name !== mtuOption || isPacketSize(value)) continue;
    refuse(field, `${name} is ${show(value)}; a number of bytes from 576 to 65535 is expected`);
  }
}

function isPacketSize(text: string): boolean {
  return /^\d{3,5}$/.test(text) && Number(text) >= 576 && Number(text) <= 65_535;
}

/** A pool from which networks get their subnets. */
export function checkPool(field: string, pool: string, prefixLength: number): void {
  const range = subnetOf(field, pool);
  if (range.prefixLength <= prefixLength) return;
  refuse(field, `the pool ${pool} has no room for a subnet of size /${prefixLength}`);
}

function checkSubnets(view: View, subnets: readonly SubnetSpec[]): void {
  const count = subnets.filter((one) => !isIpv6(one.subnet)).length;
  if (count > 1) {
    refuse('spec.subnets', `a network has one subnet of IPv4, not ${count}; make more networks`, {
      code: 'unimplemented',
    });
  }
  subnets.forEach((one, index) => {
    if (isIpv6(one.subnet)) return;
    const field = `spec.subnets[${index}]`;
    const subnet = subnetOf(`${field}.subnet`, one.subnet);
    const { shortest, longest } = prefixLengths;
    if (subnet.prefixLength < shortest || subnet.prefixLength > longest) {
      refuse(
        `${field}.subnet`,
        `the subnet ${one.subnet} is too ${subnet.prefixLength > longest ? 'small' : 'large'}; ` +
          `take one from /${shortest} to /${longest}`,
      );
    }
    checkGateway(`${field}.gateway`, one.gateway, subnet);
    if (one.ipRange !== undefined && one.ipRange !== '') {
      const range = subnetOf(`${field}.ipRange`, one.ipRange);
      if (range.first < subnet.first || range.last > subnet.last) {
        refuse(`${field}.ipRange`, `the range ${one.ipRange} is not inside ${one.subnet}`);
      }
    }
    checkOverlap(view, `${field}.subnet`, subnet);
  });
}

function checkGateway(field: string, gateway: string | undefined, subnet: Subnet): void {
  if (gateway === undefined || gateway === '') return;
  const address = parseAddress(gateway);
  if (address !== undefined && address > subnet.first && address < subnet.last) return;
  refuse(field, `the gateway ${show(gateway)} is no address of ${formatSubnet(subnet)}; take one`);
}

/** Addresses that a node has elsewhere would be hijacked, so that is refused with both names. */
function checkOverlap(view: View, field: string, subnet: Subnet): void {
  for (const network of view.networks.all()) {
    for (const other of network.subnets) {
      const taken = parseSubnet(other.subnet);
      if (taken === undefined || !subnetsOverlap(taken, subnet)) continue;
      refuse(
        field,
        `the subnet ${formatSubnet(subnet)} overlaps ${other.subnet} of network ` +
          `${network.spec.name}; take another`,
      );
    }
  }
  for (const node of view.nodes.all()) {
    for (const own of node.description.hostSubnets) {
      const taken = parseSubnet(own);
      if (taken === undefined || !subnetsOverlap(taken, subnet)) continue;
      refuse(
        field,
        `the subnet ${formatSubnet(subnet)} overlaps ${own}, which node ` +
          `${node.description.hostname} has of its own; take another`,
      );
    }
  }
}

function subnetOf(field: string, text: string): Subnet {
  const subnet = parseSubnet(text);
  if (subnet !== undefined) return subnet;
  if (isIpv6(text)) {
    refuse(field, `${show(text)} is an IPv6 subnet; one of IPv4 is expected`, {
      code: 'unimplemented',
    });
  }
  refuse(field, `${show(text)} is no subnet; write it like 10.0.9.0/24`);
}

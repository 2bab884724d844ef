/**
 * A range of IPv6 addresses as CIDR notation writes it. Addresses are unsigned 128-bit integers.
 */
export interface Ipv6Subnet {
  /** First address; its host bits are zero. */
  readonly first: bigint;
  /** 0 … 128. */
  readonly prefixLength: number;
}

const groupCount = 8;
const addressBits = 128;

/** `fd00::1` as an integer; `undefined` for anything else, and for zones and dotted quads. */
export function parseIpv6(text: string): bigint | undefined {
  const [head = '', tail, ...more] = text.split('::');
  if (more.length > 0) return undefined;
  const before = groupsOf(head);
  const after = tail === undefined ? [] : groupsOf(tail);
  if (before === undefined || after === undefined) return undefined;
  const missing = groupCount - before.length - after.length;
  if (tail === undefined ? missing !== 0 : missing < 1) return undefined;
  const groups = [...before, ...Array.from({ length: missing }, () => 0), ...after];
  return groups.reduce((address, group) => (address << 16n) | BigInt(group), 0n);
}

function groupsOf(text: string): readonly number[] | undefined {
  if (text === '') return [];
  const groups = text.split(':');
  if (!groups.every((group) => /^[\da-f]{1,4}$/i.test(group))) return undefined;
  return groups.map((group) => Number.parseInt(group, 16));
}

/** As the kernel's programs print it (RFC 5952): the longest run of zeros, the first of two. */
export function formatIpv6(address: bigint): string {
  const groups = Array.from({ length: groupCount }, (_, index) =>
    Number((address >> BigInt(16 * (groupCount - 1 - index))) & 0xffffn),
  );
  let run = { at: 0, length: 1 };
  for (let at = 0; at < groupCount; at += 1) {
    const end = groups.findIndex((group, index) => index >= at && group !== 0);
    const length = (end < 0 ? groupCount : end) - at;
    if (length > run.length) run = { at, length };
  }
  const hex = groups.map((group) => group.toString(16));
  if (run.length < 2) return hex.join(':');
  return `${hex.slice(0, run.at).join(':')}::${hex.slice(run.at + run.length).join(':')}`;
}

/** `fd00:1::/64`; host bits are cleared. `undefined` when the text is no subnet of IPv6. */
export function parseIpv6Subnet(text: string): Ipv6Subnet | undefined {
  const [addressText = '', lengthText = '', ...rest] = text.split('/');
  const address = parseIpv6(addressText);
  if (address === undefined || rest.length > 0 || !/^\d{1,3}$/.test(lengthText)) return undefined;
  const prefixLength = Number(lengthText);
  return prefixLength > addressBits ? undefined : ipv6SubnetAt(address, prefixLength);
}

/** The subnet of that size which contains the address. */
function ipv6SubnetAt(address: bigint, prefixLength: number): Ipv6Subnet {
  const hostBits = BigInt(addressBits - prefixLength);
  return { first: (address >> hostBits) << hostBits, prefixLength };
}

export function formatIpv6Subnet({ first, prefixLength }: Ipv6Subnet): string {
  return `${formatIpv6(first)}/${prefixLength}`;
}

export function isInIpv6Subnet(address: bigint, { first, prefixLength }: Ipv6Subnet): boolean {
  return ipv6SubnetAt(address, prefixLength).first === first;
}

export function ipv6SubnetsOverlap(left: Ipv6Subnet, right: Ipv6Subnet): boolean {
  const prefixLength = Math.min(left.prefixLength, right.prefixLength);
  return (
    ipv6SubnetAt(left.first, prefixLength).first === ipv6SubnetAt(right.first, prefixLength).first
  );
}

/** `5.0.0.….d.f.ip6.arpa` (RFC 3596, 2.5) as an address; `undefined` for any other name. */
export function parseIpv6Reverse(name: string): bigint | undefined {
  const [, digits] = /^((?:[\da-f]\.){32})ip6\.arpa$/i.exec(name) ?? [];
  if (digits === undefined) return undefined;
  return BigInt(`0x${digits.replaceAll('.', '').split('').toReversed().join('')}`);
}

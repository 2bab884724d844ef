/** A range of IPv4 addresses as CIDR notation writes it. Addresses are unsigned 32-bit integers. */
export interface Subnet {
  /** First address; its host bits are zero. */
  readonly first: number;
  /** Last address. */
  readonly last: number;
  /** 0 … 32. */
  readonly prefixLength: number;
}

/** `10.0.1.2` as an integer; `undefined` when the text is no IPv4 address. */
export function parseAddress(text: string): number | undefined {
  const parts = text.split('.');
  if (parts.length !== 4) return undefined;
  let value = 0;
  for (const part of parts) {
    if (!/^(0|[1-9]\d{0,2})$/.test(part) || Number(part) > 255) return undefined;
    value = value * 256 + Number(part);
  }
  return value;
}

export function formatAddress(address: number): string {
  return [24, 16, 8, 0].map((shift) => (address >>> shift) & 0xff).join('.');
}

/** `10.0.1.0/24`; host bits are cleared. `undefined` when the text is no subnet. */
export function parseSubnet(text: string): Subnet | undefined {
  const [addressText, lengthText, ...rest] = text.split('/');
  if (addressText === undefined || lengthText === undefined || rest.length > 0) return undefined;
  const address = parseAddress(addressText);
  if (address === undefined || !/^\d{1,2}$/.test(lengthText)) return undefined;
  const prefixLength = Number(lengthText);
  return prefixLength > 32 ? undefined : subnetAt(address, prefixLength);
}

/** The subnet of that size which contains the address. */
export function subnetAt(address: number, prefixLength: number): Subnet {
  const size = 2 ** (32 - prefixLength);
  const first = Math.floor(address / size) * size;
  return { first, last: first + size - 1, prefixLength };
}

export function formatSubnet(subnet: Subnet): string {
  return `${formatAddress(subnet.first)}/${subnet.prefixLength}`;
}

export function subnetsOverlap(left: Subnet, right: Subnet): boolean {
  return left.first <= right.last && right.first <= left.last;
}

/** How many addresses the subnet has, network and broadcast address among them. */
export function subnetSize(subnet: Subnet): number {
  return subnet.last - subnet.first + 1;
}

/**
 * Whether the address (its prefix length, if it has one, is ignored) is the given address or lies
 * in the given subnet; `undefined` when either is not IPv4.
 */
export function addressInSubnet(address: string, subnetOrAddress: string): boolean | undefined {
  const value = parseAddress(address.split('/')[0] ?? address);
  const text = subnetOrAddress.includes('/') ? subnetOrAddress : `${subnetOrAddress}/32`;
  const subnet = parseSubnet(text);
  if (value === undefined || subnet === undefined) return undefined;
  return value >= subnet.first && value <= subnet.last;
}

/** `10.0.1.5` of `10.0.1.5/24`. */
export function withoutPrefix(address: string): string {
  const end = address.indexOf('/');
  return end < 0 ? address : address.slice(0, end);
}

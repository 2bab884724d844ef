const hexBytes = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

/**
 * The hardware address of a container with this address of IPv4 (`10.0.1.5`): `02:42` and the
 * address, as container engines derive it. Whoever knows where an address is, knows all that a
 * bridge has to know.
 */
export function hardwareAddress(address: string): string {
  let text = '02:42';
  for (const part of address.split('.')) text += `:${hexBytes[Number(part)] ?? ''}`;
  return text;
}

const nameBytes = 8;

/**
 * The bridge device of a network: `tt-` and the first characters of its id (Linux takes 15 in all).
 */
export function bridgeName(networkId: string): string {
  return `tt-${networkId.slice(0, nameBytes)}`;
}

import { readFile } from 'node:fs/promises';

/**
 * A look at the kernel's list costs half a millisecond; to ask by `conntrack` takes a program and
 * 13 ms, for that locks each of 262,144 places. But the list comes a page at a time, and kernels
 * look for the next page from the beginning: many flows are asked for.
 */
const mostListed = 500;
const countPath = '/proc/sys/net/netfilter/nf_conntrack_count';
const listPath = '/proc/net/nf_conntrack';

/** Flows of a protocol; of TCP those in a state alone. */
export interface FlowKind {
  readonly protocol: 'tcp' | 'udp';
  readonly state?: 'SYN_SENT';
}

/** The kernel's flows, a line each; undefined where they are many, or it does not list them. */
export async function listFewFlows(): Promise<string | undefined> {
  try {
    const count = Number(await readFile(countPath, 'utf8'));
    return count <= mostListed ? await readFile(listPath, 'utf8') : undefined;
  } catch {
    return undefined;
  }
}

/** The lines of the kernel's list that are of that kind. */
export function flowsOf({ protocol, state }: FlowKind, listed: string): string {
  const isOfKind = (line: string): boolean => {
    const words = line.split(/\s+/, 7);
    return words[2] === protocol && (state === undefined || words.includes(state));
  };
  return listed.split('\n').filter(isOfKind).join('\n');
}

/**
 * Those of the addresses from which replies of a flow come. `listed`: what `conntrack -L` prints,
 * or the kernel, a flow a line, with the addresses of a reply behind those of the first packet
 * (conntrack(8)).
 */
export function withFlows(listed: string, addresses: readonly string[]): readonly string[] {
  const sources = listed.matchAll(/^[^\n]*? src=[^\n]*? src=(\S+)/gm);
  const found = new Set([...sources].map(([, source]) => source));
  return addresses.filter((address) => found.has(address));
}

import type { ContainerSpec } from '../model/template.ts';

/** Docker's name for "no search domain at all". */
const noDomain = '.';

/**
 * A task's `/etc/resolv.conf`: its network's gateway answers, and asks the task's own nameservers
 * for what is not the cluster's. A nameserver on the task's own loopback can only be asked by the
 * task.
 */
export function resolvConf(from: {
  readonly gateway: string;
  readonly dns: ContainerSpec['dns'];
  /** The machine's, for a task that declares none. */
  readonly searchDomains: readonly string[];
}): string {
  const { gateway, dns } = from;
  const search = dns.search.length > 0 ? dns.search : from.searchDomains;
  // A name without dots is the cluster's first, as with Docker's own DNS.
  const options = dns.options.length > 0 ? dns.options : ['ndots:0'];
  return [
    `nameserver ${gateway}`,
    ...dns.nameservers.filter(isLoopback).map((address) => `nameserver ${address}`),
    ...(search.length > 0 && !search.includes(noDomain) ? [`search ${search.join(' ')}`] : []),
    `options ${options.join(' ')}`,
    '',
  ].join('\n');
}

export function isLoopback(address: string): boolean {
  return address.startsWith('127.') || address === '::1';
}

import { findCommand, installPackages } from '../bootstrap/apt.mjs';

/** A program that is needed, and the package of Debian and Ubuntu that brings it. */
export interface NeededCommand {
  readonly command: string;
  readonly package: string;
}

/** What a container engine of one's own takes. */
export const engineCommands: readonly NeededCommand[] = [
  { command: 'dockerd', package: 'docker.io' },
  { command: 'containerd', package: 'containerd' },
  { command: 'tini', package: 'tini' },
  { command: 'iptables', package: 'iptables' },
];

/** What Tutti's agent calls. */
export const agentCommands: readonly NeededCommand[] = [
  { command: 'nft', package: 'nftables' },
  { command: 'ip', package: 'iproute2' },
  { command: 'conntrack', package: 'conntrack' },
  { command: 'wg', package: 'wireguard-tools' },
  { command: 'wireguard-go', package: 'wireguard-go' },
];

/** What managers call once there are two of them. */
export const managerCommands: readonly NeededCommand[] = [
  { command: 'etcd', package: 'etcd-server' },
];

/** What measures the network, and is measured beside it. */
export const benchCommands: readonly NeededCommand[] = [
  { command: 'wrk', package: 'wrk' },
  { command: 'iperf3', package: 'iperf3' },
  { command: 'dnsperf', package: 'dnsperf' },
  { command: 'dnsmasq', package: 'dnsmasq-base' },
];

/** What judges in tests. */
export const judgeCommands: readonly NeededCommand[] = [
  { command: 'openssl', package: 'openssl' },
  { command: 'tcpdump', package: 'tcpdump' },
];

/**
 * Installs what is missing from the distribution's packages, without starting any service.
 *
 * @throws {Error} with a sentence for people when the machine does not allow it.
 */
export async function ensureCommands(
  needed: readonly NeededCommand[],
  purpose: string,
): Promise<void> {
  const missing = needed.filter(({ command }) => findCommand(command) === undefined);
  if (missing.length === 0) return;
  await installPackages([...new Set(missing.map((entry) => entry.package))], purpose);
}

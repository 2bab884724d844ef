import type { PlaygroundHost, PlaygroundState } from './state.ts';

/** `/etc/hosts` of a host: what the machine's says, and every host by its name. */
function renderHosts(machineHosts: string, { hosts }: Pick<PlaygroundState, 'hosts'>): string {
  const lines = hosts.map(({ address, name }) => `${address}\t${name}`);
  const before = machineHosts === '' || machineHosts.endsWith('\n') ? '' : '\n';
  return `${machineHosts}${before}${lines.join('\n')}\n`;
}

/** Files in `/etc` in which hosts differ from the machine. */
export function hostFiles(
  host: Pick<PlaygroundHost, 'name'>,
  from: {
    readonly state: Pick<PlaygroundState, 'hosts'>;
    readonly machineHosts: string;
    readonly resolvers: string;
  },
): Readonly<Record<string, string>> {
  return {
    hostname: `${host.name}\n`,
    hosts: renderHosts(from.machineHosts, from.state),
    'resolv.conf': from.resolvers,
  };
}

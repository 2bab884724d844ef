import type { CatalogNode, CatalogTask, NetworkAssignment } from '../../src/model/assignment.ts';
import { type NodeEncryption, tunnelEndOf } from '../../src/model/encryption.ts';
import { gateway, type SpanHost } from '../spans/host.ts';
import type { HeldView } from './holder.ts';

/** What a manager would know of the hosts. */
export interface Told {
  readonly hosts: readonly SpanHost[];
  readonly isEncrypted: boolean;
  /** By host. */
  readonly encryption: Readonly<Record<string, NodeEncryption | undefined>>;
  /** Of hosts that are not where they were. */
  readonly addresses?: Readonly<Record<string, string>>;
}

/** Of one network with a container on each host. */
export function viewOf({ hosts, isEncrypted, encryption, addresses = {} }: Told): HeldView {
  const network: NetworkAssignment = {
    networkId: 'span',
    name: 'span',
    labels: {},
    subnet: '10.0.9.0/24',
    gateway,
    internal: false,
    ingress: false,
    vxlan: { id: 4_098, port: 4_789 },
    driverOptions: isEncrypted ? { encrypted: '' } : {},
    predefined: false,
  };
  const tasks = hosts.map(
    ({ name, container }): CatalogTask => ({
      taskId: name,
      serviceId: 'service',
      nodeId: name,
      name,
      addresses: [{ networkId: network.networkId, address: `${container}/24` }],
      ready: true,
    }),
  );
  const nodes = hosts.map(({ name, address }): CatalogNode => {
    const tunnel = tunnelEndOf(encryption[name]);
    const at = addresses[name] ?? address;
    return { nodeId: name, address: at, ...(tunnel !== undefined && { tunnel }) };
  });
  return { networks: [network], tasks, nodes };
}

import type { PortForward } from '../host/network-devices.ts';
import type { DiscoveryView, HostPublication } from '../host/node-network.ts';
import { BackEnds, withoutPrefix } from './back-ends.ts';
import { engineNetworkName } from './bridge-name.ts';

/** The engine's own network, on which tasks are that are on none of the cluster's. */
const engineBridge = 'bridge';

/** A published port, and whose it is. */
export interface WantedPort {
  readonly serviceId: string;
  /** Mode `host`: the one task to which it leads. */
  readonly publication?: HostPublication;
  readonly forward: PortForward;
}

export interface RefusedPort {
  readonly port: WantedPort;
  readonly message: string;
}

export interface PortForwards {
  /** No port twice. */
  readonly wanted: readonly WantedPort[];
  /** What somebody else of the view has already, and who. */
  readonly refused: readonly RefusedPort[];
}

/**
 * The published ports of a view with whom they lead to: those of mode `ingress` to all tasks of
 * their service on this node that are ready, by the ingress network, or else to the nodes that have
 * some; those of mode `host` to their task, while it is ready. Of two that want the same port the
 * first one has it, and tasks are before services: they run already.
 */
export function portForwards(view: DiscoveryView): PortForwards {
  const holders = new Map<string, WantedPort>();
  const refused: RefusedPort[] = [];
  for (const port of [...hostPorts(view), ...ingressPorts(view)]) {
    const { protocol, port: number } = port.forward;
    const key = `${number}/${protocol}`;
    const holder = holders.get(key);
    if (holder === undefined) holders.set(key, port);
    else refused.push({ port, message: `port ${key} is taken by ${nameOf(view, holder)}` });
  }
  return { wanted: [...holders.values()], refused };
}

function nameOf(view: DiscoveryView, { serviceId, publication }: WantedPort): string {
  if (publication !== undefined) return `task ${publication.taskName}`;
  return `service ${view.services.get(serviceId)?.name ?? serviceId}`;
}

function ingressPorts(view: DiscoveryView): readonly WantedPort[] {
  const here = [...view.tasks].filter(([, task]) => task.nodeId === view.nodeId);
  const backEnds = new BackEnds(new Map(here));
  const elsewhere = nodesThatServe(view);
  const ingressIds = [...view.networks.values()]
    .filter((network) => network.ingress)
    .map((network) => network.networkId);
  return [...view.services.values()].flatMap(({ serviceId, ports }) =>
    ports.flatMap(({ protocol, publishedPort, targetPort }) => {
      if (publishedPort === undefined) return [];
      const own = ingressIds
        .flatMap((networkId) => backEnds.addresses(serviceId, networkId))
        .map((address) => ({ address, port: targetPort }));
      const others = (elsewhere.get(serviceId) ?? []).map((address) => ({
        address,
        port: publishedPort,
      }));
      const targets = own.length > 0 ? own : others;
      return [{ serviceId, forward: { protocol, port: publishedPort, backEnds: targets } }];
    }),
  );
}

/** The addresses of other nodes by service, once for each task there that is ready. */
function nodesThatServe(view: DiscoveryView): ReadonlyMap<string, readonly string[]> {
  const found = new Map<string, string[]>();
  const own = view.nodes.get(view.nodeId)?.address;
  for (const { serviceId, nodeId, ready } of view.tasks.values()) {
    const address = view.nodes.get(nodeId)?.address;
    if (!ready || nodeId === view.nodeId || address === undefined || address === own) continue;
    const others = found.get(serviceId);
    if (others === undefined) found.set(serviceId, [address]);
    else others.push(address);
  }
  return found;
}

function hostPorts(view: DiscoveryView): readonly WantedPort[] {
  return view.publications.flatMap((publication) => {
    const { serviceId, ports, ready } = publication;
    const address = ready ? wayIn(publication, view.networks) : undefined;
    return ports.map(({ protocol, publishedPort, targetPort }) => {
      const backEnds = address === undefined ? [] : [{ address, port: targetPort }];
      return { serviceId, publication, forward: { protocol, port: publishedPort, backEnds } };
    });
  });
}

/**
 * The task's address on the network by which it answers strangers; undefined: all of its networks
 * are internal, or none of them is made yet.
 */
function wayIn(
  { addresses, engineAddress }: HostPublication,
  networks: DiscoveryView['networks'],
): string | undefined {
  const ways = addresses.flatMap(({ networkId, address }) => {
    const network = networks.get(networkId);
    if (network === undefined || network.internal) return [];
    return [{ name: engineNetworkName(network), address: withoutPrefix(address) }];
  });
  if (engineAddress !== undefined) ways.push({ name: engineBridge, address: engineAddress });
  const [first] = ways.toSorted((left, right) => (left.name < right.name ? -1 : 1));
  return first?.address;
}

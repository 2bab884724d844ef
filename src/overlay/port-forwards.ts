import { groupServices, type ServiceGroup } from '../catalog/service-groups.ts';
import type { PortForward } from '../host/network-devices.ts';
import type { DiscoveryView, HostPublication } from '../host/node-network.ts';
import { withoutPrefix } from '../lib/ipv4.ts';
import { KeyedMemo } from '../lib/keyed-memo.ts';
import { changedKeys } from '../lib/layered-map.ts';
import type { CatalogTask } from '../model/assignment.ts';
import { engineNetworkName } from './bridge-name.ts';
import type { Mesh } from './mesh.ts';

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

/** What was computed for the view before. */
export class PortForwardsMemo {
  readonly surroundings = new KeyedMemo<Surroundings>();
  readonly services = new KeyedMemo<readonly WantedPort[]>();
  #groups: ReadonlyMap<string, ServiceGroup> = new Map();
  /** Those of them that publish a port by all nodes. */
  readonly #publishing = new Map<string, ServiceGroup>();

  /** In the order of their ids: who is first does not depend on what came first here. */
  publishing(groups: ReadonlyMap<string, ServiceGroup>): readonly ServiceGroup[] {
    for (const serviceId of changedKeys(this.#groups, groups)) {
      const group = groups.get(serviceId);
      const ports = group?.service?.ports ?? [];
      const isPublished = ports.some((port) => port.publishedPort !== undefined);
      if (group !== undefined && isPublished) this.#publishing.set(serviceId, group);
      else this.#publishing.delete(serviceId);
    }
    this.#groups = groups;
    const inOrder = [...this.#publishing].toSorted(([one], [other]) => (one < other ? -1 : 1));
    return inOrder.map(([, group]) => group);
  }
}

/**
 * The published ports of a view with whom they lead to. Those of mode `ingress` lead to all tasks
 * of their service on this node that are ready, by the ingress network; or else to those on other
 * nodes; or, where not all of these can be led callers with their own address, to their nodes.
 * Those of mode `host` lead to their task, while it is ready. Of two that want the same port the
 * first one has it, and tasks are before services: they run already.
 */
export function portForwards(
  view: DiscoveryView,
  {
    groups = groupServices(view),
    mesh,
    memo = new PortForwardsMemo(),
  }: {
    readonly groups?: ReadonlyMap<string, ServiceGroup>;
    readonly mesh?: Mesh | undefined;
    readonly memo?: PortForwardsMemo;
  } = {},
): PortForwards {
  const holders = new Map<string, WantedPort>();
  const refused: RefusedPort[] = [];
  for (const port of [...hostPorts(view), ...ingressPorts(view, { groups, mesh, memo })]) {
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

function ingressPorts(
  view: DiscoveryView,
  {
    groups,
    mesh,
    memo,
  }: {
    readonly groups: ReadonlyMap<string, ServiceGroup>;
    readonly mesh: Mesh | undefined;
    readonly memo: PortForwardsMemo;
  },
): readonly WantedPort[] {
  const { networks, nodes, nodeId } = view;
  const surroundings = memo.surroundings.get(
    '',
    [nodeId, ...networks.values(), ...nodes.values()],
    () => surroundingsOf(view),
  );
  memo.surroundings.endRound();
  const wanted = memo.publishing(groups).flatMap((group) => {
    const isLedAlong = mesh !== undefined && leadsToAll(mesh, { group, surroundings });
    const inputs = [group, surroundings, isLedAlong];
    return memo.services.get(group.serviceId, inputs, () =>
      portsOf(group, { surroundings, isLedAlong }),
    );
  });
  memo.services.endRound();
  return wanted;
}

/** What the ports of all services follow from. */
interface Surroundings {
  readonly nodeId: string;
  /** The address of a task's node, if that is another one. */
  otherNode(task: CatalogTask): string | undefined;
  /** Where the task is led to. */
  entry(task: CatalogTask): string | undefined;
}

function surroundingsOf({ networks, nodes, nodeId }: DiscoveryView): Surroundings {
  const here = nodes.get(nodeId)?.address;
  return {
    nodeId,
    otherNode: (task) => {
      const address = task.nodeId === nodeId ? undefined : nodes.get(task.nodeId)?.address;
      return address === here ? undefined : address;
    },
    entry: ({ addresses }) => {
      const found = addresses.find(({ networkId }) => networks.get(networkId)?.ingress === true);
      return found && withoutPrefix(found.address);
    },
  };
}

/**
 * One rule leads to one target port, so all tasks elsewhere are reached in the same way: callers
 * keep their address if they can be led to each of them.
 */
function leadsToAll(
  { remotes }: Mesh,
  of: { readonly group: ServiceGroup; readonly surroundings: Surroundings },
): boolean {
  const { group, surroundings } = of;
  return group.tasks.every(
    (task) =>
      !task.ready ||
      surroundings.otherNode(task) === undefined ||
      remotes.has(surroundings.entry(task) ?? ''),
  );
}

function portsOf(
  { serviceId, service, tasks }: ServiceGroup,
  {
    surroundings,
    isLedAlong,
  }: { readonly surroundings: Surroundings; readonly isLedAlong: boolean },
): readonly WantedPort[] {
  const own: string[] = [];
  const others: { readonly entry: string; readonly node: string }[] = [];
  for (const task of tasks) {
    const node = surroundings.otherNode(task);
    const entry = surroundings.entry(task);
    if (!task.ready) continue;
    if (task.nodeId === surroundings.nodeId) own.push(...(entry === undefined ? [] : [entry]));
    // Once for each task there.
    else if (node !== undefined) others.push({ entry: entry ?? '', node });
  }
  const ports = service?.ports.filter(({ publishedPort }) => publishedPort !== undefined) ?? [];
  return ports.map(({ protocol, publishedPort = 0, targetPort }) => {
    const toOwn = own.map((address) => ({ address, port: targetPort }));
    const toOthers = others.map(({ entry, node }) =>
      isLedAlong ? { address: entry, port: targetPort } : { address: node, port: publishedPort },
    );
    const backEnds = toOwn.length > 0 ? toOwn : toOthers;
    const forward = { protocol, port: publishedPort, backEnds };
    if (service?.affinity === undefined) return { serviceId, forward };
    const { affinity } = service;
    // One task for a caller, whichever node it asks.
    const all = isLedAlong ? [...toOwn, ...toOthers] : backEnds;
    return { serviceId, forward: { ...forward, affinity, backEnds: all } };
  });
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

import type { ContainerRuntime } from '../host/container-runtime.ts';
import type { Clock } from '../host/clock.ts';
import type { DiscoveryView } from '../host/node-network.ts';
import type { DataPathProbe, NetworkProbes } from '../host/network-probes.ts';
import { TuttiError } from '../lib/error.ts';
import { withoutPrefix } from '../lib/ipv4.ts';
import type {
  DataPathObservation,
  ExaminationOrder,
  KernelObservation,
  NameObservation,
  NodeExamination,
  PortObservation,
} from '../model/network-examination.ts';
import { dropPolicies } from '../overlay/drop-policies.ts';
import { fullPacketBytes } from '../overlay/spans.ts';
import { clusterLabel, taskIdLabel } from './task-labels.ts';

const mostPorts = 16;
/** Each takes a process in the network of a container. */
const mostNames = 4;
const knocksAtOnce = 16;

export interface ExaminedNetwork {
  readonly probes: NetworkProbes;
  readonly runtime: ContainerRuntime;
  readonly clock: Clock;
  readonly clusterId: string;
  readonly view: DiscoveryView;
  readonly linkMtu: number;
  /** Looks at the kernel, and repairs it. */
  kernel(): Promise<Omit<KernelObservation, 'bridgeFilter'>>;
}

/**
 * Looks at the network of this node and tells what it saw. Answers the other nodes until the
 * signal.
 */
export async function examineNetwork(
  network: ExaminedNetwork,
  ask: {
    readonly order: ExaminationOrder;
    readonly signal: AbortSignal;
    readonly tell: (examination: NodeExamination) => void;
  },
): Promise<void> {
  const { order, signal, tell } = ask;
  const { probes, clock, linkMtu } = network;
  const path = await openDataPath(network, { order, signal });
  const probe = 'look' in path ? path : undefined;
  try {
    // The repair would hide it.
    const bridgeFilter = await probes.bridgeFilter();
    const [kernel, dataPath, ports, names, chains] = await Promise.all([
      network.kernel(),
      probe === undefined ? (path as DataPathObservation) : lookFrom(probe, { linkMtu, signal }),
      knockAt(network, order),
      askNames(network, signal),
      probes.listChains(),
    ]);
    signal.throwIfAborted();
    tell({
      at: clock.now(),
      linkMtu,
      dataPath,
      ports,
      names,
      kernel: { ...kernel, bridgeFilter },
      dropPolicies: dropPolicies(chains),
    });
    if (probe !== undefined) await untilAborted(signal);
  } finally {
    await probe?.[Symbol.asyncDispose]();
  }
}

async function openDataPath(
  { probes, linkMtu }: ExaminedNetwork,
  { order, signal }: { readonly order: ExaminationOrder; readonly signal: AbortSignal },
): Promise<DataPathProbe | DataPathObservation> {
  const { self, peers, dataPathPort: port } = order;
  // Nobody else was asked to answer.
  if (self === undefined || peers.length === 0 || port === 0) return { kind: 'not-asked' };
  const plan = { self, peers, port, linkMtu, fullBytes: fullPacketBytes(linkMtu) };
  return await probes.openDataPath(plan, signal).catch(toFailure);
}

async function lookFrom(
  probe: DataPathProbe,
  { linkMtu, signal }: { readonly linkMtu: number; readonly signal: AbortSignal },
): Promise<DataPathObservation> {
  const fullBytes = fullPacketBytes(linkMtu);
  return await probe
    .look(signal)
    .then((seen): DataPathObservation => ({ kind: 'seen', fullBytes, ...seen }))
    .catch(toFailure);
}

function toFailure(reason: unknown): DataPathObservation {
  return { kind: 'failed', message: TuttiError.from(reason).message };
}

/** Each published port of each node, of this one too. */
async function knockAt(
  { probes }: ExaminedNetwork,
  { self, peers, ports }: ExaminationOrder,
): Promise<readonly PortObservation[]> {
  const own = self === undefined ? [] : [{ nodeId: self.nodeId, address: self.address }];
  const rest = [...own, ...peers].flatMap(({ nodeId, address }) =>
    ports.map(({ port, service }) => ({ nodeId, address, port, service })),
  );
  const seen: PortObservation[] = [];
  const work = async (): Promise<void> => {
    for (let next = rest.shift(); next !== undefined; next = rest.shift()) {
      const { address, ...what } = next;
      seen.push({ ...what, outcome: await probes.knock(address, what.port) });
    }
  };
  await Promise.all(Array.from({ length: knocksAtOnce }, work));
  return seen;
}

/** What a node can look at without a manager: published ports among them, its own. */
export function ownOrder({ nodeId, nodes, services, tasks }: DiscoveryView): ExaminationOrder {
  const own = nodes.get(nodeId);
  const ready = new Set<string>();
  for (const task of tasks.values()) if (task.ready) ready.add(task.serviceId);
  const ports = [...services.values()]
    .filter(({ serviceId }) => ready.has(serviceId))
    .flatMap(({ name, ports: all }) =>
      all.flatMap(({ protocol, mode, publishedPort: port }) =>
        protocol === 'tcp' && mode === 'ingress' && port !== undefined
          ? [{ port, service: name }]
          : [],
      ),
    );
  return {
    ...(own !== undefined && { self: { ...own, place: 0 } }),
    peers: [],
    ports: ports.slice(0, mostPorts),
    dataPathPort: 0,
  };
}

interface Question {
  readonly network: string;
  readonly task: string;
  readonly name: string;
  readonly server: string;
  readonly pid: number;
}

async function askNames(
  network: ExaminedNetwork,
  signal: AbortSignal,
): Promise<readonly NameObservation[]> {
  const questions = await questionsOf(network, signal).catch(() => []);
  const seen: NameObservation[] = [];
  // One after the other: each is a process.
  for (const { pid, ...what } of questions) {
    const { server, name } = what;
    const outcome = await network.probes
      .askName({ pid, server, name }, signal)
      .catch((error: unknown) => ({
        kind: 'failed' as const,
        message: TuttiError.from(error).message,
      }));
    seen.push({ ...what, outcome });
  }
  return seen;
}

/** A ready task of this node for each of a few networks: it asks for its own service. */
async function questionsOf(
  { runtime, view, clusterId }: ExaminedNetwork,
  signal: AbortSignal,
): Promise<readonly Question[]> {
  const containers = await runtime.listContainers(`${clusterLabel}=${clusterId}`, signal);
  const pids = new Map(containers.map(({ labels, pid }) => [labels[taskIdLabel], pid]));
  const questions = new Map<string, Question>();
  for (const task of view.tasks.values()) {
    const pid = pids.get(task.taskId) ?? 0;
    const service = view.services.get(task.serviceId);
    if (task.nodeId !== view.nodeId || !task.ready || pid === 0 || service === undefined) continue;
    for (const { networkId } of service.networks) {
      const network = view.networks.get(networkId);
      if (network === undefined || network.ingress || network.predefined) continue;
      if (questions.has(networkId) || questions.size >= mostNames) continue;
      questions.set(networkId, {
        network: network.name,
        task: task.name,
        name: service.name,
        server: withoutPrefix(network.gateway),
        pid,
      });
    }
  }
  return [...questions.values()];
}

async function untilAborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  signal.addEventListener('abort', () => resolve(), { once: true });
  await promise;
}

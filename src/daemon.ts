import { Agent } from './agent/agent.ts';
import { LinuxNodeNetwork } from './agent/node-network.ts';
import { Tunnels } from './agent/tunnels.ts';
import { reservedRange } from './allocator/subnet.ts';
import { errorReply, json } from './api/reply.ts';
import type { DaemonOptions } from './cli/program-host.ts';
import { withNodeExamination } from './examine-node.ts';
import { daemonRoutes } from './docker/daemon-routes.ts';
import type { Clock } from './host/clock.ts';
import type { HttpCall, HttpHandler, HttpPeer } from './host/http.ts';
import type { Logger } from './host/logger.ts';
import { TuttiError } from './lib/error.ts';
import { formatSubnet, parseSubnet } from './lib/ipv4.ts';
import { admitsRouted } from './model/engine-version.ts';
import type { NodeDescription } from './model/node.ts';
import { Membership } from './membership/membership.ts';
import type { MembershipOptions } from './membership/membership-options.ts';
import { FileAgentDisk } from './os/agent-disk.ts';
import { NodeIdentityFile } from './os/certificates-files.ts';
import { type Caretaker, findCaretaker, startCaretaker } from './os/caretaker-process.ts';
import { CautiousClock } from './os/cautious-clock.ts';
import { type DataLayout, openDataLayout } from './os/data-layout.ts';
import { FenceGuardProcess } from './os/fence-guard-process.ts';
import { DnsServer } from './os/dns-listeners.ts';
import { DockerRuntime } from './os/docker-runtime.ts';
import { UnixSocketPeer } from './os/http-peer.ts';
import { HttpServer } from './os/http-server.ts';
import {
  goFirst,
  hostIpv6Subnets,
  hostSubnets,
  machineAddress,
  ownAddresses,
  resolveAddress,
} from './os/machine.ts';
import { managerCalls } from './os/manager-calls.ts';
import { etcdMissing, MachineSeat } from './os/machine-seat.ts';
import { isMachineStopping } from './os/machine-stopping.ts';
import { ManagerProcess } from './os/manager-process.ts';
import { UdpLifeTransport } from './os/life-datagrams.ts';
import { NetworkTransport } from './os/network-transport.ts';
import { MachineKeys } from './os/node-keys.ts';
import { LinuxNetworkDevices, wouldLoad } from './os/network-devices.ts';
import { meshTrial } from './overlay/mesh-rules.ts';
import { LinuxNetworkProbes } from './os/network-probes.ts';
import { ProxyPortListeners } from './os/port-listeners.ts';
import { lockDirectory } from './os/process-lock.ts';
import { sessionClient } from './os/session-transport.ts';
import { SettledLook } from './os/settled-look.ts';
import { LinuxSpanDevices } from './os/span-devices.ts';
import { SystemClock } from './os/system-clock.ts';
import { SystemRandom } from './os/system-random.ts';
import { DirectoryTaskFiles } from './os/task-files.ts';
import { LinuxTunnelDevices } from './os/tunnel-devices.ts';
import { TunnelKeyFile } from './os/tunnel-key-file.ts';
import { UpstreamDns } from './os/upstream-dns.ts';

export interface StartDaemon extends DaemonOptions {
  readonly version: string;
  /** The script that this process runs; the manager runs it too. */
  readonly entry: string;
  /** Program and arguments of the process that makes certificates. */
  readonly certificatesCommand: readonly [string, ...string[]];
  /** Program and arguments of the process that answers until the next daemon does. */
  readonly caretakerCommand: readonly [string, ...string[]];
  /** The same of the process that guards fenced tasks, less where it listens and its engine. */
  readonly guardCommand: readonly [string, ...string[]];
  /** The same of the process that looks at a network other than this one's. */
  readonly probeCommand: readonly [string, ...string[]];
  readonly logger: Logger;
  readonly signal: AbortSignal;
}

const unixScheme = 'unix://';
const nanoCpusPerCpu = 1_000_000_000;
/** Connections of this machine to published ports have so long to end before they break. */
const connectionsLimitMs = 3_000;
/** What this machine is may change without a sign. */
const lookAgainMs = 60_000;

/** Builds everything that a node runs, and resolves when the signal stopped it. */
export async function startDaemon(options: StartDaemon): Promise<void> {
  const { logger } = options;
  const engineSocket = socketOf(options.containerEngine, '--container-engine');
  if (!goFirst()) logger.debug('the daemon runs with the priority of everything else');
  const layout = await openDataLayout(options.dataDir);
  const unlock = await lockDirectory(layout.agentLockPath, layout.dataDirectory);
  const clock = new SystemClock();
  const runtime = new DockerRuntime({ socketPath: engineSocket, clock });
  const advertiseAddress = await advertisedBy(options.advertiseAddr);
  const coming = { membership: () => membership, agent: () => agent };
  const onAddress = whenSettled(options, { clock, ...coming });
  const tunnels = tunnelsOf(options, { clock, layout, agent: coming.agent });
  const on = { runtime, clock, layout, tunnels, agent: coming.agent, onAddress };
  const { network, signal } = await networkInCare(options, on);
  const files = new DirectoryTaskFiles(layout.taskFilesDirectory);
  const disk = new FileAgentDisk(layout.agentStatePath);
  const describe = async (stop: AbortSignal): Promise<NodeDescription> =>
    await describeNode({ runtime, options, advertiseAddress, network, tunnels, signal: stop });
  const random = new SystemRandom();
  const keys = new MachineKeys({ command: options.certificatesCommand });
  const managerPeer: HttpPeer = patientPeer(layout, () => manager);
  const common = { clock, random, logger, keys, describe, layout, managerPeer, advertiseAddress };
  const membership = membershipOf({ ...common, agent: () => agent });
  await membership.load((await disk.load())?.nodeId);
  const fenceGuard = fenceGuardOf(options, { layout, engineSocket });
  const agent = new Agent({
    clock,
    logger,
    runtime,
    network,
    random,
    files,
    disk,
    transport: membership.transport,
    leaseClock: new CautiousClock(),
    fenceGuard,
    life: new UdpLifeTransport(() => membership.transport.managerAddress?.()),
    ...(membership.nodeId !== undefined && { nodeId: membership.nodeId }),
    forgetMembership: async () => await membership.forget(),
    renewCertificate: (delayMs) => membership.renewAfter(delayMs),
    noteManagers: async (managers) => await membership.noteManagers(managers),
    describe,
    isMachineStopping,
  });
  const manager = managerProcessOf(options, { layout, clock, membership });
  const routes = daemonRoutes({
    engine: new UnixSocketPeer(engineSocket),
    ...common,
    manager: managerPeer,
    membership,
    attachments: agent.attached,
    resolveAddress: async (given) => await resolveAddress(given || options.advertiseAddr),
    productVersion: options.version,
  });
  const server = await HttpServer.listen({
    socketPath: socketOf(options.socket, '--socket'),
    logger,
    handle: withNodeExamination(
      { network, clock, logger, agent, membership },
      withAgent(agent, patientRoutes(routes, { layout, manager })),
    ),
  });
  logger.info('the daemon is up', { socket: options.socket });
  await runUntil(signal, { manager, membership, agent, network });
  fenceGuard.close();
  keys.close();
  await server.close();
  await files.close();
  await unlock();
}

function fenceGuardOf(
  { guardCommand, logger }: StartDaemon,
  on: { readonly layout: DataLayout; readonly engineSocket: string },
): FenceGuardProcess {
  const { fenceGuardSocket: socketPath, fenceGuardLogPath: logPath } = on.layout;
  const command = [...guardCommand, socketPath, on.engineSocket] as const;
  return new FenceGuardProcess({ socketPath, logPath, command, logger });
}

/**
 * A sign that the machine may have other addresses: they are looked at once that is over. So is
 * what else the machine is, now and then, for a program that is installed gives no sign.
 */
function whenSettled(
  { logger, signal }: StartDaemon,
  of: {
    readonly clock: Clock;
    readonly membership: () => Membership;
    readonly agent: () => Agent;
  },
): () => void {
  const settled = new SettledLook({ clock: of.clock, logger, signal }, async () => {
    await of.membership().lookAtAddress();
    // An engine that hangs shall not be asked more and more often at once.
    const limit = AbortSignal.timeout(lookAgainMs);
    await of.agent().describeAnew(AbortSignal.any([signal, limit]));
  });
  void (async () => {
    while (!signal.aborted) {
      await of.clock.sleep(lookAgainMs, signal).catch(() => undefined);
      if (!signal.aborted) settled.changed();
    }
  })();
  return () => settled.changed();
}

function tunnelsOf(
  { logger, signal }: StartDaemon,
  on: { readonly clock: Clock; readonly layout: DataLayout; readonly agent: () => Agent },
): Tunnels {
  const { tunnelLogPath: logPath, tunnelKeyPath: keyPath, tunnelKeysPath } = on.layout;
  const describeAnew = async (): Promise<void> => {
    try {
      await on.agent().describeAnew(signal);
    } catch (error) {
      logger.warn('managers do not know the key of this node yet; its next session says it', {
        error: TuttiError.from(error).message,
      });
    }
  };
  return new Tunnels({
    devices: new LinuxTunnelDevices({ logPath, keyPath }),
    keys: new TunnelKeyFile(tunnelKeysPath),
    clock: on.clock,
    logger,
    onKeys: () => void describeAnew(),
  });
}

interface NetworkParts {
  readonly runtime: DockerRuntime;
  readonly clock: Clock;
  readonly layout: DataLayout;
  readonly tunnels: Tunnels;
  readonly agent: () => Agent;
  readonly onAddress: () => void;
}

/**
 * The node's networks, and a signal that comes once somebody else answers for them: names and
 * published ports are served without a gap from one daemon to the next.
 */
async function networkInCare(
  options: StartDaemon,
  on: NetworkParts,
): Promise<{ readonly network: LinuxNodeNetwork; readonly signal: AbortSignal }> {
  const { logger, caretakerCommand, probeCommand } = options;
  const { caretakerSocket } = on.layout;
  const caretaker = await findCaretaker(caretakerSocket);
  const { network, handOver } = networkOf({
    ...on,
    logger,
    caretaker,
    probes: new LinuxNetworkProbes(probeCommand),
  });
  const signal = afterwards(options.signal, async () => {
    const duties = network.duties();
    if (duties === undefined) return;
    const command = [...caretakerCommand, caretakerSocket] as const;
    const answers = await startCaretaker(duties, { command }).catch(() => false);
    if (!answers) return logger.warn('nobody answers names until the next daemon does');
    logger.info('somebody else answers names and published ports from now on');
    await handOver();
  });
  return { network, signal };
}

function networkOf(
  from: NetworkParts & {
    readonly logger: Logger;
    readonly caretaker: Caretaker | undefined;
    readonly probes: LinuxNetworkProbes;
  },
): { readonly network: LinuxNodeNetwork; readonly handOver: () => Promise<void> } {
  const { logger, agent, caretaker } = from;
  const upstream = new UpstreamDns();
  const spanDevices = new LinuxSpanDevices();
  const ports = new ProxyPortListeners({
    isShared: (forward) => caretaker?.holds(forward) === true,
  });
  let dns: DnsServer | undefined;
  const network = new LinuxNodeNetwork({
    ...from,
    devices: new LinuxNetworkDevices(from.layout.runDirectory, from.onAddress),
    spanDevices,
    ports,
    listeners: (names) => {
      const portOf = (networkId: string) => caretaker?.portOf(networkId);
      dns = new DnsServer({ names, upstream, logger, portOf });
      return dns;
    },
    onShown: () => caretaker?.relieve(),
    onPortProblems: (problems) => agent().reportPorts(problems),
    searchDomains: () => upstream.searchDomains(),
    reservedRange: topOfSubnet,
    hostSubnets: () => [...hostSubnets(), ...hostIpv6Subnets()],
    linkMtu: async () => await spanDevices.linkMtu(machineAddress()),
    clusterId: () => agent().clusterId,
  });
  const handOver = async (): Promise<void> => {
    await dns?.handOver();
    await ports.handOver(connectionsLimitMs);
  };
  return { network, handOver };
}

/** A signal that follows another one once the work between them is done. */
function afterwards(signal: AbortSignal, work: () => Promise<void>): AbortSignal {
  const controller = new AbortController();
  const over = (): void => controller.abort();
  const begin = (): void => void work().then(over, over);
  if (signal.aborted) begin();
  else signal.addEventListener('abort', begin, { once: true });
  return controller.signal;
}

function managerProcessOf(
  { entry, logger }: StartDaemon,
  on: {
    readonly layout: DataLayout;
    readonly clock: Clock;
    readonly membership: Membership;
  },
): ManagerProcess {
  const { execPath, execArgv } = process;
  return new ManagerProcess({
    ...on,
    logger,
    onEnded: async () => await on.membership.managerEnded(),
    command: [execPath, ...execArgv, entry, 'manager', on.layout.dataDirectory],
  });
}

function membershipOf(
  from: Pick<
    MembershipOptions,
    'clock' | 'random' | 'logger' | 'keys' | 'describe' | 'advertiseAddress'
  > & {
    readonly layout: DataLayout;
    readonly managerPeer: HttpPeer;
    readonly agent: () => Agent;
  },
): Membership {
  const { random, layout, managerPeer, agent } = from;
  return new Membership({
    ...from,
    disk: new NodeIdentityFile(layout.identityPath),
    seat: new MachineSeat(layout, managerPeer),
    calls: managerCalls,
    ownAddresses,
    localTransport: sessionClient({ socketPath: layout.managerSessionSocket }),
    openTransport: (identity, onRefused) => new NetworkTransport({ identity, random, onRefused }),
    nodeId: () => agent().nodeId,
    leaveAgent: async (stop) => await agent().leave(stop),
  });
}

async function runUntil(
  signal: AbortSignal,
  parts: {
    readonly manager: ManagerProcess;
    readonly membership: Membership;
    readonly agent: Agent;
    readonly network: LinuxNodeNetwork;
  },
): Promise<void> {
  const { manager, membership, agent, network } = parts;
  const managing = keepManager(manager, membership, signal);
  // A manager takes a while to end: other managers shall hear of this node until then.
  const last = afterwards(signal, async () => await managing);
  await Promise.all([managing, agent.run(last), network.watch(last), membership.run(last)]);
}

/** A worker's machine runs no manager: it would have nothing to do, and costs its memory. */
async function keepManager(
  manager: ManagerProcess,
  ...[membership, signal]: readonly [Membership, AbortSignal]
): Promise<void> {
  while (!signal.aborted) {
    await membership.clearSeat();
    const kind = membership.managerKind;
    const over = new AbortController();
    const stop = AbortSignal.any([signal, over.signal]);
    const running = kind === 'none' ? undefined : manager.run(stop);
    await membership.untilOther(kind, signal);
    over.abort();
    await running;
  }
}

function socketOf(given: string, field: string): string {
  if (given.startsWith(unixScheme)) return given.slice(unixScheme.length);
  if (given.startsWith('/')) return given;
  throw new TuttiError('invalid-argument', `${field}: expected unix:///path, found "${given}"`, {
    field,
  });
}

/** The range that the container engine may hand out by itself, and that tasks never get. */
function topOfSubnet(text: string): string {
  const subnet = parseSubnet(text);
  if (subnet === undefined) {
    throw new TuttiError('internal', `the subnet "${text}" of a network is none`);
  }
  return formatSubnet(reservedRange(subnet));
}

async function describeNode(from: {
  readonly runtime: DockerRuntime;
  readonly options: Pick<StartDaemon, 'nodeName' | 'version'>;
  readonly advertiseAddress: () => Promise<string | undefined>;
  readonly network: Pick<LinuxNodeNetwork, 'takesCallers'>;
  readonly tunnels: Tunnels;
  readonly signal: AbortSignal;
}): Promise<NodeDescription> {
  const info = await from.runtime.info(from.signal);
  // The device that a person named may be away for a while.
  const chosen = await from.advertiseAddress().catch(() => undefined);
  const managerObstacle = await etcdMissing();
  const canTakeCallers = admitsRouted(info.version) && (await wouldLoad(meshTrial()));
  const address = chosen ?? machineAddress();
  const linkMtu = await new LinuxSpanDevices().linkMtu(address);
  return {
    hostname: from.options.nodeName ?? info.hostname,
    os: info.os,
    architecture: info.architecture,
    nanoCpus: info.cpus * nanoCpusPerCpu,
    memoryBytes: info.memoryBytes,
    engineVersion: info.version,
    programVersion: from.options.version,
    engineLabels: info.labels,
    plugins: info.plugins,
    hostSubnets: hostSubnets(),
    encryption: await from.tunnels.describe(),
    address,
    linkMtu,
    ...(chosen !== undefined && { isAddressChosen: true }),
    ...(managerObstacle !== undefined && { managerObstacle }),
    ...(canTakeCallers && from.network.takesCallers && { takesCallers: true }),
  };
}

/**
 * Where a person says that this node is found: asked again and again, for an interface may have
 * another address by then.
 *
 * @throws TuttiError `invalid-argument` for a name that is no interface now.
 */
async function advertisedBy(given: string | undefined): Promise<() => Promise<string | undefined>> {
  if (given === undefined) return async () => await Promise.resolve(undefined);
  await resolveAddress(given);
  return async () => await resolveAddress(given);
}

/** Requests that come while the manager starts wait for it. */
function patientPeer(layout: DataLayout, manager: () => ManagerProcess): HttpPeer {
  const peer = new UnixSocketPeer(layout.managerApiSocket);
  const patiently =
    <Reply>(ask: (call: HttpCall) => Promise<Reply>) =>
    async (call: HttpCall): Promise<Reply> => {
      await manager().whenUp(call.signal);
      return await ask(call);
    };
  return {
    socketPath: peer.socketPath,
    call: patiently((call) => peer.call(call)),
    open: patiently((call) => peer.open(call)),
  };
}

/** The same for requests that are passed on whole. */
function patientRoutes(
  routes: HttpHandler,
  node: { readonly layout: DataLayout; readonly manager: ManagerProcess },
): HttpHandler {
  return async (request) => {
    const reply = await routes(request);
    if (reply.kind === 'forward' && reply.socketPath === node.layout.managerApiSocket) {
      await node.manager.whenUp(request.signal);
    }
    return reply;
  };
}

const whyPath = /^\/tutti\/v1\/(dns|ports)\/([^/]+)\/why$/;

/**
 * Names and ports are the agent's to explain, and what it keeps is its own; all else goes its usual
 * way.
 */
function withAgent(agent: Agent, routes: HttpHandler): HttpHandler {
  return async (request) => {
    if (request.method === 'POST' && request.path === '/tutti/v1/node/accept') {
      return json(200, { removed: agent.acceptRemovals() });
    }
    const [, kind, asked = ''] = whyPath.exec(request.path) ?? [];
    if (kind === undefined || request.method !== 'GET') return await routes(request);
    const reference = decodeURIComponent(asked);
    try {
      if (kind === 'ports') return json(200, agent.explainPort(reference));
      return json(200, agent.explainName(reference, request.query.get('from') ?? undefined));
    } catch (error) {
      return errorReply(error);
    }
  };
}

import { Agent } from './agent/agent.ts';
import { LinuxNodeNetwork } from './agent/node-network.ts';
import { reservedRange } from './allocator/subnet.ts';
import type { DaemonOptions } from './cli/program-host.ts';
import { daemonRoutes } from './docker/daemon-routes.ts';
import type { Clock } from './host/clock.ts';
import type { HttpCall, HttpHandler, HttpPeer, HttpReply } from './host/http.ts';
import type { Logger } from './host/logger.ts';
import { TuttiError } from './lib/error.ts';
import { formatSubnet, parseSubnet } from './lib/ipv4.ts';
import type { NodeDescription } from './model/node.ts';
import { Membership, type MembershipOptions } from './membership/membership.ts';
import { FileAgentDisk } from './os/agent-disk.ts';
import { NodeIdentityFile } from './os/certificates-files.ts';
import { CautiousClock } from './os/cautious-clock.ts';
import { type DataLayout, openDataLayout } from './os/data-layout.ts';
import { DnsServer } from './os/dns-listeners.ts';
import { DockerRuntime } from './os/docker-runtime.ts';
import { UnixSocketPeer } from './os/http-peer.ts';
import { HttpServer } from './os/http-server.ts';
import { hostSubnets, machineAddress, resolveAddress } from './os/machine.ts';
import { managerCalls } from './os/manager-calls.ts';
import { ManagerProcess } from './os/manager-process.ts';
import { UdpLifeTransport } from './os/life-datagrams.ts';
import { NetworkTransport } from './os/network-transport.ts';
import { MachineKeys } from './os/node-keys.ts';
import { LinuxNetworkDevices } from './os/network-devices.ts';
import { ProxyPortListeners } from './os/port-listeners.ts';
import { lockDirectory } from './os/process-lock.ts';
import { sessionClient } from './os/session-transport.ts';
import { LinuxSpanDevices } from './os/span-devices.ts';
import { SystemClock } from './os/system-clock.ts';
import { SystemRandom } from './os/system-random.ts';
import { DirectoryTaskFiles } from './os/task-files.ts';
import { UpstreamDns } from './os/upstream-dns.ts';

export interface StartDaemon extends DaemonOptions {
  readonly version: string;
  /** The script that this process runs; the manager runs it too. */
  readonly entry: string;
  /** Program and arguments of the process that makes certificates. */
  readonly certificatesCommand: readonly [string, ...string[]];
  readonly logger: Logger;
  readonly signal: AbortSignal;
}

const unixScheme = 'unix://';
const nanoCpusPerCpu = 1_000_000_000;

/** Builds everything that a node runs, and resolves when the signal stopped it. */
export async function startDaemon(options: StartDaemon): Promise<void> {
  const { logger, signal } = options;
  const engineSocket = socketOf(options.containerEngine, '--container-engine');
  const layout = await openDataLayout(options.dataDir);
  const unlock = await lockDirectory(layout.agentLockPath, layout.dataDirectory);
  const clock = new SystemClock();
  const runtime = new DockerRuntime({ socketPath: engineSocket, clock });
  const network = networkOf({ runtime, clock, logger, agent: () => agent });
  const files = new DirectoryTaskFiles(layout.taskFilesDirectory);
  const disk = new FileAgentDisk(layout.agentStatePath);
  const describe = async (stop: AbortSignal): Promise<NodeDescription> =>
    await describeNode({ runtime, name: options.nodeName, signal: stop });
  const random = new SystemRandom();
  const keys = new MachineKeys({ command: options.certificatesCommand });
  const membership = membershipOf({
    clock,
    random,
    logger,
    keys,
    describe,
    layout,
    agent: () => agent,
  });
  await membership.load((await disk.load())?.nodeId);
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
    life: new UdpLifeTransport(() => membership.transport.managerAddress?.()),
    ...(membership.nodeId !== undefined && { nodeId: membership.nodeId }),
    forgetMembership: async () => await membership.forget(),
    renewCertificate: (delayMs) => membership.renewAfter(delayMs),
    describe,
  });
  const manager = managerProcessOf(options, { layout, clock });
  const routes = daemonRoutes({
    engine: new UnixSocketPeer(engineSocket),
    manager: patientPeer(new UnixSocketPeer(layout.managerApiSocket), manager),
    clock,
    logger,
    membership,
    resolveAddress,
    productVersion: options.version,
  });
  const server = await HttpServer.listen({
    socketPath: socketOf(options.socket, '--socket'),
    logger,
    handle: withNames(agent, patientRoutes(routes, { layout, manager })),
  });
  logger.info('the daemon is up', { socket: options.socket, engine: engineSocket });
  await Promise.all([
    keepManager(manager, membership, signal),
    agent.run(signal),
    network.watch(signal),
    membership.run(signal),
  ]);
  keys.close();
  await server.close();
  await files.close();
  await unlock();
}

function networkOf(from: {
  readonly runtime: DockerRuntime;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly agent: () => Agent;
}): LinuxNodeNetwork {
  const { logger, agent } = from;
  const upstream = new UpstreamDns();
  const spanDevices = new LinuxSpanDevices();
  return new LinuxNodeNetwork({
    ...from,
    devices: new LinuxNetworkDevices(),
    spanDevices,
    ports: new ProxyPortListeners(),
    listeners: (answer) => new DnsServer({ answer, upstream, logger }),
    onPortProblems: (problems) => agent().reportPorts(problems),
    searchDomains: () => upstream.searchDomains(),
    reservedRange: topOfSubnet,
    hostSubnets,
    linkMtu: async () => await spanDevices.linkMtu(machineAddress()),
    clusterId: () => agent().clusterId,
  });
}

function managerProcessOf(
  { entry, logger }: StartDaemon,
  on: { readonly layout: DataLayout; readonly clock: Clock },
): ManagerProcess {
  const { execPath, execArgv } = process;
  return new ManagerProcess({
    ...on,
    logger,
    command: [execPath, ...execArgv, entry, 'manager', on.layout.dataDirectory],
  });
}

function membershipOf(
  from: Pick<MembershipOptions, 'clock' | 'random' | 'logger' | 'keys' | 'describe'> & {
    readonly layout: DataLayout;
    readonly agent: () => Agent;
  },
): Membership {
  const { random, layout, agent } = from;
  return new Membership({
    ...from,
    disk: new NodeIdentityFile(layout.identityPath),
    calls: managerCalls,
    localTransport: sessionClient({ socketPath: layout.managerSessionSocket }),
    openTransport: (identity, onRefused) => new NetworkTransport({ identity, random, onRefused }),
    nodeId: () => agent().nodeId,
    leaveAgent: async (stop) => await agent().leave(stop),
  });
}

/** A worker's machine runs no manager: it would have nothing to do, and costs its memory. */
async function keepManager(
  manager: ManagerProcess,
  ...[membership, signal]: readonly [Membership, AbortSignal]
): Promise<void> {
  while (!signal.aborted) {
    await membership.until(false, signal);
    if (signal.aborted) return;
    const joined = new AbortController();
    const stop = AbortSignal.any([signal, joined.signal]);
    const running = manager.run(stop);
    await membership.until(true, signal);
    joined.abort();
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
  readonly name: string | undefined;
  readonly signal: AbortSignal;
}): Promise<NodeDescription> {
  const info = await from.runtime.info(from.signal);
  return {
    hostname: from.name ?? info.hostname,
    os: info.os,
    architecture: info.architecture,
    nanoCpus: info.cpus * nanoCpusPerCpu,
    memoryBytes: info.memoryBytes,
    engineVersion: info.version,
    engineLabels: info.labels,
    plugins: info.plugins,
    hostSubnets: hostSubnets(),
    address: machineAddress(),
  };
}

/** Requests that come while the manager starts wait for it. */
function patientPeer(peer: HttpPeer, manager: ManagerProcess): HttpPeer {
  const patiently =
    <Reply>(ask: (call: HttpCall) => Promise<Reply>) =>
    async (call: HttpCall): Promise<Reply> => {
      await manager.whenUp(call.signal);
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

const whyName = /^\/tutti\/v1\/dns\/([^/]+)\/why$/;

/** Names are the agent's to explain; everything else goes its usual way. */
function withNames(agent: Agent, routes: HttpHandler): HttpHandler {
  return async (request) => {
    const name = request.method === 'GET' ? whyName.exec(request.path)?.[1] : undefined;
    if (name === undefined) return await routes(request);
    const from = request.query.get('from') ?? undefined;
    return jsonReply(agent.explainName(decodeURIComponent(name), from));
  };
}

function jsonReply(value: unknown): HttpReply {
  return {
    kind: 'whole',
    status: 200,
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify(value),
  };
}

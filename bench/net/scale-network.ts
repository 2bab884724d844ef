import { LinuxNodeNetwork } from '../../src/agent/node-network.ts';
import type { ContainerRuntime, RuntimeNetwork } from '../../src/host/container-runtime.ts';
import type { DiscoveryView } from '../../src/host/node-network.ts';
import { withoutPrefix } from '../../src/lib/ipv4.ts';
import { LayeredMap } from '../../src/lib/layered-map.ts';
import type { CatalogService, CatalogTask, NetworkAssignment } from '../../src/model/assignment.ts';
import { DnsServer } from '../../src/os/dns-listeners.ts';
import { LinuxNetworkDevices } from '../../src/os/network-devices.ts';
import { LinuxNetworkProbes } from '../../src/os/network-probes.ts';
import { ProxyPortListeners } from '../../src/os/port-listeners.ts';
import { LinuxSpanDevices } from '../../src/os/span-devices.ts';
import { SystemClock } from '../../src/os/system-clock.ts';
import { UpstreamDns } from '../../src/os/upstream-dns.ts';
import { run } from './run.ts';

const prefixLength = 8;
const usualMtu = 1_500;
const quiet = () => undefined;
const complain = (message: string, fields?: object) =>
  void process.stderr.write(`${message} ${JSON.stringify(fields ?? {})}\n`);
const logger = { debug: quiet, info: quiet, warn: complain, error: complain };

/**
 * The code of a node's networks with a real kernel, and in place of an engine what makes bridges.
 */
export function networkOfNode(ownDirectory: string): LinuxNodeNetwork {
  const upstream = new UpstreamDns();
  return new LinuxNodeNetwork({
    runtime: bridgeMaker(),
    logger,
    clock: new SystemClock(),
    devices: new LinuxNetworkDevices(ownDirectory),
    spanDevices: new LinuxSpanDevices(),
    probes: new LinuxNetworkProbes(['true']),
    ports: new ProxyPortListeners(),
    listeners: (names) => new DnsServer({ names, upstream, logger }),
    onPortProblems: quiet,
    searchDomains: () => [],
    reservedRange: (subnet) => subnet,
    hostSubnets: () => [],
    linkMtu: async () => await Promise.resolve(usualMtu),
    clusterId: () => 'bench',
  });
}

function bridgeMaker(): ContainerRuntime {
  const made: RuntimeNetwork[] = [];
  const missing = (): never => {
    throw new Error('this is no container engine');
  };
  return {
    info: missing,
    findImage: missing,
    pullImage: missing,
    createContainer: missing,
    startContainer: missing,
    leadOut: missing,
    stopContainer: missing,
    killContainer: missing,
    resumeHealthCheck: missing,
    endLostProcesses: missing,
    removeContainer: missing,
    inspectContainer: missing,
    listEndpoints: missing,
    listContainers: async () => await Promise.resolve([]),
    createNetwork: async ({ name, labels, bridge, gateway }) => {
      await run('ip', 'link', 'add', bridge, 'type', 'bridge');
      await run('ip', 'address', 'add', `${gateway}/${prefixLength}`, 'dev', bridge);
      await run('ip', 'link', 'set', bridge, 'up');
      const network = { id: name, name, labels };
      made.push(network);
      return network;
    },
    listNetworks: async () => await Promise.resolve(made),
    removeNetwork: async () => await Promise.resolve(),
    disconnect: missing,
    logs: missing,
    events: missing,
  };
}

const nodeId = 'node0';
const otherNodes = 4;

const network: NetworkAssignment = {
  networkId: 'net1',
  name: 'bench',
  labels: {},
  subnet: '10.0.0.0/8',
  gateway: '10.0.0.1/8',
  internal: false,
  ingress: false,
  vxlan: { id: 4_100, port: 4_789 },
  driverOptions: {},
  predefined: false,
};
export const bridge = 'tt-net1';
export const backEnd = address(20, 0);
export const virtualAddress = address(10, 0);
export const client = '10.0.0.9';

function address(block: number, index: number): string {
  const place = index + 10;
  return `10.${block + (place >> 16)}.${(place >> 8) & 255}.${place & 255}`;
}

/**
 * Services of two back ends on one network; the first back end of the first one is on this node.
 */
export class Catalog {
  readonly #services = new LayeredMap<string, CatalogService>();
  readonly #tasks = new LayeredMap<string, CatalogTask>();
  readonly #nodes: DiscoveryView['nodes'];

  constructor(count: number) {
    this.#nodes = new Map(
      Array.from({ length: otherNodes + 1 }, (_, index) => {
        const id = `node${index}`;
        return [id, { nodeId: id, address: `192.0.2.${index + 1}` }];
      }),
    );
    for (let index = 0; index < count; index += 1) {
      const serviceId = `s${index}`;
      this.#services.set(serviceId, {
        serviceId,
        name: `service-${index}`,
        endpointMode: 'vip',
        networks: [
          { networkId: network.networkId, aliases: [], virtualAddress: address(10, index) },
        ],
        ports: [],
      });
      for (const replica of [0, 1]) this.#put(index, replica, true);
    }
  }

  #put(index: number, replica: number, ready: boolean): void {
    const taskId = `t${index}-${replica}`;
    const own = `${address(20, index * 2 + replica)}/${prefixLength}`;
    this.#tasks.set(taskId, {
      taskId,
      serviceId: `s${index}`,
      name: `service-${index}.${replica}`,
      nodeId: index === 0 ? nodeId : `node${1 + (index % otherNodes)}`,
      // Nothing is there at the first one's second address.
      ready: ready && !(index === 0 && replica === 1),
      addresses: [{ networkId: network.networkId, address: own }],
    });
  }

  /** One back end of a service leaves, or comes back. */
  set(index: number, ready: boolean): void {
    this.#put(index, 1, ready);
  }

  /** A view of its own, as an agent makes one for each change. */
  view(): DiscoveryView {
    return {
      networks: new Map([[network.networkId, network]]),
      services: this.#services.snapshot(),
      tasks: this.#tasks.snapshot(),
      nodes: new Map(this.#nodes),
      nodeId,
      own: new Map(),
      publications: [],
    };
  }
}

export async function makeNetwork(of: LinuxNodeNetwork): Promise<void> {
  const { signal } = new AbortController();
  const ensuring = of.ensure(network, signal);
  await of.apply(new Catalog(0).view());
  await ensuring;
  await of.shown();
}

export const gateway = withoutPrefix(network.gateway);

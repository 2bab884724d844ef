/*
 * Holds the networks of one node, as an agent does, and obeys lines of its standard input: `show
 * VIEW` (JSON, its maps as lists of pairs), `recheck`, `remove`. After each it says how often it
 * found drift, and whether it takes callers.
 */
import { createInterface } from 'node:readline';
import { LinuxNodeNetwork } from '../../src/agent/node-network.ts';
import type { ContainerRuntime } from '../../src/host/container-runtime.ts';
import type { DiscoveryView } from '../../src/host/node-network.ts';
import { backingNetworkLabel } from '../../src/model/labels.ts';
import { LinuxNetworkDevices } from '../../src/os/network-devices.ts';
import { LinuxNetworkProbes } from '../../src/os/network-probes.ts';
import { ProxyPortListeners } from '../../src/os/port-listeners.ts';
import { LinuxSpanDevices } from '../../src/os/span-devices.ts';
import { SystemClock } from '../../src/os/system-clock.ts';

const [directory = ''] = process.argv.slice(2);
const quiet = () => undefined;
const warn = (message: string, fields?: object) =>
  void process.stderr.write(`${message} ${JSON.stringify(fields)}\n`);
const spanDevices = new LinuxSpanDevices();

let view: DiscoveryView | undefined;

/** Who makes bridges: there is one for each network already. */
const engine = {
  async listNetworks() {
    return [...(view?.networks.keys() ?? [])].map((id) => ({
      id,
      name: id,
      labels: { [backingNetworkLabel]: id },
    }));
  },
  async listContainers() {
    return [];
  },
  async removeNetwork() {},
};

const network = new LinuxNodeNetwork({
  runtime: engine as unknown as ContainerRuntime,
  devices: new LinuxNetworkDevices(directory),
  spanDevices,
  // Nobody examines this node.
  probes: new LinuxNetworkProbes(['false']),
  ports: new ProxyPortListeners(),
  clock: new SystemClock(),
  logger: { debug: quiet, info: quiet, warn, error: warn },
  onPortProblems: quiet,
  searchDomains: () => [],
  listeners: () => ({
    open: async () => ({ port: 5_353, isInherited: false }),
    close: async () => undefined,
  }),
  clusterId: () => 'mesh',
  reservedRange: () => '',
  hostSubnets: () => [],
  linkMtu: async () => 1_500,
});

type Pairs = readonly (readonly [string, never])[];

async function show(text: string): Promise<void> {
  const given = JSON.parse(text) as Readonly<Record<'networks' | 'tasks', Pairs>> &
    Readonly<Record<'services' | 'nodes' | 'downNodes', Pairs>> & { readonly nodeId: string };
  const { networks, services, tasks, nodes, downNodes, nodeId } = given;
  view = {
    networks: new Map(networks),
    services: new Map(services),
    tasks: new Map(tasks),
    nodes: new Map(nodes),
    downNodes: new Map(downNodes),
    nodeId,
    own: new Map(),
    publications: [],
  };
  const { signal } = new AbortController();
  const made = [...view.networks.values()].map((one) => network.ensure(one, signal));
  await network.apply(view);
  await Promise.all(made);
  await network.shown();
}

for await (const line of createInterface({ input: process.stdin })) {
  const [verb = '', ...rest] = line.split(' ');
  if (verb === 'show') await show(rest.join(' '));
  if (verb === 'recheck') await network.recheck();
  if (verb === 'remove') await network.removeAll(new AbortController().signal);
  process.stdout.write(`${network.driftCount} ${network.takesCallers}\n`);
}

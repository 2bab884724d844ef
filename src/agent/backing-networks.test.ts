import assert from 'node:assert/strict';
import { test } from 'node:test';
import type {
  ContainerRuntime,
  CreateRuntimeNetwork,
  RuntimeNetwork,
} from '../host/container-runtime.ts';
import { TuttiError } from '../lib/error.ts';
import type { NetworkAssignment } from '../model/assignment.ts';
import { BackingNetworks } from './backing-networks.ts';

const signal = new AbortController().signal;
const quiet = () => undefined;
const logger = { debug: quiet, info: quiet, warn: quiet, error: quiet };

/** The engine's networks alone. */
class FakeEngine {
  readonly networks = new Map<string, CreateRuntimeNetwork>();
  readonly inUse = new Set<string>();
  /** Devices; the engine removes only those that it made. */
  readonly bridges = new Set<string>();
  readonly #ownBridges = new Set<string>();
  guests: readonly { readonly networkName: string; readonly containerId: string }[] = [];

  get names(): readonly string[] {
    return [...this.networks.keys()].toSorted();
  }

  add(name: string, labels: Readonly<Record<string, string>>, subnet = '10.9.0.0/24'): void {
    const others = { gateway: '', bridge: '', internal: false };
    this.networks.set(name, { name, labels, subnet, ...others });
  }

  async listNetworks(label: string): Promise<readonly RuntimeNetwork[]> {
    const [key = '', value] = label.split('=');
    return [...this.networks.values()]
      .filter(({ labels }) => key in labels && (value === undefined || labels[key] === value))
      .map(({ name, labels, ipv6 }) => ({
        id: name,
        name,
        labels,
        ...(ipv6 === undefined && { lacksIpv6: true as const }),
      }));
  }

  async createNetwork(request: CreateRuntimeNetwork): Promise<RuntimeNetwork> {
    for (const other of this.networks.values()) {
      if (other.subnet === request.subnet) throw new TuttiError('conflict', 'Pool overlaps');
    }
    this.networks.set(request.name, request);
    if (!this.bridges.has(request.bridge)) this.#ownBridges.add(request.bridge);
    this.bridges.add(request.bridge);
    return { id: request.name, name: request.name, labels: request.labels };
  }

  async listBridges(): Promise<ReadonlySet<string>> {
    return new Set(this.bridges);
  }

  async removeBridge(bridge: string): Promise<void> {
    this.bridges.delete(bridge);
  }

  async listEndpoints({ networkNames }: { readonly networkNames: readonly string[] }) {
    return this.guests.filter(({ networkName }) => networkNames.includes(networkName));
  }

  async disconnect(networkName: string, containerId: string): Promise<void> {
    this.guests = this.guests.filter(
      (one) => one.networkName !== networkName || one.containerId !== containerId,
    );
  }

  async removeNetwork(name: string): Promise<void> {
    const isInUse =
      this.inUse.has(name) || this.guests.some(({ networkName }) => networkName === name);
    if (isInUse) throw new TuttiError('permission-denied', 'has active endpoints');
    const bridge = this.networks.get(name)?.bridge ?? '';
    if (this.#ownBridges.delete(bridge)) this.bridges.delete(bridge);
    this.networks.delete(name);
  }
}

function build(hostSubnets: readonly string[] = [], linkMtu = 1_500) {
  const engine = new FakeEngine();
  const networks = new BackingNetworks({
    runtime: engine as unknown as ContainerRuntime,
    devices: engine,
    logger,
    clusterId: () => 'mine',
    reservedRange: () => '10.0.1.248/29',
    hostSubnets: () => hostSubnets,
    linkMtu: async () => linkMtu,
  });
  return { engine, networks };
}

function network(networkId: string, changes: Partial<NetworkAssignment> = {}): NetworkAssignment {
  return {
    networkId,
    name: networkId,
    labels: {},
    subnet: '10.0.1.0/24',
    gateway: '10.0.1.1',
    internal: false,
    ingress: false,
    driverOptions: {},
    predefined: false,
    ...changes,
  };
}

test('a network is made once, with the labels of its cluster', async () => {
  const { engine, networks } = build();
  const names = await Promise.all([1, 2].map(() => networks.ensure(network('front'), signal)));
  assert.deepEqual(names, ['front', 'front']);
  assert.deepEqual(engine.networks.get('front')?.labels, {
    'dev.tutti.network': 'front',
    'dev.tutti.cluster': 'mine',
  });
});

const ipv6 = { subnet: 'fd00:1::/64', gateway: 'fd00:1::1' };

test('a network with IPv6 leaves the engine a range that goes with its own of IPv4', async () => {
  const { engine, networks } = build();
  await networks.ensure(network('both', { ipv6 }), signal);
  await networks.ensure(network('old', { subnet: '10.0.2.0/24' }), signal);
  const ofEngine = { ...ipv6, reservedRange: 'fd00:1::f8/125' };
  assert.deepEqual(engine.networks.get('both')?.ipv6, ofEngine);
  assert.equal(engine.networks.get('old')?.ipv6, undefined);
});

test('a network that was made without IPv6 is made anew, once nobody is on it', async () => {
  const { engine, networks } = build();
  const labels = { 'dev.tutti.network': 'both', 'dev.tutti.cluster': 'mine' };
  engine.add('both', labels, '10.0.1.0/24');
  engine.inUse.add('both');
  await networks.ensure(network('both', { ipv6 }), signal);
  assert.equal(engine.networks.get('both')?.ipv6, undefined);
  const later = build();
  later.engine.add('both', labels, '10.0.1.0/24');
  await later.networks.ensure(network('both', { ipv6 }), signal);
  assert.equal(later.engine.networks.get('both')?.ipv6?.subnet, ipv6.subnet);
});

test('a network with IPv6 is not made over what the node has, nor with packets too small', async () => {
  const taken = build(['192.0.2.7/24', 'fd00:1::7/56']).networks;
  await assert.rejects(taken.ensure(network('both', { ipv6 }), signal), {
    code: 'conflict',
    message: /subnet fd00:1::\/64 of network both overlaps fd00:1::7\/56/,
  });
  const small = build([], 1_300).networks;
  await small.ensure(network('old'), signal);
  await assert.rejects(small.ensure(network('both', { ipv6, subnet: '10.0.2.0/24' }), signal), {
    code: 'failed-precondition',
    message: /needs packets of 1280 bytes, and the links between the nodes leave 1250/,
  });
});

test('the ingress network sorts before all others', async () => {
  const { networks } = build();
  const name = await networks.ensure(network('ingress', { ingress: true }), signal);
  assert.ok(name < '00a' && name < 'a', name);
});

test('a subnet in the way of a network that nobody wants any more is freed', async () => {
  const { engine, networks } = build();
  const labels = { 'dev.tutti.network': 'old', 'dev.tutti.cluster': 'mine' };
  engine.add('old', labels, '10.0.1.0/24');
  await networks.ensure(network('front'), signal);
  assert.deepEqual(engine.names, ['front']);
});

test('networks of another cluster, and of nobody, are never swept', async () => {
  const { engine, networks } = build();
  engine.add('theirs', { 'dev.tutti.network': 'theirs', 'dev.tutti.cluster': 'other' });
  engine.add('before-labels', { 'dev.tutti.network': 'before-labels' });
  engine.add('users', {});
  engine.add('left', { 'dev.tutti.network': 'left', 'dev.tutti.cluster': 'mine' });
  engine.add('wanted', { 'dev.tutti.network': 'wanted', 'dev.tutti.cluster': 'mine' });
  await networks.ensure(network('front'), signal);
  assert.equal(await networks.sweep((id) => id === 'wanted', signal), true);
  assert.deepEqual(engine.names, ['before-labels', 'front', 'theirs', 'users', 'wanted']);
  await networks.removeAll(signal);
  assert.deepEqual(engine.names, ['before-labels', 'theirs', 'users']);
});

test('containers that are no tasks leave the networks of a cluster that their node leaves', async () => {
  const { engine, networks } = build();
  engine.add('users', {});
  await networks.ensure(network('front'), signal);
  await networks.ensure(network('back', { subnet: '10.0.2.0/24' }), signal);
  const own = { networkName: 'users', containerId: 'own' };
  const guests = ['c1', 'c2'].map((containerId) => ({ networkName: 'front', containerId }));
  engine.guests = [...guests, own];
  await networks.removeAll(signal);
  assert.deepEqual([engine.names, engine.guests], [['users'], [own]]);
});

test('a network that the machine itself has is refused by name', async () => {
  const { engine, networks } = build(['192.168.1.0/24', '10.0.0.0/16']);
  await assert.rejects(networks.ensure(network('front'), signal), {
    code: 'conflict',
    message: /subnet 10\.0\.1\.0\/24 of network front overlaps 10\.0\.0\.0\/16/,
  });
  assert.deepEqual(engine.names, []);
});

test('a bridge that a killed engine left goes, with its network or alone', async () => {
  const { engine, networks } = build();
  engine.bridges.add('tt-front').add('tt-somebodys').add('docker0').add('tt-left1234');
  await networks.ensure(network('front'), signal);
  assert.ok(engine.bridges.has('tt-front'));
  await networks.sweepBridges(signal);
  assert.deepEqual([...engine.bridges].toSorted(), ['docker0', 'tt-front', 'tt-somebodys']);
  engine.bridges.add('tt-left1234');
  await networks.removeAll(signal);
  assert.deepEqual([...engine.bridges].toSorted(), ['docker0', 'tt-somebodys']);
});

test('what this node removes itself, nobody took away', async () => {
  const { engine, networks } = build();
  await networks.ensure(network('front'), signal);
  const looking = networks.forgetLost(signal);
  const removing = networks.remove('front', signal);
  assert.deepEqual(await looking, []);
  assert.equal(await removing, true);
  await networks.ensure(network('front'), signal);
  const lookingAgain = networks.forgetLost(signal);
  await networks.removeAll(signal);
  assert.deepEqual([await lookingAgain, engine.names], [[], []]);
});

test('a network in use stays made; one that somebody removed is forgotten and made again', async () => {
  const { engine, networks } = build();
  await networks.ensure(network('front'), signal);
  engine.inUse.add('front');
  assert.equal(await networks.remove('front', signal), false);
  assert.deepEqual(await networks.forgetLost(signal), []);
  engine.networks.delete('front');
  assert.deepEqual(
    (await networks.forgetLost(signal)).map(({ name }) => name),
    ['front'],
  );
  await networks.ensure(network('front'), signal);
  assert.deepEqual(engine.names, ['front']);
});

test('a network that is wanted again while it goes is there afterwards', async () => {
  const { engine, networks } = build();
  await networks.ensure(network('front'), signal);
  const [removed] = await Promise.all([
    networks.remove('front', signal),
    networks.ensure(network('front'), signal),
  ]);
  assert.equal(removed, true);
  assert.deepEqual(engine.names, ['front']);
});

test('packets are as large as the smallest link of the cluster takes, or as declared', async () => {
  const { engine, networks } = build();
  const option = { 'com.docker.network.driver.mtu': '1400' };
  const cases: readonly (readonly [Partial<NetworkAssignment>, number])[] = [
    [{}, 1_450],
    [{ linkMtu: 9_000 }, 1_450],
    [{ linkMtu: 1_280 }, 1_230],
    [{ linkMtu: 1_280, driverOptions: option }, 1_400],
  ];
  for (const [index, [changes, mtu]] of cases.entries()) {
    const subnet = `10.7.${index}.0/24`;
    const name = await networks.ensure(network(`net${index}`, { ...changes, subnet }), signal);
    assert.equal(engine.networks.get(name)?.mtu, mtu);
  }
});

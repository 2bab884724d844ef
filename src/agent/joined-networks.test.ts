import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ListedTunnel, TunnelDevices } from '../host/tunnel-devices.ts';
import type { TunnelKeyStore } from '../host/tunnel-key-store.ts';
import { TuttiError } from '../lib/error.ts';
import type { CatalogNode, CatalogTask, NetworkAssignment } from '../model/assignment.ts';
import type { NodeEncryption, TunnelKeys } from '../model/encryption.ts';
import { Tunnels } from './tunnels.ts';
import { JoinedNetworks } from './joined-networks.ts';

const quiet = () => undefined;
const logger = { debug: quiet, info: quiet, warn: quiet, error: quiet };
const nobodyWaits = async () => await Promise.reject(new Error('nobody waits here'));

/** A machine that remembers what it was told, as WireGuard's programs would. */
class FakeMachine implements TunnelDevices {
  readonly made: string[] = [];
  readonly orders: string[] = [];
  devices = new Map<string, ListedTunnel>();
  obstacle: string | undefined;
  isFailing = false;
  isRefusing = false;

  async problem() {
    return this.obstacle;
  }

  async list() {
    return [...this.devices.keys()];
  }

  async read(device: string) {
    return this.devices.get(device);
  }

  async make(device: string, { mtu }: { readonly mtu: number }) {
    if (this.isFailing) throw new TuttiError('unavailable', 'wireguard-go did not start');
    this.made.push(device);
    const dump = 'secret\tnone=\t0\toff\n';
    this.devices.set(device, { mtu, isUp: true, takesDetours: true, dump });
  }

  async order(
    _device: string,
    order: { readonly parameters: readonly string[]; readonly privateKey?: string },
  ) {
    if (this.isRefusing) throw new TuttiError('internal', 'wg set failed: it does not answer');
    const key = order.privateKey === undefined ? [] : [`key ${order.privateKey}`];
    this.orders.push([...key, ...order.parameters].join(' '));
  }

  async remove(device: string) {
    this.devices.delete(device);
  }

  taken(): readonly string[] {
    return this.orders.splice(0);
  }
}

class FakeKeys implements TunnelKeyStore {
  kept: TunnelKeys | undefined;
  #count = 0;

  newPair() {
    this.#count += 1;
    return { privateKey: `private${this.#count}`, publicKey: `key${this.#count}` };
  }

  async load() {
    return this.kept;
  }

  async save(keys: TunnelKeys) {
    this.kept = keys;
  }

  async forget() {
    this.kept = undefined;
  }
}

const device = 'tt-node-a-w';
/* As in `src/overlay/tunnel-keys.ts`. */
const keyPeriodMs = 12 * 3_600_000;
const keyNoticeMs = 60_000;
const sealed: NetworkAssignment = {
  networkId: 'sealednet',
  name: 'sealed',
  labels: {},
  subnet: '10.0.1.0/24',
  gateway: '10.0.1.1',
  internal: false,
  ingress: false,
  vxlan: { id: 4_097, port: 4_789 },
  driverOptions: { encrypted: '' },
  predefined: false,
};
const plain = { ...sealed, networkId: 'plainnet', name: 'plain', driverOptions: {} };

function task(nodeId: string, networkId: string, address: string): CatalogTask {
  const taskId = `${nodeId}-${networkId}`;
  const addresses = [{ networkId, address: `${address}/24` }];
  return { taskId, serviceId: 's', nodeId, name: taskId, addresses, ready: true };
}

function build() {
  const machine = new FakeMachine();
  const keys = new FakeKeys();
  const time = { now: 0 };
  const news: string[] = [];
  const tunnels = new Tunnels({
    devices: machine,
    keys,
    clock: { now: () => time.now, sleep: nobodyWaits, turn: nobodyWaits },
    logger,
    onKeys: () => void news.push('keys'),
  });
  const spanDevices = {
    listSpans: async () => ({ links: '', forwarding: '', neighbours: '', routes: '', rules: '' }),
    orderSpans: async () => undefined,
    acceptDetours: async () => undefined,
    gatherPackets: async () => undefined,
  };
  const others = new JoinedNetworks({
    spanDevices,
    tunnels,
    logger,
    linkMtu: async () => 1_500,
  });
  const show = async (own?: NodeEncryption, networks = [sealed, plain]) => {
    const nodes: readonly CatalogNode[] = [
      { nodeId: 'node-a', address: '192.0.2.1', ...(own?.kind === 'able' && { tunnel: own }) },
      { nodeId: 'node-b', address: '192.0.2.2', tunnel: { publicKey: 'b=', port: 7_946 } },
    ];
    const tasks = ['sealednet', 'plainnet'].flatMap((networkId) => [
      task('node-a', networkId, '10.0.1.2'),
      task('node-b', networkId, '10.0.1.3'),
    ]);
    const { spans } = await others.join({
      nodeId: 'node-a',
      services: new Map(),
      own: new Map(),
      publications: [],
      networks: new Map(networks.map((one) => [one.networkId, one])),
      tasks: new Map(tasks.map((one) => [one.taskId, one])),
      nodes: new Map(nodes.map((one) => [one.nodeId, one])),
    });
    return spans.map((span) => `${span.device} ${span.tunnel ?? 'clear'}`);
  };
  return { machine, keys, time, news, tunnels, others, show };
}

const peerB = 'peer b= endpoint 192.0.2.2:7946 allowed-ips 192.0.2.2/32 persistent-keepalive 25';

test('what is encrypted leads through the tunnel, which is made with it and goes with it', async () => {
  const { machine, show, tunnels } = build();
  await tunnels.describe();
  machine.devices.set('tt-before-w', { mtu: 0, isUp: true, takesDetours: true, dump: '' });
  assert.deepEqual(await show(), [`tt-sealedne-x ${device}`, 'tt-plainnet-x clear']);
  assert.deepEqual(machine.taken(), [`key private1 listen-port 7946 ${peerB}`]);
  assert.deepEqual([...machine.devices.keys()], [device], 'one of another time is gone');
  await show();
  assert.deepEqual([machine.taken(), machine.made], [[], [device]]);
  assert.deepEqual(await show(undefined, [plain]), ['tt-plainnet-x clear']);
  assert.deepEqual([...machine.devices.keys()], []);
});

test('where nothing encrypts, what is to be encrypted leads nowhere, and all else goes on', async () => {
  const { machine, show } = build();
  machine.isFailing = true;
  assert.deepEqual(await show(), ['tt-plainnet-x clear']);
  machine.isFailing = false;
  assert.equal((await show()).length, 2);
  machine.devices.clear();
  machine.obstacle = 'there is no program wg on it';
  assert.deepEqual(await show(), ['tt-plainnet-x clear']);
});

test('a tunnel that could not be brought up is kept, and gone once nothing is encrypted', async () => {
  const { machine, show } = build();
  await show();
  await show(undefined, [plain]);
  machine.isRefusing = true;
  assert.deepEqual(await show(), ['tt-plainnet-x clear']);
  assert.deepEqual([...machine.devices.keys()], [device]);
  await show(undefined, [plain]);
  assert.deepEqual([...machine.devices.keys()], []);
});

test('a node that is asked twice at once who it is says one key, and has it', async () => {
  const { keys, tunnels } = build();
  const said = await Promise.all([tunnels.describe(), tunnels.describe()]);
  assert.deepEqual(said[0], said[1]);
  assert.ok(said[0].kind === 'able');
  assert.equal(keys.kept?.current.publicKey, said[0].publicKey);
});

test('a machine that learns to encrypt says so', async () => {
  const { machine, news, tunnels, others } = build();
  machine.obstacle = 'there is no program wg on it';
  assert.deepEqual(await tunnels.describe(), { kind: 'unable', message: machine.obstacle });
  await others.recheck();
  assert.deepEqual(news, []);
  machine.obstacle = undefined;
  await others.recheck();
  assert.deepEqual(news, ['keys']);
  assert.equal((await tunnels.describe()).kind, 'able');
});

test('keys rotate: told, known, used, told again; and they outlive the daemon', async () => {
  const { machine, keys, time, news, tunnels, show } = build();
  const first = await tunnels.describe();
  await show(first);
  machine.taken();
  time.now = keyPeriodMs;
  await show(first);
  assert.deepEqual([machine.taken(), news.splice(0)], [[], ['keys']]);
  const second = await tunnels.describe();
  assert.ok(second.kind === 'able' && second.nextPublicKey === 'key2');
  await show(second);
  time.now += keyNoticeMs;
  await show(first);
  assert.equal(keys.kept?.current.publicKey, 'key1', 'managers lost it: they have to know it');
  await show(second);
  time.now += keyNoticeMs;
  await show(second);
  assert.deepEqual(news.splice(0), ['keys']);
  assert.match(machine.taken()[0] ?? '', /^key private2/);
  const third = await tunnels.describe();
  assert.deepEqual(third, { kind: 'able', publicKey: 'key2', port: 7_946 });
  assert.equal(keys.kept?.current.privateKey, 'private2');
});

test('a tunnel that somebody took away is made again, and counted', async () => {
  const { machine, tunnels, show } = build();
  await show();
  const dump = ['secret\tkey1\t7946\toff', 'b=\t(none)\t192.0.2.9:7\t192.0.2.2/32\t0\t0\t0\t25'];
  const found = { mtu: 1_440, isUp: true, takesDetours: true, dump: dump.join('\n') };
  machine.devices.set(device, found);
  assert.deepEqual(await tunnels.recheck(), [], 'a peer may have moved');
  for (const harm of [{ mtu: 1_420 }, { isUp: false }, { takesDetours: false }, { dump: '' }]) {
    machine.devices.set(device, { ...found, ...harm });
    const before = tunnels.driftCount;
    assert.deepEqual(await tunnels.recheck(), [`the tunnel ${device} is not as it was made`]);
    assert.equal(tunnels.driftCount, before + 1);
    machine.devices.set(device, found);
  }
  assert.equal(machine.made.length, 5);
});

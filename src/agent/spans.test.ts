import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { SpanDevices } from '../host/span-devices.ts';
import { TuttiError } from '../lib/error.ts';
import type { Span } from '../overlay/spans.ts';
import { Spans } from './spans.ts';

const quiet = () => undefined;
const logger = { debug: quiet, info: quiet, warn: quiet, error: quiet };

const span: Span = {
  bridge: 'tt-net',
  device: 'tt-net-x',
  vxlanId: 4_098,
  port: 4_789,
  localAddress: '192.168.77.1',
  mtu: 1_450,
  remotes: new Map([['10.0.1.6', '192.168.77.2']]),
};

/** A kernel that remembers orders, and shows what it is told to show. */
class FakeKernel implements SpanDevices {
  readonly orders: string[] = [];
  listing = { links: '', forwarding: '', neighbours: '', routes: '', rules: '' };
  readonly detours: string[] = [];
  readonly gathering: string[] = [];
  looks = 0;
  failing = 0;

  async listSpans() {
    this.looks += 1;
    return this.listing;
  }

  async orderSpans(
    orders: { readonly ip: readonly string[]; readonly bridge: readonly string[] },
    { lenient }: { readonly lenient: boolean },
  ) {
    if (!lenient && this.failing > 0) {
      this.failing -= 1;
      throw new TuttiError('internal', 'no such device');
    }
    this.orders.push(...orders.ip, ...orders.bridge);
  }

  async acceptDetours(device: string) {
    this.detours.push(device);
  }

  async gatherPackets(device: string) {
    this.gathering.push(device);
    return 'nobody may';
  }

  taken(): readonly string[] {
    return this.orders.splice(0).map((line) => line.split(' ').slice(0, 2).join(' '));
  }
}

function build() {
  const kernel = new FakeKernel();
  return { kernel, spans: new Spans({ devices: kernel, logger }) };
}

test('the kernel is asked once, and then told differences alone', async () => {
  const { kernel, spans } = build();
  await spans.show([span]);
  assert.equal(kernel.taken().length, 6);
  await spans.show([span]);
  assert.deepEqual(kernel.taken(), []);
  await spans.show([{ ...span, remotes: new Map() }]);
  assert.deepEqual(kernel.taken(), ['neighbour delete', 'fdb delete', 'fdb delete']);
  assert.equal(kernel.looks, 1);
});

test('what a daemon before this one left goes when nothing wants it', async () => {
  const { kernel, spans } = build();
  const links = JSON.stringify([{ ifname: 'tt-old-x', mtu: 1450, flags: ['UP'] }]);
  kernel.listing = { ...kernel.listing, links };
  await spans.show([]);
  assert.deepEqual(kernel.orders, ['link delete dev tt-old-x']);
});

test('an order that fails is tried again on what the kernel has by then', async () => {
  const { kernel, spans } = build();
  kernel.failing = 1;
  await spans.show([span]);
  assert.equal(kernel.looks, 2);
  assert.equal(kernel.taken().length, 6);
  kernel.failing = 2;
  await assert.rejects(spans.show([{ ...span, mtu: 1_280 }]), /no such device/);
  await spans.show([]);
  assert.equal(kernel.looks, 4, 'what it has is not known any more');
});

test('what somebody took away is made again and counted', async () => {
  const { kernel, spans } = build();
  await spans.recheck();
  assert.equal(kernel.looks, 0, 'a node alone has nothing to look at');
  await spans.show([span]);
  kernel.taken();
  await spans.recheck();
  assert.equal(kernel.taken().length, 6);
  assert.equal(spans.driftCount, 1);
});

test('nodes keep their numbers, also those that a daemon before this one gave', async () => {
  const { kernel, spans } = build();
  const route = { dst: 'default', gateway: '192.168.77.5', dev: 'tt-net-x', table: '1414856708' };
  kernel.listing = { ...kernel.listing, routes: JSON.stringify([route]) };
  assert.deepEqual(await spans.numberWays([]), new Map());
  const given = [
    ['192.168.77.5', 4],
    ['192.168.77.2', 1],
  ] as const;
  assert.deepEqual([...(await spans.numberWays(['192.168.77.2', '192.168.77.5']))], given);
  assert.deepEqual([...(await spans.numberWays(['192.168.77.2']))], given);
  assert.equal(kernel.looks, 1);
});

test('by a way of callers packets may come in that leave by another, whatever is set later', async () => {
  const { kernel, spans } = build();
  await spans.show([span]);
  assert.deepEqual(kernel.detours, []);
  const { listing } = kernel;
  const mesh = { ...span, ways: new Map([['192.168.77.2', 1]]) };
  await spans.show([mesh]);
  kernel.listing = listing;
  await spans.recheck();
  assert.deepEqual(kernel.detours, ['tt-net-x', 'tt-net-x']);
});

test('packets that come by a tunnel are gathered, also after somebody made the device anew', async () => {
  const said: string[] = [];
  const kernel = new FakeKernel();
  const info = (message: string) => void said.push(message);
  const spans = new Spans({ devices: kernel, logger: { ...logger, info } });
  const other = { ...span, device: 'tt-other-x', bridge: 'tt-other' };
  const sealed = { ...span, tunnel: 'tt-node-w' };
  await spans.show([other]);
  assert.deepEqual(kernel.gathering.splice(0), []);
  await spans.show([other, sealed]);
  await spans.show([other, sealed]);
  assert.deepEqual(kernel.gathering.splice(0), ['tt-net-x'], 'once, and where it differs alone');
  await spans.recheck();
  assert.deepEqual(kernel.gathering, ['tt-net-x']);
  assert.equal(said.length, 1, 'it is slower, and that is said once');
});

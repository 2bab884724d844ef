import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { keysInUse, parseTunnel, tunnelOrder, type TunnelState } from './tunnel-tables.ts';
import type { Tunnel } from './tunnels.ts';

const own = { device: 'tt-node-w', mtu: 1_440, port: 7_946, publicKey: 'own=' };

/** As wireguard-tools 1.0.20210914 print it. */
const dump = [
  'private=\town=\t7946\toff',
  'b=\t(none)\t192.0.2.2:7946\t192.0.2.2/32\t1795550000\t92\t180\t25',
  'next=\t(none)\t192.0.2.2:7946\t(none)\t0\t0\t0\toff',
  '',
].join('\n');

test('what a device has is read from its dump', () => {
  const endpoint = '192.0.2.2:7946';
  assert.deepEqual(parseTunnel(dump), {
    publicKey: 'own=',
    port: 7_946,
    peers: new Map([
      ['b=', { endpoint, address: '192.0.2.2', handshakeAt: 1_795_550_000 }],
      ['next=', { endpoint, address: undefined, handshakeAt: 0 }],
    ]),
  });
  assert.equal(parseTunnel(''), undefined);
});

const peer = fc.record({
  endpoint: fc.constantFrom('192.0.2.2:7946', '192.0.2.3:7946'),
  address: fc.constantFrom('192.0.2.2', '192.0.2.3', undefined),
});
const tunnel: fc.Arbitrary<Tunnel> = fc.record({
  device: fc.constant(own.device),
  mtu: fc.constant(own.mtu),
  port: fc.constantFrom(7_946, 7_947),
  publicKey: fc.constantFrom('one=', 'two='),
  peers: fc.array(fc.tuple(fc.constantFrom('b=', 'c=', 'd='), peer)).map((peers) => new Map(peers)),
});

/** What `wg set` makes of a device (wg(8)). */
function obey(state: TunnelState, parameters: readonly string[]): TunnelState {
  let { port } = state;
  const peers = new Map(state.peers);
  const words = [...parameters];
  let key = '';
  for (let word = words.shift(); word !== undefined; word = words.shift()) {
    const last = peers.get(key) ?? { endpoint: '', address: undefined, handshakeAt: 0 };
    if (word === 'listen-port') port = Number(words.shift());
    else if (word === 'peer') key = words.shift() ?? '';
    else if (word === 'remove') peers.delete(key);
    else if (word === 'endpoint') peers.set(key, { ...last, endpoint: words.shift() ?? '' });
    else if (word === 'persistent-keepalive') words.shift();
    else if (word === 'allowed-ips') {
      const address = words.shift()?.replace('/32', '') || undefined;
      peers.set(key, { ...last, address });
    } else assert.fail(word);
  }
  return { ...state, port, peers };
}

test('an order brings a device from where it is to what is wanted, and then there is none', () => {
  fc.assert(
    fc.property(tunnel, tunnel, (before, wanted) => {
      const peers = [...before.peers].map(
        ([key, one]) => [key, { ...one, handshakeAt: 0 }] as const,
      );
      const found = { ...before, peers: new Map(peers) };
      const order = tunnelOrder(found, { wanted, shown: undefined });
      const after = {
        ...obey(found, order?.parameters ?? []),
        publicKey: order?.isKeyOther === true ? wanted.publicKey : found.publicKey,
      };
      assert.equal(tunnelOrder(after, { wanted, shown: undefined }), undefined);
      for (const [key, one] of wanted.peers) {
        assert.deepEqual(after.peers.get(key), { ...one, handshakeAt: 0 });
      }
      assert.equal(after.peers.size, wanted.peers.size);
    }),
  );
});

test('a peer that moved by itself is believed, until managers say where it is', () => {
  const found = parseTunnel(dump.replaceAll('192.0.2.2:7946', '192.0.2.9:40000'));
  assert.ok(found);
  const at = (endpoint: string): Tunnel => ({
    ...own,
    peers: new Map([
      ['b=', { endpoint, address: '192.0.2.2' }],
      ['next=', { endpoint, address: undefined }],
    ]),
  });
  const shown = at('192.0.2.2:7946');
  assert.equal(tunnelOrder(found, { wanted: shown, shown }), undefined);
  assert.deepEqual(tunnelOrder(found, { wanted: at('192.0.2.3:7946'), shown })?.parameters, [
    'peer',
    'b=',
    'endpoint',
    '192.0.2.3:7946',
    'peer',
    'next=',
    'endpoint',
    '192.0.2.3:7946',
  ]);
});

test('a key that is to come is in use after a handshake later than the last one with the old', () => {
  const ends = [{ publicKey: 'b=', nextPublicKey: 'next=' }, { publicKey: 'c=' }];
  const at = (handshakeAt: number) => {
    const found = parseTunnel(dump.replace('(none)\t0\t', `(none)\t${handshakeAt}\t`));
    return [...keysInUse(found ?? assert.fail(), ends)];
  };
  assert.deepEqual([0, 1_795_550_000, 1_795_550_001].map(at), [[], [], ['next=']]);
});

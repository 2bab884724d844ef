import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { newSpanOrders, partNewSpans } from './new-spans.ts';
import { spanDifference, tablesOf } from './span-tables.ts';
import type { Span } from './spans.ts';

const subnets = { subnet: '10.0.1.0/24', ipv6: { subnet: 'fd00:1::/64', gateway: 'fd00:1::1/64' } };

const anySpans: fc.Arbitrary<readonly Span[]> = fc.uniqueArray(
  fc
    .record({
      name: fc.constantFrom('one', 'two', 'three'),
      tunnel: fc.option(fc.constant('tt-w')),
      hasIpv6: fc.boolean(),
      remotes: fc.dictionary(
        fc.constantFrom('10.0.1.6', '10.0.1.7', '10.0.1.8'),
        fc.constantFrom('192.168.77.2', '192.168.77.3'),
      ),
    })
    .map(({ name, tunnel, hasIpv6, remotes }) => ({
      bridge: `tt-${name}`,
      device: `tt-${name}-x`,
      vxlanId: 4_098,
      port: 4_789,
      localAddress: '192.168.77.1',
      mtu: 1_450,
      remotes: new Map(Object.entries(remotes)),
      ...(tunnel !== null && { tunnel }),
      ...(hasIpv6 && { subnets }),
    })),
  { selector: ({ device }) => device },
);

test('what is made where nothing is, is what a comparison with nothing orders', () => {
  fc.assert(
    fc.property(anySpans, (spans) => {
      const { ip, bridge } = newSpanOrders(spans);
      const { removals, additions } = spanDifference(tablesOf([]), tablesOf(spans));
      assert.deepEqual(removals, { ip: [], bridge: [] });
      assert.deepEqual(ip.toSorted(), additions.ip.toSorted());
      assert.deepEqual(bridge.toSorted(), additions.bridge.toSorted());
      // Devices are made, joined and set up in this order.
      const ofLinks = (lines: readonly string[]) => lines.filter((line) => line.startsWith('link'));
      assert.deepEqual(ofLinks(ip), ofLinks(additions.ip));
    }),
  );
});

test('a span that is known, or is no port of a bridge, is compared', () => {
  const [span, known, routed] = ['a', 'b', 'c'].map((device) => ({
    bridge: `tt-${device}`,
    device,
    vxlanId: 1,
    port: 4_789,
    localAddress: '192.168.77.1',
    mtu: 1_450,
    remotes: new Map<string, string>(),
  }));
  assert.ok(span && known && routed);
  const mesh = { ...routed, ways: new Map<string, number>() };
  const parted = partNewSpans([span, known, mesh], ({ device }) => device === 'b');
  assert.deepEqual(parted, { fresh: [span], others: [known, mesh] });
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { AddressReuse, freeAddress } from '../../src/allocator/addresses.ts';
import { allocatePorts } from '../../src/allocator/published-ports.ts';
import { allocateNetwork, assignableRange, reservedRange } from '../../src/allocator/subnet.ts';
import { formatAddress, formatSubnet, parseSubnet, subnetsOverlap } from '../../src/lib/ipv4.ts';
import { isInIpv6Subnet, parseIpv6, parseIpv6Subnet } from '../../src/lib/ipv6.ts';
import type { Cluster } from '../../src/model/cluster.ts';
import { ipv6AddressOf, ipv6RangeOf } from '../../src/model/ipv6.ts';
import type { NetworkSpec } from '../../src/model/network.ts';
import type { PublishedPort, Service } from '../../src/model/service.ts';
import { MemoryTables } from './memory-tables.ts';
import { clusterRow, networkRow, nodeRow, serviceRow } from './rows.ts';

function tablesWith(
  change: Partial<Cluster> = {},
  hostSubnets: readonly string[] = [],
): MemoryTables {
  const tables = new MemoryTables();
  tables.update((tx) => {
    tx.clusters.put(clusterRow(change));
    tx.nodes.put(nodeRow('n1', { description: { hostSubnets } }));
  });
  return tables;
}

function addNetwork(tables: MemoryTables, id: string, subnet?: string): string | undefined {
  const spec = subnet === undefined ? {} : { subnets: [{ subnet }] };
  tables.update((tx) => tx.networks.put(allocateNetwork(tx, networkRow(id, { spec }))));
  return tables.view.networks.get(id)?.subnets[0]?.subnet;
}

test('networks get the subnets of the pool one after the other, and what was freed again', () => {
  const tables = tablesWith();
  assert.equal(addNetwork(tables, 'a'), '10.0.0.0/24');
  assert.equal(addNetwork(tables, 'b'), '10.0.1.0/24');
  tables.update((tx) => tx.networks.delete('a'));
  assert.equal(addNetwork(tables, 'c'), '10.0.0.0/24');
});

test('subnets step over what nodes have of their own', () => {
  const tables = tablesWith({}, ['10.0.0.0/16', '10.1.0.77/32', '192.168.1.0/24', '0.0.0.0/0']);
  assert.equal(addNetwork(tables, 'a'), '10.1.1.0/24');
});

test('a full pool is followed by the next, and the last by an error that names them', () => {
  const tables = tablesWith({
    defaultAddressPools: ['10.5.0.0/23', '10.9.0.0/24'],
    subnetPrefixLength: 24,
  });
  const got = ['a', 'b', 'c'].map((id) => addNetwork(tables, id));
  assert.deepEqual(got, ['10.5.0.0/24', '10.5.1.0/24', '10.9.0.0/24']);
  assert.throws(() => addNetwork(tables, 'd'), {
    code: 'resource-exhausted',
    message: /no subnet of size \/24 is left .*10\.5\.0\.0\/23, 10\.9\.0\.0\/24.* network d$/,
  });
});

test('a declared subnet that overlaps is refused by the name of who has it', () => {
  const tables = tablesWith({}, ['192.168.1.0/24']);
  addNetwork(tables, 'a', '10.20.0.0/16');
  assert.throws(() => addNetwork(tables, 'b', '10.20.30.0/24'), {
    code: 'conflict',
    message: /10\.20\.30\.0\/24 of network b overlaps 10\.20\.0\.0\/16, which network a has/,
  });
  assert.throws(() => addNetwork(tables, 'b', '192.168.0.0/16'), {
    message: /overlaps 192\.168\.1\.0\/24, which node n1 itself has/,
  });
});

test('the gateway is the first address unless another is declared', () => {
  const tables = tablesWith();
  const subnets = [{ subnet: '10.3.0.0/24', gateway: '10.3.0.9' }];
  const { view } = tables;
  assert.deepEqual(allocateNetwork(view, networkRow('a', { spec: { subnets } })).subnets, [
    { subnet: '10.3.0.0/24', gateway: '10.3.0.9' },
  ]);
  assert.equal(allocateNetwork(view, networkRow('b')).subnets[0]?.gateway, '10.0.0.1');
});

test('a network that has its subnet is left as it is, and so is one of the node itself', () => {
  const { view } = tablesWith();
  const done = allocateNetwork(view, networkRow('a'));
  assert.equal(allocateNetwork(view, done), done);
  const host = networkRow('host', { row: { predefined: true } });
  assert.equal(allocateNetwork(view, host), host);
});

const reserved: readonly (readonly [subnet: string, range: string])[] = [
  ['10.0.0.0/8', '10.255.255.248/29'],
  ['10.0.1.0/24', '10.0.1.248/29'],
  ['10.0.1.0/27', '10.0.1.24/29'],
  ['10.0.1.0/28', '10.0.1.12/30'],
  ['10.0.1.0/29', '10.0.1.6/31'],
];

for (const [text, range] of reserved) {
  test(`of ${text} the container engine has ${range} to itself`, () => {
    const subnet = parseSubnet(text);
    assert.equal(subnet && formatSubnet(reservedRange(subnet)), range);
  });
}

test('no subnet overlaps another or a node, whatever is declared and removed', () => {
  const step = fc.oneof(
    fc.record({ kind: fc.constant('add' as const), id: fc.nat(12) }),
    fc.record({ kind: fc.constant('remove' as const), id: fc.nat(12) }),
  );
  const hosts = fc.array(
    fc.record({ block: fc.nat(15), length: fc.integer({ min: 24, max: 28 }) }),
    { maxLength: 4 },
  );
  fc.assert(
    fc.property(hosts, fc.array(step, { maxLength: 40 }), (own, steps) => {
      const hostSubnets = own.map(({ block, length }) => `10.0.${block}.16/${length}`);
      const tables = tablesWith({ defaultAddressPools: ['10.0.0.0/20'] }, hostSubnets);
      for (const { kind, id } of steps) {
        if (kind === 'remove') tables.update((tx) => tx.networks.delete(`w${id}`));
        else if (tables.view.networks.get(`w${id}`) === undefined) {
          tryTo(() => addNetwork(tables, `w${id}`));
        }
      }
      const ranges = [...tables.view.networks.all()].map((one) => one.subnets[0]?.subnet ?? '');
      const all = [...ranges, ...hostSubnets].flatMap((text) => parseSubnet(text) ?? []);
      for (const [index, range] of ranges.entries()) {
        const mine = parseSubnet(range);
        assert.ok(mine);
        const overlapping = all.filter((other, at) => at !== index && subnetsOverlap(other, mine));
        assert.deepEqual(overlapping, []);
      }
    }),
    { seed: 1, numRuns: 100 },
  );
});

function tryTo(run: () => unknown): void {
  try {
    run();
  } catch (error) {
    assert.match(String(error), /no subnet of size/);
  }
}

test('every assignable address of a network is given once, and then none', () => {
  const tables = tablesWith();
  addNetwork(tables, 'net', '10.7.0.0/28');
  const network = tables.view.networks.get('net');
  assert.ok(network);
  const addressReuse = new AddressReuse();
  const given: (string | undefined)[] = [];
  for (let count = 0; count < 11; count += 1) {
    tables.update((tx) => {
      const address = freeAddress(tx, network, { addressReuse });
      given.push(address);
      if (address === undefined) return;
      const virtualAddresses = [{ networkId: 'net', address }];
      const service = serviceRow(`s${count}`, { templateId: 't' });
      tx.services.put({ ...service, virtualAddresses });
    });
  }
  // .0 network, .1 gateway, .12 … .15 the engine's
  const expected = Array.from({ length: 10 }, (_, index) => `10.7.0.${index + 2}/28`);
  assert.deepEqual(given, [...expected, undefined]);
  assert.equal(assignableRange(network)?.size, 10);
});

test('an address that was freed is given again only after all others', () => {
  const tables = tablesWith();
  addNetwork(tables, 'net', '10.7.0.0/28');
  const network = tables.view.networks.get('net');
  assert.ok(network);
  const addressReuse = new AddressReuse();
  const given = Array.from({ length: 11 }, () =>
    freeAddress(tables.view, network, { addressReuse }),
  );
  assert.equal(new Set(given).size, 10);
  assert.equal(given[10], given[0]);
});

function publisher(id: string, ports: readonly PublishedPort[]): Service {
  return serviceRow(id, { templateId: 't', spec: { ports } });
}

function publish(tables: MemoryTables, service: Service): readonly PublishedPort[] {
  const { ports, problem } = allocatePorts(tables.view, service);
  if (problem !== undefined) throw problem;
  tables.update((tx) => tx.services.put({ ...service, publishedPorts: ports }));
  return ports;
}

const tcp = (targetPort: number, publishedPort?: number): PublishedPort => ({
  protocol: 'tcp',
  targetPort,
  mode: 'ingress',
  ...(publishedPort === undefined ? {} : { publishedPort }),
});
const numbers = (ports: readonly PublishedPort[]): readonly (number | undefined)[] =>
  ports.map((port) => port.publishedPort);

test('ports that are not declared are chosen from 30000, and stay when the service changes', () => {
  const tables = tablesWith();
  assert.deepEqual(numbers(publish(tables, publisher('a', [tcp(80), tcp(81)]))), [30_000, 30_001]);
  assert.deepEqual(numbers(publish(tables, publisher('b', [tcp(80)]))), [30_002]);
  const publishedPorts = tables.view.services.get('a')?.publishedPorts ?? [];
  const again = { ...publisher('a', [tcp(82), tcp(80)]), publishedPorts };
  assert.deepEqual(numbers(publish(tables, again)), [30_003, 30_000]);
});

test('a declared port is refused by the name of the service that has it', () => {
  const tables = tablesWith();
  publish(tables, publisher('a', [tcp(80, 8_080)]));
  assert.throws(() => publish(tables, publisher('b', [tcp(80, 8_080)])), {
    code: 'conflict',
    message: "port '8080/tcp' is already in use by service 'a' (a)",
    field: 'spec.ports[0].publishedPort',
  });
});

test('the same number for another protocol, or after removal, is free', () => {
  const tables = tablesWith();
  publish(tables, publisher('a', [tcp(80, 8_080)]));
  publish(tables, publisher('b', [{ ...tcp(80, 8_080), protocol: 'udp' }]));
  tables.update((tx) => {
    const service = tx.services.get('a');
    if (service !== undefined) tx.services.put({ ...service, removing: true });
  });
  publish(tables, publisher('c', [tcp(80, 8_080)]));
});

test('a port that cannot be had is left out, and the others are published', () => {
  const tables = tablesWith();
  publish(tables, publisher('a', [tcp(80, 8_080)]));
  const { ports, problem } = allocatePorts(
    tables.view,
    publisher('b', [tcp(80, 8_080), tcp(81, 8_081)]),
  );
  assert.deepEqual(numbers(ports), [8_081]);
  assert.equal(problem?.code, 'conflict');
});

test('ports of mode host are not chosen and conflict with ingress ports', () => {
  const tables = tablesWith();
  const host: PublishedPort = { ...tcp(80), mode: 'host' };
  assert.deepEqual(publish(tables, publisher('a', [host])), [host]);
  publish(tables, publisher('b', [{ ...host, publishedPort: 8_080 }]));
  assert.throws(() => publish(tables, publisher('c', [tcp(80, 8_080)])), { code: 'conflict' });
});

test('when no port is left the error names the range', () => {
  const tables = tablesWith();
  tables.update((tx) => {
    const all = Array.from({ length: 2_768 }, (_, index) => tcp(80, 30_000 + index));
    tx.services.put({ ...publisher('a', all), publishedPorts: all });
  });
  assert.throws(() => publish(tables, publisher('b', [tcp(80)])), {
    code: 'resource-exhausted',
    message: /no port from 30000 to 32767 is left for port 80\/tcp of service b/,
  });
});

function addWithIpv6(tables: MemoryTables, id: string, subnets: NetworkSpec['subnets'] = []) {
  const spec = { enableIpv6: true, subnets };
  tables.update((tx) => tx.networks.put(allocateNetwork(tx, networkRow(id, { spec }))));
  return tables.view.networks.get(id)?.subnets ?? [];
}

test('a network with IPv6 has a unique local subnet beside its own, and a gateway in each', () => {
  const tables = tablesWith();
  const [first, second] = [addWithIpv6(tables, 'a'), addWithIpv6(tables, 'b')];
  assert.equal(first[0]?.subnet, '10.0.0.0/24');
  const [, site = ''] =
    /^(fd[\da-f]{2}:[\da-f]+:[\da-f]+):1::\/64$/.exec(first[1]?.subnet ?? '') ?? [];
  assert.notEqual(site, '');
  assert.equal(first[1]?.gateway, `${site}:1::1`);
  assert.equal(second[1]?.subnet, `${site}:2::/64`);
  // What was freed is given again, what is declared is stepped over.
  tables.update((tx) => tx.networks.delete('a'));
  addWithIpv6(tables, 'c', [{ subnet: `${site}::/63` }]);
  assert.equal(addWithIpv6(tables, 'd')[1]?.subnet, `${site}:3::/64`);
  // Clusters that are joined by a link do not have each other's.
  const other = tablesWith({ id: 'other' });
  assert.ok(!addWithIpv6(other, 'a')[1]?.subnet.startsWith(site));
});

test('subnets of both kinds may be declared, in any order', () => {
  const tables = tablesWith();
  const [ipv4, ipv6] = addWithIpv6(tables, 'a', [
    { subnet: 'fd00:9::/120', gateway: 'fd00:9::1' },
    { subnet: '10.9.0.0/24', gateway: '10.9.0.1' },
  ]);
  assert.deepEqual(ipv4, { subnet: '10.9.0.0/24', gateway: '10.9.0.1' });
  assert.deepEqual(ipv6, { subnet: 'fd00:9::/120', gateway: 'fd00:9::1' });
  const [, high] = addWithIpv6(tables, 'b', [
    { subnet: '2001:db8::/64', gateway: '2001:db8::ff:1' },
  ]);
  assert.equal(high?.gateway, '2001:db8::ff:1');
  assert.throws(() => addWithIpv6(tables, 'c', [{ subnet: 'fd00:9::/64' }]), {
    code: 'invalid-argument',
    message: /fd00:9::\/64 of network c overlaps fd00:9::\/120 of network a$/,
  });
});

test('an address of IPv6 is never that of the gateway, of another, or of the engine', () => {
  const drawn = fc.record({ length: fc.integer({ min: 22, max: 29 }), gateway: fc.nat() });
  fc.assert(
    fc.property(drawn, ({ length, gateway }) => {
      const tables = tablesWith();
      const range = parseSubnet(`10.9.0.0/${length}`);
      assert.ok(range);
      const own = formatAddress(range.first + 1 + (gateway % (range.last - range.first - 1)));
      const [ipv4, ipv6] = addWithIpv6(tables, 'a', [
        { subnet: formatSubnet(range), gateway: own },
      ]);
      const row = tables.view.networks.get('a');
      assert.ok(row && ipv4 && ipv6);
      const both = { subnet: ipv4.subnet, ipv6 };
      const seen = new Set([ipv6.gateway]);
      const engine = parseIpv6Subnet(ipv6RangeOf(both, formatSubnet(reservedRange(range))) ?? '');
      const given = assignableRange(row);
      assert.ok(engine && given);
      for (let at = given.first; at <= given.last; at += 1) {
        if (at === given.gateway) continue;
        const text: string = ipv6AddressOf(both, formatAddress(at)) ?? '';
        assert.ok(!seen.has(text), text);
        seen.add(text);
        assert.ok(!isInIpv6Subnet(parseIpv6(text) ?? 0n, engine), text);
      }
    }),
    { numRuns: 40 },
  );
});

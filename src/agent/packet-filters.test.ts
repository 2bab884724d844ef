import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Logger } from '../host/logger.ts';
import type { NetworkDevices } from '../host/network-devices.ts';
import type { NetworkAssignment } from '../model/assignment.ts';
import type { Ruleset } from '../overlay/ruleset.ts';
import { PacketFilters } from './packet-filters.ts';

const ignore = async (): Promise<void> => undefined;
const quiet = (): void => undefined;
const logger: Logger = { debug: quiet, info: quiet, warn: quiet, error: quiet };

function build() {
  const tables = new Set<string>();
  const devices = {
    filterBridges: ignore,
    forwardPackets: async () => false,
    acceptMarked: ignore,
    refuseMarked: ignore,
    loadRules: async (script: string) => {
      const [, table] = /^add table (.*)$/m.exec(script) ?? [];
      if (table !== undefined) tables.add(table);
    },
    readRules: async (table: string) => (tables.has(table) ? '' : undefined),
    removeRules: async (table: string) => void tables.delete(table),
  };
  const filters = new PacketFilters({ devices: devices as unknown as NetworkDevices, logger });
  return { filters, tables };
}

const ruleset: Ruleset = {
  table: 'ip tutti',
  chains: new Map(),
  collections: new Map(),
  sources: [],
};

function networks(...ipv6: readonly NetworkAssignment['ipv6'][]) {
  const rows = ipv6.map((one, index) => ({
    networkId: `network-${index}`,
    name: '',
    labels: {},
    subnet: '10.0.1.0/24',
    gateway: '10.0.1.1',
    internal: false,
    ingress: false,
    driverOptions: {},
    predefined: false,
    ...(one !== undefined && { ipv6: one }),
  }));
  return new Map<string, NetworkAssignment>(rows.map((one) => [one.networkId, one]));
}

const ipv6 = { subnet: 'fd00::/64', gateway: 'fd00::1' };

test('IPv6 is closed with the first network that has it, and stays closed after the last', async () => {
  const { filters, tables } = build();
  await filters.show(ruleset, networks(undefined));
  assert.deepEqual([...tables], ['ip tutti']);
  await filters.show(ruleset, networks(undefined, ipv6));
  assert.deepEqual([...tables].toSorted(), ['ip tutti', 'ip6 tutti']);
  await filters.show(ruleset, networks());
  tables.delete('ip6 tutti');
  assert.deepEqual(await filters.recheck({ isBrief: true }), ['the table is gone']);
  assert.ok(tables.has('ip6 tutti'));
  assert.equal(filters.driftCount, 1);
});

test('who leaves keeps no table, not even of a daemon before this one', async () => {
  const { filters, tables } = build();
  for (const table of ['ip tutti', 'ip6 tutti']) tables.add(table);
  await filters.remove();
  assert.deepEqual([...tables], []);
});

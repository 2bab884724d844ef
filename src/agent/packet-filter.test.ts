import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { NetworkDevices } from '../host/network-devices.ts';
import type { Logger } from '../host/logger.ts';
import type { Ruleset } from '../overlay/ruleset.ts';
import { PacketFilter } from './packet-filter.ts';

const unused = () => Promise.reject(new Error('not expected here'));

/** Holds what was loaded, and lists what it is told to. */
class FakeKernel implements NetworkDevices {
  readonly loads: string[] = [];
  listing: string | undefined;
  /** The listing after the whole was loaded. */
  listingOfWhole = '';
  refuseNext = false;
  accepted = 0;

  async loadRules(script: string): Promise<void> {
    if (this.refuseNext) {
      this.refuseNext = false;
      throw new Error('No such file or directory');
    }
    const isWhole = script.startsWith('add table');
    this.loads.push(isWhole ? 'whole' : script);
    if (isWhole) this.listing = this.listingOfWhole;
  }

  async readRules(
    _table: string,
    how: { readonly chainsOnly: boolean } = { chainsOnly: false },
  ): Promise<string | undefined> {
    return how.chainsOnly ? this.listing?.replace(/\t\telements = .*\n/g, '') : this.listing;
  }

  async acceptMarked(): Promise<void> {
    this.accepted += 1;
  }

  filterBridges = async (): Promise<void> => undefined;
  forwardsPackets = true;
  forwardPackets = async (): Promise<boolean> => {
    const isChange = !this.forwardsPackets;
    this.forwardsPackets = true;
    return isChange;
  };
  async removeRules(): Promise<void> {
    this.listing = undefined;
  }

  refuseMarked = async (): Promise<void> => undefined;
  setAddresses = unused;
  forgetAddresses = (): void => undefined;
  listBridges = unused;
  removeBridge = unused;
  restoreBridge = unused;
  forgetDatagrams = unused;
  forgetUnanswered = unused;
  forgetQueries = unused;
  allowHairpin = unused;
  watch = unused;
}

const logger: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
};

function rules(...addresses: readonly string[]): Ruleset {
  const elements = new Map(addresses.map((address) => [address, '']));
  return {
    table: 'ip tutti',
    chains: new Map([['input', ['type filter hook input priority 0;', 'ip daddr @own accept']]]),
    collections: new Map([['own', { kind: 'set', type: 'typeof ip daddr' }]]),
    sources: [new Map([['all', { part: { own: elements } }]])],
  };
}

function listed(...addresses: readonly string[]): string {
  return `table ip tutti {
	set own {
		typeof ip daddr
		elements = { ${addresses.join(', ')} }
	}

	chain input {
		type filter hook input priority filter; policy accept;
		ip daddr @own accept
	}
}
`;
}

async function loaded(): Promise<{ readonly kernel: FakeKernel; readonly filter: PacketFilter }> {
  const kernel = new FakeKernel();
  kernel.listingOfWhole = listed('10.0.0.1');
  const filter = new PacketFilter({ devices: kernel, logger });
  await filter.show(rules('10.0.0.1'));
  return { kernel, filter };
}

test('the table is loaded whole once, and then by differences', async () => {
  const { kernel, filter } = await loaded();
  await filter.show(rules('10.0.0.1', '10.0.0.2'));
  await filter.show(rules('10.0.0.1', '10.0.0.2'));
  assert.deepEqual(kernel.loads, ['whole', 'add element ip tutti own { 10.0.0.2 }\n']);
});

test('a difference that the kernel refuses is drift, and the whole is loaded', async () => {
  const { kernel, filter } = await loaded();
  kernel.refuseNext = true;
  kernel.listingOfWhole = listed('10.0.0.1', '10.0.0.2');
  await filter.show(rules('10.0.0.1', '10.0.0.2'));
  assert.deepEqual(kernel.loads, ['whole', 'whole']);
  assert.equal(filter.driftCount, 1);
});

test('a kernel that has what was loaded is left alone; another is loaded again', async () => {
  const { kernel, filter } = await loaded();
  await filter.recheck();
  assert.deepEqual(kernel.loads, ['whole']);
  const harms = [
    undefined,
    listed('10.0.0.1', '10.0.0.9'),
    listed('10.0.0.1').replace('accept\n', 'drop\n'),
  ];
  for (const harm of harms) {
    kernel.listing = harm;
    const before = kernel.loads.length;
    await filter.recheck();
    await filter.recheck();
    assert.equal(kernel.loads.length, before + 1, String(harm));
  }
  assert.equal(filter.driftCount, harms.length);
  assert.ok(kernel.accepted > 3, 'the rule among those of the engine is looked at, too');
});

test('a kernel that somebody kept from forwarding forwards again, and it is said', async () => {
  const { kernel, filter } = await loaded();
  kernel.forwardsPackets = false;
  const [difference, ...more] = await filter.recheck({ isBrief: true });
  assert.match(difference ?? '', /ip_forward was 0/);
  assert.deepEqual([more, kernel.forwardsPackets, kernel.loads], [[], true, ['whole']]);
  assert.deepEqual(await filter.recheck(), []);
});

test('a brief look finds rules that somebody changed; elements wait for a whole one', async () => {
  const { kernel, filter } = await loaded();
  kernel.listing = listed('10.0.0.9');
  assert.deepEqual(await filter.recheck({ isBrief: true }), []);
  kernel.listing = listed('10.0.0.1').replace('accept\n', 'drop\n');
  assert.deepEqual(await filter.recheck({ isBrief: true }), ['chain input has other rules']);
  assert.deepEqual(await filter.recheck({ isBrief: true }), []);
  kernel.listing = listed('10.0.0.9');
  assert.deepEqual(await filter.recheck(), ['set own has other elements']);
  kernel.listing = undefined;
  assert.deepEqual(await filter.recheck({ isBrief: true }), ['the table is gone']);
});

test('what this nft words otherwise than we do is not repaired for ever', async () => {
  const kernel = new FakeKernel();
  kernel.listingOfWhole = listed('ten.zero.zero.one');
  const filter = new PacketFilter({ devices: kernel, logger });
  await filter.show(rules('10.0.0.1'));
  for (let look = 0; look < 5; look += 1) await filter.recheck();
  assert.deepEqual(kernel.loads, ['whole', 'whole', 'whole']);
  assert.equal(filter.driftCount, 1);
});

test('what somebody changes while the whole is loaded again is repaired, too', async () => {
  const kernel = new FakeKernel();
  const filter = new PacketFilter({ devices: kernel, logger });
  await filter.show(rules('10.0.0.1'));
  // Between loading and looking somebody is faster.
  kernel.listing = kernel.listingOfWhole = listed('10.0.0.9');
  await filter.recheck();
  kernel.listingOfWhole = listed('10.0.0.1');
  await filter.recheck();
  assert.equal(kernel.listing, kernel.listingOfWhole);
  assert.equal(filter.driftCount, 2);
  kernel.listing = listed('10.0.0.9');
  await filter.recheck();
  assert.equal(kernel.listing, kernel.listingOfWhole, 'it is never taken for a way to word it');
});

test('what a daemon before this one loaded is removed, too', async () => {
  const kernel = new FakeKernel();
  kernel.listing = listed('10.0.0.1');
  await new PacketFilter({ devices: kernel, logger }).remove();
  assert.equal(kernel.listing, undefined);
});

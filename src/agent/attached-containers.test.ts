import assert from 'node:assert/strict';
import { test } from 'node:test';
import { VirtualClock } from '../../sim/clock.ts';
import type { ContainerRuntime, RuntimeEndpoint } from '../host/container-runtime.ts';
import type { NodeNetwork } from '../host/node-network.ts';
import { TuttiError } from '../lib/error.ts';
import type { NetworkAssignment } from '../model/assignment.ts';
import type { AgentMessage } from '../wire/messages.ts';
import { AttachedContainers } from './attached-containers.ts';

const logger = { debug() {}, info() {}, warn() {}, error() {} };
const signal = new AbortController().signal;
const net: NetworkAssignment = {
  networkId: 'net-id',
  name: 'net',
  labels: {},
  subnet: '10.9.0.0/24',
  gateway: '10.9.0.1',
  internal: false,
  ingress: false,
  attachable: true,
  driverOptions: {},
  predefined: false,
};
const place = { networkId: 'net-id', address: '10.9.0.5/24' };

class Site {
  readonly clock = new VirtualClock();
  readonly networks = new Map([[net.networkId, net]]);
  readonly said: AgentMessage[] = [];
  readonly disconnected: string[] = [];
  endpoints: readonly RuntimeEndpoint[] = [];
  isEngineUp = true;
  isMember = true;
  changes = 0;
  readonly attached: AttachedContainers;

  constructor() {
    const runtime: Pick<ContainerRuntime, 'listEndpoints' | 'disconnect'> = {
      listEndpoints: async ({ networkNames }) => {
        await Promise.resolve();
        if (!this.isEngineUp) throw new TuttiError('unavailable', 'no engine');
        return this.endpoints.filter(({ networkName }) => networkNames.includes(networkName));
      },
      disconnect: async (networkName, containerId) => {
        await Promise.resolve();
        if (!this.isEngineUp) throw new TuttiError('unavailable', 'no engine');
        this.disconnected.push(`${containerId} from ${networkName}`);
        this.endpoints = this.endpoints.filter((one) => one.containerId !== containerId);
      },
    };
    const network: Pick<NodeNetwork, 'ensure' | 'shown'> = {
      ensure: async ({ networkId }) => await Promise.resolve(networkId),
      shown: async () => await Promise.resolve(),
    };
    let ids = 0;
    this.attached = new AttachedContainers({
      clock: this.clock,
      logger,
      runtime: runtime as ContainerRuntime,
      network: network as NodeNetwork,
      state: { networks: this.networks },
      newId: () => {
        ids += 1;
        return `id-${ids}`;
      },
      isMember: () => this.isMember,
      say: (message) => this.said.push(message),
      onChange: () => {
        this.changes += 1;
      },
    });
  }

  /** In a session in which the manager has told what it wants. */
  static async told(): Promise<Site> {
    const site = new Site();
    site.attached.viewChanged();
    await site.clock.settle();
    await site.noted();
    site.said.length = 0;
    return site;
  }

  async noted(): Promise<void> {
    const last = this.said.findLast((message) => message.kind === 'attachments');
    assert.ok(last);
    const answer = { kind: 'noted', number: last.report.number, refused: [] } as const;
    await this.attached.hear(answer);
    await this.clock.settle();
  }

  get reports(): readonly string[] {
    return this.said.flatMap((message) => {
      if (message.kind !== 'attachments') return [];
      const { coming, containers } = message.report;
      const shown = containers.map(({ name, running }) => `${name}${running ? '' : ' stopped'}`);
      return [[...coming, ...shown].join(', ') || 'nothing'];
    });
  }
}

function endpoint(parts: Partial<RuntimeEndpoint> = {}): RuntimeEndpoint {
  return {
    networkName: 'net-id',
    containerId: 'c1',
    name: 'box',
    address: '10.9.0.5',
    aliases: [],
    running: true,
    ...parts,
  };
}

test('a place is asked for, used, and told of with the container that has it', async () => {
  const site = await Site.told();
  const asking = site.attached.attach({ network: 'net', signal });
  await site.clock.settle();
  assert.deepEqual(site.said, [{ kind: 'attach', id: 'id-1', network: 'net' }]);
  await site.attached.hear({ kind: 'attached', id: 'id-1', place });
  assert.deepEqual(await asking, {
    id: 'id-1',
    networkId: 'net-id',
    engineName: 'net-id',
    address: '10.9.0.5',
    gateway: '10.9.0.1',
  });
  await site.attached.look();
  assert.deepEqual(site.reports, ['id-1'], 'it is still to be made');
  site.endpoints = [endpoint({ running: false })];
  await site.attached.settle(['id-1']);
  site.endpoints = [endpoint()];
  await site.attached.look();
  assert.deepEqual(site.reports, ['id-1', 'box stopped', 'box']);
  assert.equal(site.attached.isRunning('c1'), true);
  assert.equal(site.attached.isRunning('c2'), false);
});

test('a place is kept while the engine cannot be asked whether it was used', async () => {
  const site = await Site.told();
  const asking = site.attached.attach({ network: 'net', signal });
  await site.clock.settle();
  await site.attached.hear({ kind: 'attached', id: 'id-1', place });
  await asking;
  site.isEngineUp = false;
  await site.attached.settle(['id-1']);
  assert.deepEqual(site.reports, []);
  site.attached.sessionEnded();
  assert.deepEqual(site.attached.greeting()?.coming, ['id-1']);
  site.isEngineUp = true;
  site.endpoints = [endpoint()];
  site.attached.viewChanged();
  await site.attached.look();
  assert.deepEqual(site.reports, ['box']);
});

test('a refusal is the caller’s to hear, and frees what it may have taken', async () => {
  const site = await Site.told();
  const asking = site.attached.attach({ network: 'net', address: '10.9.0.5', signal });
  await site.clock.settle();
  const refusal = { code: 'already-exists', message: 'taken', hint: 'Ask for another.' } as const;
  await site.attached.hear({ kind: 'attached', id: 'id-1', refusal });
  await assert.rejects(asking, { code: 'already-exists', hint: 'Ask for another.' });
  const other = site.attached.attach({ network: 'nope', signal });
  await site.clock.settle();
  const missing = { code: 'not-found', message: 'network nope not found' } as const;
  await site.attached.hear({ kind: 'attached', id: 'id-2', refusal: missing });
  assert.equal(await other, undefined);
  assert.equal(site.attached.greeting()?.coming.length, 0);
});

test('a place that was not used, or was refused, is given back at once', async () => {
  const site = await Site.told();
  const asking = site.attached.attach({ network: 'net', signal });
  await site.clock.settle();
  await site.attached.hear({ kind: 'attached', id: 'id-1', place });
  await asking;
  await site.attached.settle(['id-1']);
  assert.deepEqual(site.reports, ['nothing']);
  await site.noted();
  const late = site.attached.attach({ network: 'net', signal });
  const unheard = assert.rejects(late, { code: 'unavailable' });
  await site.clock.advance(10_000);
  await unheard;
  assert.deepEqual(site.reports, ['nothing', 'nothing'], 'it may have been given by now');
});

test('without a manager there is no place, and without a cluster nobody is asked', async () => {
  const site = new Site();
  const asking = site.attached.attach({ network: 'net', signal });
  const refused = assert.rejects(asking, { code: 'unavailable' });
  await site.clock.advance(20_000);
  await refused;
  site.attached.viewChanged();
  await site.clock.settle();
  const unheard = site.attached.attach({ network: 'net', signal });
  const broken = assert.rejects(unheard, { code: 'unavailable' });
  await site.clock.settle();
  site.attached.sessionEnded();
  await broken;
  site.isMember = false;
  assert.equal(await site.attached.attach({ network: 'net', signal }), undefined);
});

test('a network that was made a moment ago is waited for', async () => {
  const site = new Site();
  site.networks.clear();
  site.attached.viewChanged();
  const asking = site.attached.attach({ network: 'net', signal });
  await site.clock.settle();
  await site.attached.hear({ kind: 'attached', id: 'id-1', place });
  await site.clock.settle();
  site.networks.set(net.networkId, net);
  site.attached.viewChanged();
  assert.equal((await asking)?.engineName, 'net-id');
});

test('what did not change is said once, and again where nobody answered', async () => {
  const site = await Site.told();
  site.endpoints = [endpoint()];
  await site.attached.look();
  await site.attached.look();
  assert.deepEqual(site.reports, ['box']);
  await site.clock.advance(10_000);
  assert.deepEqual(site.reports, ['box', 'box']);
  await site.noted();
  await site.clock.advance(60_000);
  assert.deepEqual(site.reports, ['box', 'box']);
});

test('what was said in a hello is said again where nobody answered', async () => {
  const site = await Site.told();
  site.endpoints = [endpoint()];
  await site.attached.look();
  await site.noted();
  site.said.length = 0;
  site.attached.sessionEnded();
  assert.equal(site.attached.greeting()?.containers.length, 1);
  site.attached.viewChanged();
  assert.deepEqual(site.reports, []);
  await site.clock.advance(10_000);
  assert.deepEqual(site.reports, ['box']);
});

test('a node without attachable networks says nothing at all', async () => {
  const site = new Site();
  site.networks.set(net.networkId, { ...net, attachable: undefined as never });
  site.attached.viewChanged();
  await site.attached.look();
  assert.equal(site.attached.greeting(), undefined);
  assert.deepEqual(site.said, []);
});

test('who could not look says nothing, so that nothing is taken for gone', async () => {
  const site = new Site();
  site.isEngineUp = false;
  site.attached.viewChanged();
  await site.attached.look();
  assert.equal(site.attached.greeting(), undefined);
  assert.equal(site.attached.isRunning('c1'), undefined);
  assert.deepEqual(site.said, []);
});

test('of a network that was not looked at yet nothing is said: its containers are not gone', async () => {
  const site = await Site.told();
  site.endpoints = [endpoint({ networkName: 'new-id' })];
  site.networks.set('new-id', { ...net, networkId: 'new-id', name: 'new' });
  site.attached.viewChanged();
  // The next word of the manager, before the engine has answered.
  site.attached.viewChanged();
  assert.equal(site.attached.greeting(), undefined);
  await site.clock.settle();
  assert.deepEqual(site.reports, ['box']);
});

test('whose address is another’s leaves the network, before what follows is heard', async () => {
  const site = await Site.told();
  const [one, two] = [
    endpoint(),
    endpoint({ containerId: 'c2', name: 'two', address: '10.9.0.6' }),
  ];
  site.endpoints = [one, two];
  await site.attached.look();
  const { networkName: _, ...rest } = one;
  const refused = [{ networkId: 'net-id', ...rest }];
  await site.attached.hear({ kind: 'noted', number: 2, refused });
  assert.deepEqual(site.disconnected, ['c1 from net-id']);
  await site.clock.settle();
  assert.deepEqual(site.reports, ['box, two', 'two']);
});

test('who could not be taken off is told of again, not at once', async () => {
  const site = await Site.told();
  site.endpoints = [endpoint()];
  await site.attached.look();
  const { networkName: _, ...rest } = endpoint();
  site.isEngineUp = false;
  const refused = [{ networkId: 'net-id', ...rest }];
  const { number } = site.said.findLast((message) => message.kind === 'attachments')?.report ?? {};
  assert.ok(number);
  await site.attached.hear({ kind: 'noted', number, refused });
  await site.clock.settle();
  assert.deepEqual(site.reports, ['box']);
  await site.clock.advance(10_000);
  assert.deepEqual(site.reports, ['box', 'box']);
});

test('who removes a network waits until a manager knows what there is, but not for ever', async () => {
  const site = await Site.told();
  site.endpoints = [endpoint()];
  await site.attached.look();
  await site.noted();
  site.endpoints = [];
  let isNoted = false;
  const waiting = site.attached.untilNoted().then(() => {
    isNoted = true;
  });
  await site.clock.settle();
  assert.deepEqual([site.reports.at(-1), isNoted], ['nothing', false]);
  await site.noted();
  await waiting;
  site.endpoints = [endpoint()];
  const late = site.attached.untilNoted();
  await site.clock.advance(2_000);
  await late;
});

test('a network is known by its name, its id, and the beginning of that', () => {
  const site = new Site();
  for (const reference of ['net', 'NET', 'net-id', 'net-']) {
    assert.equal(site.attached.engineNetwork(reference), 'net-id', reference);
  }
  assert.equal(site.attached.engineNetwork('other'), undefined);
});

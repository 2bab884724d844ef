import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SimulatedAuthority } from '../../sim/authority.ts';
import { VirtualClock } from '../../sim/clock.ts';
import { SimulatedDisk } from '../../sim/disk.ts';
import { MemoryEngine } from '../../sim/memory-engine.ts';
import type { SeatHost, StoreMember } from '../host/seat-host.ts';
import { TuttiError } from '../lib/error.ts';
import type { ManagerSeat, Node } from '../model/node.ts';
import { Store } from '../store/store.ts';
import { Seats } from './seats.ts';
import type { WriteContext } from './writer.ts';

const silent = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
};
const context: WriteContext = {
  now: 0,
  touched: {
    service: () => undefined,
    network: () => undefined,
    node: () => undefined,
    units: () => undefined,
  },
  addressReuse: new Map() as never,
  newId: () => 'x',
};

function seatOf(host: string): ManagerSeat {
  return { address: `${host}:2377`, peerUrl: `https://${host}:2380` };
}

function row(id: string, role: 'manager' | 'worker', seat?: ManagerSeat): Node {
  return {
    id,
    version: 1,
    createdAt: 0,
    updatedAt: 0,
    spec: { role, availability: 'active', labels: {} },
    description: { hostname: id, engineLabels: {}, plugins: [], hostSubnets: [] } as never,
    keyDigest: id,
    ...(seat !== undefined && { seat }),
  };
}

/** A manager `a` that leads, with its store and the members beside it. */
class Site {
  readonly clock = new VirtualClock();
  readonly reachable = new Set(['a']);
  readonly asked: object[] = [];
  readonly store: Store;
  readonly seats: Seats;
  members: StoreMember[] = [
    { id: 'm-a', name: 'a', peerUrl: seatOf('h1').peerUrl, isLearner: false },
  ];
  leaderId = 'a';
  isInStep = true;
  looks = 0;

  private constructor(store: Store) {
    this.store = store;
    const isReachable = (id: string): boolean => this.reachable.has(id);
    const leaderId = (): string => this.leaderId;
    const asked = this.asked;
    this.seats = new Seats({
      clock: this.clock,
      logger: silent,
      view: store.view,
      authority: new SimulatedAuthority((count) => new Uint8Array(count)),
      host: this.#host(),
      managers: {
        nodeId: 'a',
        get leaderId() {
          return leaderId();
        },
        isReachable,
        call: async (to, call, body) => {
          asked.push({ to, call, body });
          return await Promise.resolve({ kind: 'waiting', why: 'asked' });
        },
      },
    });
  }

  static async start(...rows: readonly Node[]): Promise<Site> {
    const store = await Store.open(new MemoryEngine(new SimulatedDisk()));
    const site = new Site(store);
    await site.put(row('a', 'manager', seatOf('h1')), ...rows);
    await store.update((tx) => tx.clusters.put({ id: 'cluster' } as never));
    return site;
  }

  async put(...rows: readonly Node[]): Promise<void> {
    await this.store.update((tx) => {
      for (const one of rows) tx.nodes.put(one);
    });
  }

  lead(): void {
    this.seats.lead({
      write: async (run) => await this.store.update((tx) => run(tx, context)),
      onCommit: (listener) => this.store.onCommit(listener),
    });
  }

  async member(nodeId: string, body: object): Promise<object | undefined> {
    return await this.seats.calls['manager.member']?.(body, { nodeId });
  }

  #host(): SeatHost {
    const nobody = async (): Promise<never> => await Promise.reject(new Error('not here'));
    return {
      members: {
        list: async () => {
          this.looks += 1;
          return await Promise.resolve(this.members);
        },
        add: async (peerUrl) => {
          this.members = [
            ...this.members,
            { id: `m-${peerUrl}`, name: '', peerUrl, isLearner: true },
          ];
          await Promise.resolve();
        },
        giveVote: async (id) => {
          if (!this.isInStep) throw new TuttiError('unavailable', 'it is not in step');
          this.members = this.members.map((member) =>
            member.id === id ? { ...member, isLearner: false } : member,
          );
          await Promise.resolve();
        },
        remove: async (id) => {
          this.members = this.members.filter((member) => member.id !== id);
          await Promise.resolve();
        },
        move: nobody,
      },
      obstacle: async () => await Promise.resolve(undefined),
      sealingKey: async () => await Promise.resolve('key'),
      keep: nobody,
      moveStore: nobody,
    };
  }
}

const ready = { step: 'ready', ...seatOf('h2') };

test('who is ready has its seat with the answer, which names all members', async () => {
  const site = await Site.start(row('b', 'manager'));
  site.lead();
  assert.deepEqual(await site.member('b', ready), {
    kind: 'seated',
    clusterId: 'cluster',
    firstMembers: [
      { name: 'a', peerUrl: 'https://h1:2380' },
      { name: 'b', peerUrl: 'https://h2:2380' },
    ],
  });
  assert.deepEqual(site.store.view.nodes.get('b')?.seat, seatOf('h2'));
  assert.deepEqual(await site.member('b', ready), await site.member('b', ready), 'once');
  assert.equal(site.members.length, 2);
});

test('a learner gets its vote as soon as the store finds it in step', async () => {
  const site = await Site.start(row('b', 'manager'));
  site.isInStep = false;
  site.lead();
  await site.member('b', ready);
  site.members = site.members.map((one) => ({ ...one, name: one.name === '' ? 'b' : one.name }));
  await site.clock.advance(2_000);
  assert.equal(site.members[1]?.isLearner, true);
  site.isInStep = true;
  await site.clock.advance(1_000);
  assert.equal(site.members[1]?.isLearner, false);
});

test('who asks again and again while something waits adds no looks that go on by themselves', async () => {
  const site = await Site.start(row('b', 'manager'));
  site.isInStep = false;
  site.lead();
  for (let asked = 0; asked < 20; asked += 1) {
    await site.member('b', ready);
    await site.clock.advance(90);
  }
  site.looks = 0;
  await site.clock.advance(5_000);
  assert.equal(site.looks, 10);
});

test('a look that was to come is not lost with the term that wanted it', async () => {
  const site = await Site.start(row('b', 'manager'));
  site.isInStep = false;
  site.lead();
  await site.member('b', ready);
  site.members = site.members.map((one) => ({ ...one, name: one.name === '' ? 'b' : one.name }));
  await site.clock.advance(600);
  site.lead();
  await site.clock.settle();
  site.isInStep = true;
  await site.clock.advance(600);
  assert.equal(site.members[1]?.isLearner, false);
});

test('a follower passes on what it is asked, and says for whom', async () => {
  const site = await Site.start(row('b', 'manager'));
  site.leaderId = 'c';
  await site.member('b', ready);
  const body = { ...ready, nodeId: 'b' };
  assert.deepEqual(site.asked, [{ to: 'leader', call: 'manager.member', body }]);
});

test('the sealing key goes to managers that have a seat, and to nobody else', async () => {
  const site = await Site.start(row('b', 'manager'), row('c', 'worker', seatOf('h3')));
  const ask = async (nodeId: string) =>
    await site.seats.calls['manager.sealing-key']?.({}, { nodeId });
  for (const nodeId of ['b', 'c', 'nobody']) {
    await assert.rejects(async () => await ask(nodeId), /not among the managers/);
  }
  await site.put(row('b', 'manager', seatOf('h2')));
  assert.deepEqual(await ask('b'), { sealingKey: 'key' });
});

test('a demoted manager loses member and seat; one that is needed is not demoted', async () => {
  const site = await Site.start(row('b', 'manager', seatOf('h2')));
  const { peerUrl } = seatOf('h2');
  site.members = [...site.members, { id: 'm-b', name: 'b', peerUrl, isLearner: false }];
  await assert.rejects(site.seats.checkDemotion('b'), /1 of 2 managers answer, and 2 must/);
  site.reachable.add('b');
  await site.seats.checkDemotion('b');
  site.lead();
  await site.member('b', { step: 'leaving' });
  await site.clock.settle();
  assert.deepEqual(
    site.members.map(({ name }) => name),
    ['a'],
  );
  const left = site.store.view.nodes.get('b');
  assert.equal(left?.seat, undefined);
  assert.equal(left?.spec.role, 'worker');
});

test('a node that says that its machine cannot be a manager is not promoted', async () => {
  const site = await Site.start(row('b', 'worker'));
  await site.seats.checkPromotion('b');
  const { description, ...rest } = row('b', 'worker');
  const managerObstacle = 'etcd is not installed there';
  await site.put({ ...rest, description: { ...description, managerObstacle } });
  await assert.rejects(site.seats.checkPromotion('b'), {
    code: 'failed-precondition',
    field: 'spec.role',
    message: 'node b cannot be a manager: etcd is not installed there',
  });
});

test('who lacks what managers need is refused with its own words', async () => {
  const site = await Site.start();
  assert.equal(await site.seats.refuse({}), undefined);
  const refusal = await site.seats.refuse({ obstacle: 'etcd is not installed there' });
  assert.match(refusal?.message ?? '', /cannot be a manager: etcd is not installed there/);
  assert.match((await site.seats.refuse(undefined))?.message ?? '', /this version of Tutti/);
});

import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { StoredChange, StoreEngine } from '../src/host/store-engine.ts';
import type { Logger } from '../src/host/logger.ts';
import {
  type EtcdAttempt,
  EtcdChannel,
  type EtcdLink,
  type EtcdStream,
} from '../src/os/etcd-channel.ts';
import { EtcdClient } from '../src/os/etcd-client.ts';
import { EtcdEngine } from '../src/os/etcd-engine.ts';
import { EtcdMembers } from '../src/os/etcd-members.ts';
import { EtcdUpkeep } from '../src/os/etcd-upkeep.ts';
import { SystemClock } from '../src/os/system-clock.ts';
import { TestEtcd, type TestMember } from './etcd/test-etcd.ts';

function put(id: string, value: unknown): StoredChange {
  return { kind: 'put', table: 'tasks', id, value: JSON.stringify(value) };
}

async function idsOf(engine: StoreEngine): Promise<readonly string[]> {
  return Array.from((await engine.load()).rows, ({ id }) => id);
}

it('etcd grows from one member to two and shrinks again, and keeps what was written', async () => {
  const etcd = await TestEtcd.start(1);
  try {
    const engine = new EtcdEngine({ client: etcd.client() });
    const epoch = await engine.takeEpoch();
    let revision = 0;
    const commit = async (id: string): Promise<void> => {
      assert.deepEqual(await engine.commit([put(id, 1)], { epoch, revision }), {
        kind: 'committed',
      });
      revision += 1;
    };
    await commit('alone');
    await etcd.grow();
    await commit('two');
    const client = etcd.client();
    const members = new EtcdMembers(client);
    const all = await members.list();
    assert.deepEqual(
      all.map(({ isLearner }) => isLearner),
      [false, false],
    );
    const other = new EtcdEngine({ client: etcd.client(1) });
    assert.deepEqual(await idsOf(other), ['alone', 'two']);
    await other.close();

    const second = all.find(({ name }) => name === 'm2');
    assert.ok(second !== undefined);
    await members.remove(second.id);
    // Once more, as after an answer that got lost.
    await members.remove(second.id);
    await commit('alone again');
    assert.equal((await members.list()).length, 1);
    client.close();
    await engine.close();
  } finally {
    await etcd.stop();
  }
});

it('a store that reached its limit refuses writes and is read; upkeep makes room', async () => {
  const etcd = await TestEtcd.start(1, { quotaBytes: 8 * 1024 ** 2 });
  const lines: string[] = [];
  const note = (message: string): void => void lines.push(message);
  const logger: Logger = { debug: note, info: note, warn: note, error: note };
  try {
    const engine = new EtcdEngine({ client: etcd.client() });
    const epoch = await engine.takeEpoch();
    let revision = 0;
    let outcome = await engine.commit([put('first', 1)], { epoch, revision });
    // The same row again and again: what fills the file is history.
    while (outcome.kind === 'committed') {
      revision += 1;
      assert.ok(revision < 40, 'it is full in the end');
      const large = put('large', `${revision}`.padEnd(500_000, 'x'));
      outcome = await engine.commit([large], { epoch, revision });
    }
    assert.deepEqual(outcome, {
      kind: 'failed',
      code: 'disk-full',
      message: 'the store of the managers is full',
    });
    assert.deepEqual(await idsOf(engine), ['first', 'large']);
    const client = etcd.client();
    const clock = new SystemClock();
    const upkeep = new EtcdUpkeep({ client, clock, logger, isHolder: () => true });
    await upkeep.turn();
    assert.match(lines.join(), /history was forgotten/);
    outcome = await engine.commit([put('after', 1)], { epoch, revision });
    assert.deepEqual(outcome, { kind: 'committed' });
    client.close();
    await engine.close();
  } finally {
    await etcd.stop();
  }
});

/** Passes all on, but says of one write that etcd carries out that there was no space for it. */
class ReachedLimitLink implements EtcdLink {
  isReached = false;
  readonly #link: EtcdLink;

  constructor(link: EtcdLink) {
    this.#link = link;
  }

  async call(
    method: string,
    options: { readonly message: Buffer; readonly limitMs: number },
  ): Promise<EtcdAttempt> {
    const attempt = await this.#link.call(method, options);
    if (!this.isReached || !method.endsWith('/Txn')) return attempt;
    this.isReached = false;
    return { kind: 'status', status: 8, text: 'etcdserver: mvcc: database space exceeded' };
  }

  async open(...[method, listener]: Parameters<EtcdLink['open']>): Promise<EtcdStream> {
    return await this.#link.open(method, listener);
  }

  async ping(limitMs: number): Promise<boolean> {
    return await this.#link.ping(limitMs);
  }

  reset(): void {
    this.#link.reset();
  }
}

// etcd looks at its size before a write is proposed, and again when it is carried out.
it('the write that reaches the limit is carried out, though etcd says "no space"', async () => {
  const etcd = await TestEtcd.start(1);
  const links: ReachedLimitLink[] = [];
  const client = new EtcdClient({
    endpoints: [(etcd.members[0] as TestMember).endpoint],
    connect: (endpoint) => {
      const link = new ReachedLimitLink(new EtcdChannel(endpoint));
      links.push(link);
      return link;
    },
  });
  const engine = new EtcdEngine({ client });
  try {
    const epoch = await engine.takeEpoch();
    assert.deepEqual(await idsOf(engine), []);
    for (const link of links) link.isReached = true;
    const outcome = await engine.commit([put('last', 1)], { epoch, revision: 0 });
    assert.deepEqual(outcome, { kind: 'committed' });
    assert.deepEqual(await idsOf(engine), ['last']);
    assert.deepEqual(await engine.commit([put('next', 1)], { epoch, revision: 1 }), {
      kind: 'committed',
    });
  } finally {
    await engine.close();
    await etcd.stop();
  }
});

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, it } from 'node:test';
import type { Sighting, StoredBatch } from '../src/host/followed-store.ts';
import type { StoredChange, StoredRow, StoreEngine } from '../src/host/store-engine.ts';
import { Prng } from '../src/lib/prng.ts';
import { EtcdEngine } from '../src/os/etcd-engine.ts';
import { EtcdLeadership } from '../src/os/etcd-leadership.ts';
import { SealedEngine } from '../src/os/sealed-engine.ts';
import { SealingKey } from '../src/os/certificates-seal.ts';
import { TestEtcd } from './etcd/test-etcd.ts';

let etcd: TestEtcd;
before(async () => {
  etcd = await TestEtcd.start(3);
});
after(async () => await etcd.stop());

/** Some batches are larger than one transaction. */
const limits = { operations: 20, sizeBytes: 5_000 };

function drawBatch(dice: Prng): readonly StoredChange[] {
  return Array.from({ length: dice.chance(0.2) ? 60 : dice.below(6) }, (): StoredChange => {
    const table = dice.pick(['tasks', 'nodes']);
    const id = `id${dice.below(80)}`;
    if (dice.chance(0.3)) return { kind: 'delete', table, id };
    return { kind: 'put', table, id, value: JSON.stringify(dice.uint32()) };
  });
}

async function rowsOf(engine: StoreEngine): Promise<readonly StoredRow[]> {
  return [...(await engine.load()).rows];
}

/** What a follower knows by itself: rows in order of arrival, as a plain map holds them. */
class Mirror {
  readonly batches: StoredBatch[] = [];
  readonly sightings: Sighting[] = [];
  readonly rows = new Map<string, StoredRow>();
  #waiting: { readonly revision: number; readonly resolve: () => void } | undefined;

  onBatch = (batch: StoredBatch): void => {
    this.batches.push(batch);
    for (const change of batch.changes) {
      if (change.kind === 'schema-version') continue;
      const { table, id } = change;
      if (change.kind === 'delete') this.rows.delete(`${table}/${id}`);
      else this.rows.set(`${table}/${id}`, { table, id, value: change.value });
    }
    if (batch.revision === this.#waiting?.revision) this.#waiting.resolve();
  };

  onSighting = (seen: Sighting): void => void this.sightings.push(seen);

  async whenAt(revision: number): Promise<void> {
    if (this.batches.at(-1)?.revision === revision) return;
    await new Promise<void>((resolve) => {
      this.#waiting = { revision, resolve };
    });
  }
}

it('a follower sees each batch whole and in order, also over the death of a member', async () => {
  const dice = new Prng(7);
  const prefix = 'mirrored/';
  const leader = new EtcdEngine({ client: etcd.client(0), prefix, limits });
  const follower = new EtcdEngine({ client: etcd.client(1), prefix, limits });
  const mirror = new Mirror();
  const epoch = await leader.takeEpoch();
  let revision = 0;
  const commit = async (engine: StoreEngine): Promise<void> => {
    const outcome = await engine.commit(drawBatch(dice), { epoch, revision });
    assert.deepEqual(outcome, { kind: 'committed' });
    revision += 1;
  };
  for (let n = 0; n < 10; n += 1) await commit(leader);
  for (const row of await rowsOf(follower)) mirror.rows.set(`${row.table}/${row.id}`, row);
  const stop = new AbortController();
  const following = follower.follow(mirror, stop.signal);
  for (let n = 0; n < 60; n += 1) {
    await commit(leader);
    if (n === 20) etcd.members[1]?.signal('SIGKILL');
  }
  await mirror.whenAt(revision);
  assert.deepEqual([...mirror.rows.values()], await rowsOf(leader));
  assert.deepEqual(
    mirror.batches.map((batch) => batch.revision),
    Array.from({ length: 60 }, (_, n) => n + 11),
  );
  assert.equal(mirror.sightings.at(-1)?.epoch, epoch);
  stop.abort();
  assert.deepEqual(await following, {});

  // It goes on where the leader was, without loading again.
  await commit(follower);
  assert.deepEqual(await leader.commit([], { epoch, revision: revision - 1 }), {
    kind: 'refused',
    epoch,
    revision,
  });
  await leader.close();
  await follower.close();
});

it('secrets are sealed in etcd, and open for who follows', async () => {
  const prefix = 'sealed/';
  const directory = mkdtempSync(join(tmpdir(), 'tutti-sealed-'));
  const key = new SealingKey(join(directory, 'sealing.key'));
  const leader = new SealedEngine({
    engine: new EtcdEngine({ client: etcd.client(0), prefix }),
    key,
  });
  const follower = new SealedEngine({
    engine: new EtcdEngine({ client: etcd.client(1), prefix }),
    key,
  });
  const epoch = await leader.takeEpoch();
  const put = (id: string): StoredChange => {
    return { kind: 'put', table: 'secrets', id, value: JSON.stringify({ id, data: 'hush' }) };
  };
  await leader.commit([put('a')], { epoch, revision: 0 });
  assert.deepEqual(
    (await rowsOf(follower)).map(({ value }) => value),
    ['{"id":"a","data":"hush"}'],
  );
  const mirror = new Mirror();
  const stop = new AbortController();
  const following = follower.follow(mirror, stop.signal);
  await leader.commit([put('b')], { epoch, revision: 1 });
  await mirror.whenAt(2);
  assert.deepEqual(mirror.batches, [{ revision: 2, changes: [put('b')] }]);
  const raw = new EtcdEngine({ client: etcd.client(), prefix });
  for (const { value } of await rowsOf(raw)) assert.doesNotMatch(value, /hush/);
  stop.abort();
  await following;
  for (const engine of [leader, follower, raw]) await engine.close();
  rmSync(directory, { recursive: true });
});

it('what was forgotten meanwhile has to be loaded again', async () => {
  const prefix = 'forgotten/';
  const engine = new EtcdEngine({ client: etcd.client(), prefix });
  const epoch = await engine.takeEpoch();
  const follower = new EtcdEngine({ client: etcd.client(), prefix });
  assert.deepEqual(await rowsOf(follower), []);
  for (let revision = 0; revision < 3; revision += 1) {
    await engine.commit([], { epoch, revision });
  }
  const client = etcd.client();
  const { etcdRevision } = await client.range({ key: 'a', end: 'b', limit: 1 });
  await client.compact(etcdRevision);
  const { gap } = await follower.follow(new Mirror(), new AbortController().signal);
  assert.match(gap ?? '', /no longer kept/);
  client.close();
  await engine.close();
  await follower.close();
});

it('one of two takes the epoch, and only while the holder gives no sign', async () => {
  const prefix = 'lead/';
  const one = new EtcdLeadership({ client: etcd.client(0), name: 'one', prefix });
  const two = new EtcdLeadership({ client: etcd.client(1), name: 'two', prefix });
  const seen = await one.ask();
  assert.ok(seen !== undefined);
  const taken = await Promise.all([one.take(seen), two.take(seen)]);
  assert.deepEqual(taken.map(({ kind }) => kind).toSorted(), ['not-taken', 'taken']);
  const [holder, other] = taken[0]?.kind === 'taken' ? [one, two] : [two, one];
  const before = await other.ask();
  assert.ok(before !== undefined);
  assert.deepEqual(await holder.writeSign(1), { kind: 'proven' });
  const late = await other.take(before);
  assert.ok(late.kind === 'not-taken' && late.seen.sign !== before.sign);
  assert.deepEqual(await other.take(late.seen), { kind: 'taken', epoch: 2 });
  assert.equal((await holder.writeSign(1)).kind, 'refused');
});

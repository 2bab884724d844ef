import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { SimulatedDisk } from '../sim/disk.ts';
import { MemoryEngine } from '../sim/memory-engine.ts';
import type { StoredBatch } from '../src/host/followed-store.ts';
import type { TuttiError } from '../src/lib/error.ts';
import type { Secret } from '../src/model/secret.ts';
import { Store } from '../src/store/store.ts';
import type { Commit } from '../src/store/view.ts';

function secret(id: string, name = id): Secret {
  return { id, version: 0, createdAt: 0, updatedAt: 0, spec: { name, labels: {} }, data: '' };
}

function code(expected: TuttiError['code']): (error: TuttiError) => boolean {
  return (error) => error.code === expected;
}

describe('a store that follows', () => {
  it('has what its leader commits, tells it, and takes no writes', async () => {
    const disk = new SimulatedDisk();
    const { leader, batches } = await ledStore(disk);
    await leader.update((tx) => tx.secrets.put(secret('before')));
    batches.length = 0;
    const follower = await Store.follow(new MemoryEngine(disk), { freezeRows: true });
    const commits: Commit[] = [];
    follower.onCommit((commit) => commits.push(commit));
    await leader.update((tx) => tx.secrets.put(secret('a')));
    await leader.update((tx) => {
      tx.secrets.delete('before');
      tx.secrets.put(secret('a', 'renamed'));
    });
    for (const batch of batches) follower.absorb(batch);
    assert.deepEqual([...follower.view.secrets.all()], [...leader.view.secrets.all()]);
    assert.equal(follower.revision, leader.revision);
    assert.deepEqual(
      commits.map(({ changes }) => changes.map(({ id }) => id)),
      [['a'], ['before', 'a']],
    );
    assert.equal(follower.view.secrets.get('a')?.spec.name, 'renamed');
    await assert.rejects(
      follower.update((tx) => tx.secrets.put(secret('b'))),
      code('unavailable'),
    );
  });

  it('leads from where it is, and follows again after it lost the epoch', async () => {
    const disk = new SimulatedDisk();
    const { leader } = await ledStore(disk);
    await leader.update((tx) => tx.secrets.put(secret('a')));
    const engine = new MemoryEngine(disk);
    const follower = await Store.follow(engine);
    follower.lead(await engine.takeEpoch());
    await follower.update((tx) => tx.secrets.put(secret('b')));
    await assert.rejects(
      leader.update((tx) => tx.secrets.put(secret('c'))),
      code('unavailable'),
    );
    const told: string[] = [];
    leader.onCommit(({ changes }) => told.push(...changes.map(({ id }) => id)));
    await leader.reloadToFollow();
    assert.deepEqual(told, ['b']);
    assert.equal(leader.fencedBy, undefined);
    await assert.rejects(
      leader.update((tx) => tx.secrets.size),
      /another manager leads/,
    );
  });

  it('stops at a gap, and at rows that it cannot read', async () => {
    const disk = new SimulatedDisk();
    const { leader } = await ledStore(disk);
    await leader.update((tx) => tx.secrets.put(secret('a')));
    const follower = await Store.follow(new MemoryEngine(disk));
    const revision = follower.revision + 1;
    assert.throws(() => follower.absorb({ revision: revision + 1, changes: [] }), /came after/);
    const put = { kind: 'put', id: 'x' } as const;
    for (const change of [
      { ...put, table: 'secrets', value: '{' },
      { ...put, table: 'parrots', value: '{"id":"x"}' },
      { kind: 'schema-version', version: 99 } as const,
    ]) {
      const changes = [{ ...put, table: 'secrets', value: JSON.stringify(secret('x')) }, change];
      assert.throws(() => follower.absorb({ revision, changes }), code('failed-precondition'));
    }
    assert.equal(follower.view.secrets.size, 1);
    assert.equal(follower.revision, revision - 1);
  });

  it('waits for its leader where the schema is older', async () => {
    const disk = new SimulatedDisk();
    await assert.rejects(Store.follow(new MemoryEngine(disk)), code('unavailable'));
    await (await Store.open(new MemoryEngine(disk))).close();
    await assert.rejects(
      Store.follow(new MemoryEngine(disk), { migrations: [] }),
      code('failed-precondition'),
    );
  });
});

/** A store, and what its engine was told to commit. */
async function ledStore(
  disk: SimulatedDisk,
): Promise<{ readonly leader: Store; readonly batches: StoredBatch[] }> {
  const engine = new MemoryEngine(disk);
  const batches: StoredBatch[] = [];
  const commit = engine.commit.bind(engine);
  engine.commit = async (changes, guard) => {
    batches.push({ revision: guard.revision + 1, changes });
    return await commit(changes, guard);
  };
  return { leader: await Store.open(engine, { freezeRows: true }), batches };
}

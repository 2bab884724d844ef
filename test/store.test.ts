import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { VirtualClock } from '../sim/clock.ts';
import { SimulatedDisk } from '../sim/disk.ts';
import { MemoryEngine } from '../sim/memory-engine.ts';
import { Prng } from '../src/lib/prng.ts';
import { TuttiError } from '../src/lib/error.ts';
import type { Secret } from '../src/model/secret.ts';
import type { Migration } from '../src/store/migrations.ts';
import { Store } from '../src/store/store.ts';
import type { Commit } from '../src/store/view.ts';

function secret(id: string, name = id): Secret {
  return {
    id,
    version: 0,
    createdAt: 0,
    updatedAt: 0,
    spec: { name, labels: {} },
    data: '',
  };
}

function code(expected: TuttiError['code']): (error: TuttiError) => boolean {
  return (error) => error.code === expected;
}

function ignore(): void {}

function reasonCode(reason: unknown): string {
  return TuttiError.from(reason).code;
}

async function slowStore(): Promise<{ store: Store; clock: VirtualClock; disk: SimulatedDisk }> {
  const clock = new VirtualClock();
  const disk = new SimulatedDisk();
  const engine = new MemoryEngine(disk, { clock, dice: new Prng(7), faults: { maxLatencyMs: 10 } });
  const opening = Store.open(engine, { freezeRows: true });
  await clock.drain({ limitMs: 1_000 });
  return { store: await opening, clock, disk };
}

async function quickStore(disk = new SimulatedDisk()): Promise<Store> {
  return await Store.open(new MemoryEngine(disk), { freezeRows: true });
}

describe('an update', () => {
  it('is invisible to readers until it is durable', async () => {
    const { store, clock } = await slowStore();
    const update = store.update((tx) => {
      tx.secrets.put(secret('a'));
      return tx.secrets.get('a')?.id;
    });
    await clock.settle();
    assert.equal(store.view.secrets.get('a'), undefined);
    assert.equal(store.view.secrets.count('name', 'a'), 0);
    await clock.drain({ limitMs: 100 });
    assert.equal(await update, 'a');
    assert.equal(store.view.secrets.get('a')?.id, 'a');
    assert.equal(store.view.secrets.count('name', 'a'), 1);
  });

  it('shares one commit with the others that waited, each seeing the ones before', async () => {
    const { store, clock } = await slowStore();
    const commits: Commit[] = [];
    store.onCommit((commit) => commits.push(commit));
    const first = store.update((tx) => tx.secrets.put(secret('a')));
    await clock.settle();
    const later = [1, 2, 3].map((n) =>
      store.update((tx) => {
        tx.secrets.put(secret(`b${n}`));
        return tx.secrets.size;
      }),
    );
    await clock.drain({ limitMs: 100 });
    await first;
    assert.deepEqual(await Promise.all(later), [2, 3, 4]);
    assert.deepEqual(
      commits.map((commit) => [commit.revision, commit.changes.map((change) => change.id)]),
      [
        [2, ['a']],
        [3, ['b1', 'b2', 'b3']],
      ],
    );
  });

  it('that throws loses its own writes and nobody else', async () => {
    const store = await quickStore();
    const updates = await Promise.allSettled([
      store.update((tx) => tx.secrets.put(secret('a'))),
      store.update((tx) => {
        tx.secrets.put(secret('b'));
        tx.secrets.delete('a');
        throw new Error('no');
      }),
      store.update((tx) => [...tx.secrets.all()].map((row) => row.id)),
    ]);
    assert.deepEqual(
      updates.map((update) => update.status),
      ['fulfilled', 'rejected', 'fulfilled'],
    );
    assert.deepEqual(updates[2]?.status === 'fulfilled' && updates[2].value, ['a']);
    assert.deepEqual(
      [...store.view.secrets.all()].map((row) => row.id),
      ['a'],
    );
  });

  it('that writes nothing makes no revision', async () => {
    const store = await quickStore();
    const { revision } = store;
    assert.equal(await store.update((tx) => tx.secrets.size), 0);
    await store.update((tx) => {
      tx.secrets.put(secret('a'));
      tx.secrets.delete('a');
      tx.secrets.delete('b');
    });
    assert.equal(store.revision, revision);
  });

  it('must be synchronous', async () => {
    const store = await quickStore();
    await assert.rejects(
      store.update(async (tx) => tx.secrets.put(secret('a'))),
      /synchronous/,
    );
    assert.equal(store.view.secrets.size, 0);
  });

  it('cannot write once it is over', async () => {
    const store = await quickStore();
    const tx = await store.update((current) => current);
    assert.throws(() => tx.secrets.put(secret('a')), /over/);
  });

  it('is refused when too many wait', async () => {
    const store = await Store.open(new MemoryEngine(new SimulatedDisk()), {
      limits: { queuedUpdates: 2 },
    });
    const updates = await Promise.allSettled(
      ['a', 'b', 'c'].map((id) => store.update((tx) => tx.secrets.put(secret(id)))),
    );
    assert.deepEqual(
      updates.map((update) => update.status),
      ['fulfilled', 'fulfilled', 'rejected'],
    );
    assert.equal(
      updates[2]?.status === 'rejected' && reasonCode(updates[2].reason),
      'resource-exhausted',
    );
    await store.update((tx) => tx.secrets.put(secret('c')));
  });

  it('waits for the next batch when a batch is full', async () => {
    const store = await Store.open(new MemoryEngine(new SimulatedDisk()), {
      limits: { batchUpdates: 2, batchRows: 3 },
    });
    const sizes: number[] = [];
    store.onCommit((commit) => sizes.push(commit.changes.length));
    const put = (id: string, count: number): Promise<void> =>
      store.update((tx) => {
        for (let n = 0; n < count; n += 1) tx.secrets.put(secret(`${id}${n}`));
      });
    await Promise.all([put('a', 1), put('b', 1), put('c', 4), put('d', 1), put('e', 1)]);
    assert.deepEqual(sizes, [2, 4, 2]);
  });
});

describe('a rehearsal', () => {
  it('reads its own writes and changes nothing', async () => {
    const store = await quickStore();
    await store.update((tx) => tx.secrets.put(secret('a')));
    const { revision } = store;
    const count = store.rehearse((tx) => {
      tx.secrets.put(secret('b'));
      return tx.secrets.size;
    });
    assert.equal(count, 2);
    assert.equal(store.view.secrets.size, 1);
    assert.equal(store.revision, revision);
  });
});

describe('a listener', () => {
  it('gets before and after, once readers see it and before the update resolves', async () => {
    const store = await quickStore();
    await store.update((tx) => tx.secrets.put(secret('a', 'old')));
    const seen: unknown[] = [];
    store.onCommit((commit) => {
      const change = commit.changes[0];
      seen.push([
        change?.table === 'secrets' && [change.before?.spec.name, change.after?.spec.name],
        store.view.secrets.get('a')?.spec.name,
        commit.revision === store.revision,
      ]);
    });
    await store
      .update((tx) => tx.secrets.put(secret('a', 'new')))
      .then(() => seen.push('resolved'));
    assert.deepEqual(seen, [[['old', 'new'], 'new', true], 'resolved']);
  });

  it('that throws is logged and breaks nothing', async () => {
    const logged: string[] = [];
    const store = await Store.open(new MemoryEngine(new SimulatedDisk()), {
      logger: { debug: ignore, info: ignore, warn: ignore, error: (text) => logged.push(text) },
    });
    let heard = 0;
    store.onCommit(() => {
      throw new Error('mine');
    });
    store.onCommit(() => {
      heard += 1;
    });
    await store.update((tx) => tx.secrets.put(secret('a')));
    assert.equal(heard, 1);
    assert.equal(logged.length, 1);
  });

  it('hears nothing more once it was stopped', async () => {
    const store = await quickStore();
    let heard = 0;
    const stop = store.onCommit(() => {
      heard += 1;
    });
    stop();
    await store.update((tx) => tx.secrets.put(secret('a')));
    assert.equal(heard, 0);
  });

  it('may update the store', async () => {
    const store = await quickStore();
    let more: Promise<void> | undefined;
    store.onCommit(() => {
      more ??= store.update((tx) => tx.secrets.put(secret('b')));
    });
    await store.update((tx) => tx.secrets.put(secret('a')));
    await more;
    assert.equal(store.view.secrets.size, 2);
  });
});

describe('a full disk', () => {
  it('refuses writes, lets reads work, and takes writes again once there is space', async () => {
    const disk = new SimulatedDisk();
    const store = await quickStore(disk);
    await store.update((tx) => tx.secrets.put(secret('a')));
    const { revision } = store;
    disk.full = true;
    const refused = await Promise.allSettled([
      store.update((tx) => tx.secrets.put(secret('b'))),
      store.update((tx) => tx.secrets.delete('a')),
    ]);
    for (const one of refused) {
      assert.equal(one.status === 'rejected' && reasonCode(one.reason), 'resource-exhausted');
    }
    assert.equal(store.revision, revision);
    assert.equal(store.view.secrets.get('a')?.id, 'a');
    disk.full = false;
    await store.update((tx) => tx.secrets.put(secret('b')));
    assert.equal(store.view.secrets.size, 2);
  });
});

describe('an unknown outcome', () => {
  for (const seed of [1, 2, 3, 4, 5, 6]) {
    it(`fences the store until it was loaded again (seed ${seed})`, async () => {
      const disk = new SimulatedDisk();
      await (await quickStore(disk)).close();
      const engine = new MemoryEngine(disk, {
        dice: new Prng(seed),
        faults: { unknownChance: 1 },
      });
      const store = await Store.open(engine);
      const heard: string[] = [];
      store.onCommit((commit) => heard.push(...commit.changes.map((change) => change.id)));
      const put = store.update((tx) => tx.secrets.put(secret('a')));
      await assert.rejects(put, code('unavailable'));
      await assert.rejects(
        store.update((tx) => tx.secrets.size),
        code('unavailable'),
      );
      assert.notEqual(store.fencedBy, undefined);
      assert.equal(store.view.secrets.size, 0);
      const { epoch } = store;
      await store.reload();
      assert.equal(store.fencedBy, undefined);
      assert.ok(store.epoch > epoch);
      const durable = disk.rows().map((row) => row.id);
      assert.deepEqual(
        [...store.view.secrets.all()].map((row) => row.id),
        durable,
      );
      assert.deepEqual(heard, durable);
      assert.equal(await store.update((tx) => tx.secrets.size), durable.length);
    });
  }
});

describe('two managers on one disk', () => {
  it('the older one is refused and fenced', async () => {
    const disk = new SimulatedDisk();
    const older = await quickStore(disk);
    const newer = await quickStore(disk);
    await newer.update((tx) => tx.secrets.put(secret('a')));
    await assert.rejects(
      older.update((tx) => tx.secrets.put(secret('b'))),
      code('unavailable'),
    );
    assert.equal(older.view.secrets.size, 0);
    await older.reload();
    assert.equal(older.view.secrets.size, 1);
    await assert.rejects(
      newer.update((tx) => tx.secrets.put(secret('c'))),
      code('unavailable'),
    );
  });
});

describe('closing', () => {
  it('finishes the commit in flight and rejects what is queued', async () => {
    const { store, clock, disk } = await slowStore();
    const first = store.update((tx) => tx.secrets.put(secret('a')));
    await clock.settle();
    const second = assert.rejects(
      store.update((tx) => tx.secrets.put(secret('b'))),
      code('unavailable'),
    );
    const closing = store.close();
    await clock.drain({ limitMs: 100 });
    await Promise.all([first, second, closing]);
    assert.deepEqual(
      disk.rows().map((row) => row.id),
      ['a'],
    );
    await assert.rejects(
      store.update((tx) => tx.secrets.size),
      code('unavailable'),
    );
  });
});

describe('rows', () => {
  it('cannot be changed in place where the store freezes them', async () => {
    const store = await quickStore();
    await store.update((tx) => tx.secrets.put(secret('a')));
    const row = store.view.secrets.get('a') as { data: string };
    assert.throws(() => {
      row.data = 'x';
    }, TypeError);
  });

  it('are the same after a restart', async () => {
    const disk = new SimulatedDisk();
    const store = await quickStore(disk);
    await store.update((tx) => {
      tx.secrets.put(secret('a', 'ü"\u0000\ud800'));
      tx.secrets.put(secret('b'));
    });
    await store.close();
    const again = await quickStore(disk);
    assert.equal(again.revision, store.revision);
    assert.deepEqual([...again.view.secrets.all()], [...store.view.secrets.all()]);
  });
});

describe('a store of an older schema', () => {
  const renamed: Migration = (rows) =>
    rows.map((row) => ({ ...row, kind: 'put', value: row.value.replaceAll('cow', 'bull') }));

  it('is migrated once, durably, when it is opened', async () => {
    const disk = new SimulatedDisk();
    const old = await Store.open(new MemoryEngine(disk), { migrations: [] });
    await old.update((tx) => tx.secrets.put(secret('1', 'cow')));
    await old.close();
    for (let opening = 1; opening <= 2; opening += 1) {
      const store = await Store.open(new MemoryEngine(disk), { migrations: [renamed] });
      assert.equal(store.view.secrets.get('1')?.spec.name, 'bull');
      assert.equal(store.view.secrets.count('name', 'bull'), 1);
      assert.equal(store.revision, old.revision + 1);
      assert.equal(disk.state.schemaVersion, 2);
      await store.close();
    }
  });

  it('stays as it was when the migration cannot be committed', async () => {
    const disk = new SimulatedDisk();
    const old = await Store.open(new MemoryEngine(disk), { migrations: [] });
    await old.update((tx) => tx.secrets.put(secret('1', 'cow')));
    await old.close();
    const rows = disk.rows();
    const failing = new MemoryEngine(disk, { faults: { failChance: 1 } });
    await assert.rejects(Store.open(failing, { migrations: [renamed] }), {
      code: 'unavailable',
      message: /could not be brought to schema version 2/,
    });
    assert.deepEqual(disk.rows(), rows);
    assert.equal(disk.state.schemaVersion, 1);
  });
});

describe('a store of a newer schema', () => {
  it('is refused with both versions named, and left as it was', async () => {
    const disk = new SimulatedDisk();
    await (await Store.open(new MemoryEngine(disk), { migrations: [() => []] })).close();
    const { revision } = disk.state;
    await assert.rejects(Store.open(new MemoryEngine(disk), { migrations: [] }), {
      code: 'failed-precondition',
      message: 'the store has schema version 2, this program knows up to 1',
    });
    assert.equal(disk.state.revision, revision);
  });
});

describe('a damaged store', () => {
  for (const [what, value] of [
    ['no JSON', '{"id":"1"'],
    ['another row', '{"id":"2"}'],
    ['no row', '7'],
  ] as const) {
    it(`names the row that is ${what}`, async () => {
      const disk = new SimulatedDisk();
      await (await quickStore(disk)).close();
      const changes = [{ kind: 'put', table: 'secrets', id: '1', value } as const];
      disk.append({ epoch: 1, revision: 2, changes });
      await assert.rejects(quickStore(disk), {
        code: 'failed-precondition',
        message: /secrets\/1 is damaged/,
      });
    });
  }

  it('names the table that it does not know', async () => {
    const disk = new SimulatedDisk();
    await (await quickStore(disk)).close();
    const changes = [{ kind: 'put', table: 'animals', id: '1', value: '{"id":"1"}' } as const];
    disk.append({ epoch: 1, revision: 2, changes });
    await assert.rejects(quickStore(disk), {
      code: 'failed-precondition',
      message: /table animals/,
    });
  });
});

describe('a snapshot', () => {
  it('is of one moment, whatever is committed while it is walked', async () => {
    const store = await quickStore();
    await store.update((tx) => {
      for (const id of ['a', 'b', 'c']) tx.secrets.put(secret(id));
    });
    const { revision, rows } = store.snapshot();
    await store.update((tx) => {
      tx.secrets.delete('b');
      tx.secrets.put(secret('c', 'renamed'));
      tx.secrets.put(secret('d'));
    });
    const found = [...rows].map((row) => (JSON.parse(row.value) as Secret).spec.name);
    assert.deepEqual(found, ['a', 'b', 'c']);
    assert.equal(revision, store.revision - 1);
  });
});

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, it } from 'node:test';
import type { StoredChange, StoreEngine, StoreSnapshot } from '../src/host/store-engine.ts';
import { EtcdEngine } from '../src/os/etcd-engine.ts';
import { SqliteEngine } from '../src/os/sqlite-engine.ts';
import { readStoreMarker, writeStoreMarker } from '../src/os/store-marker.ts';
import { moveStore, type RestorableEngine } from '../src/os/store-move.ts';
import { TestEtcd } from './etcd/test-etcd.ts';

let etcd: TestEtcd;
let directory: string;
let attempts = 0;

before(async () => {
  etcd = await TestEtcd.start(1);
  directory = mkdtempSync(join(tmpdir(), 'tutti-move-'));
});
after(async () => {
  await etcd.stop();
  rmSync(directory, { recursive: true });
});

/** An empty place in etcd: a move that did not end leaves its own behind. */
function emptyEngine(): EtcdEngine {
  attempts += 1;
  return new EtcdEngine({ client: etcd.client(), prefix: `move${attempts}/` });
}

async function filledStore(name: string): Promise<{ engine: StoreEngine; markerPath: string }> {
  const engine = SqliteEngine.open(join(directory, `${name}.db`));
  const epoch = await engine.takeEpoch();
  const rows = Array.from({ length: 9_000 }, (_, n): StoredChange => {
    return { kind: 'put', table: 'tasks', id: `t${n}`, value: JSON.stringify({ id: `t${n}`, n }) };
  });
  const gone: StoredChange = { kind: 'delete', table: 'tasks', id: 't5' };
  const changes = [...rows, gone, { kind: 'schema-version', version: 3 } as const];
  assert.equal((await engine.commit(changes, { epoch, revision: 0 })).kind, 'committed');
  return { engine, markerPath: join(directory, `${name}.marker`) };
}

async function contents({ rows, ...rest }: StoreSnapshot) {
  return { ...rest, rows: [...rows] };
}

/** Ends like a crash: at the given call of the engine, and nothing after it happens. */
function crashingAt(
  engine: RestorableEngine,
  { call, when }: { readonly call: 'restore' | 'load'; readonly when: 'before' | 'after' },
): RestorableEngine {
  const crash = (): never => {
    throw new Error('crashed');
  };
  return {
    load: async () => (call === 'load' ? crash() : await engine.load()),
    takeEpoch: async () => await engine.takeEpoch(),
    commit: async (changes, guard) => await engine.commit(changes, guard),
    close: async () => await engine.close(),
    restore: async (snapshot) => {
      if (call === 'restore' && when === 'before') crash();
      await engine.restore(snapshot);
      if (call === 'restore' && when === 'after') crash();
    },
  };
}

it('a store moves to etcd as it is, with its revision and epoch', async () => {
  const { engine, markerPath } = await filledStore('whole');
  const to = emptyEngine();
  assert.equal(await readStoreMarker(markerPath), 'sqlite');
  await moveStore({ from: engine, to, markerPath });
  assert.equal(await readStoreMarker(markerPath), 'etcd');
  const moved = await contents(await to.load());
  assert.deepEqual(moved, await contents(await engine.load()));
  assert.equal(moved.rows.length, 8_999);
  assert.equal(await to.takeEpoch(), 2);
  const outcome = await to.commit([], { epoch: 2, revision: 1 });
  assert.deepEqual(outcome, { kind: 'committed' });
  await assert.rejects(to.restore(await engine.load()), { code: 'failed-precondition' });
  await engine.close();
  await to.close();
});

it('what a copy left that was cut off in the middle is no part of the next', async () => {
  const { engine, markerPath } = await filledStore('cut');
  const to = emptyEngine();
  const client = etcd.client();
  const key = `move${attempts}/rows/0000000zzzz/tasks/left`;
  await client.transact({ compares: [], success: [{ kind: 'put', key, value: '1' }] });
  await moveStore({ from: engine, to, markerPath });
  assert.equal(await readStoreMarker(markerPath), 'etcd');
  client.close();
  await engine.close();
  await to.close();
});

it('an empty store moves as well', async () => {
  const engine = SqliteEngine.open(join(directory, 'empty.db'));
  const to = emptyEngine();
  await moveStore({ from: engine, to, markerPath: join(directory, 'empty.marker') });
  assert.deepEqual(await contents(await to.load()), await contents(await engine.load()));
  await engine.close();
  await to.close();
});

for (const at of [
  { call: 'restore', when: 'before' },
  { call: 'restore', when: 'after' },
  { call: 'load', when: 'before' },
] as const) {
  it(`a crash ${at.when} ${at.call} leaves the old store, and the next try moves it`, async () => {
    const { engine, markerPath } = await filledStore(`crash-${at.call}-${at.when}`);
    const whole = await contents(await engine.load());
    const first = emptyEngine();
    await assert.rejects(moveStore({ from: engine, to: crashingAt(first, at), markerPath }));
    assert.equal(await readStoreMarker(markerPath), 'moving');
    assert.deepEqual(await contents(await engine.load()), whole);
    await first.close();
    const second = emptyEngine();
    await moveStore({ from: engine, to: second, markerPath });
    assert.equal(await readStoreMarker(markerPath), 'etcd');
    assert.deepEqual(await contents(await second.load()), whole);
    await engine.close();
    await second.close();
  });
}

it('a copy that differs in anything is no copy', async () => {
  const { engine, markerPath } = await filledStore('differs');
  const faults: readonly ((snapshot: StoreSnapshot) => StoreSnapshot)[] = [
    (snapshot) => ({ ...snapshot, epoch: snapshot.epoch + 1 }),
    (snapshot) => ({ ...snapshot, rows: [...snapshot.rows].slice(1) }),
    (snapshot) => ({ ...snapshot, rows: [...snapshot.rows].slice(0, -1) }),
    (snapshot) => ({ ...snapshot, rows: [...snapshot.rows].toReversed() }),
    (snapshot) => ({
      ...snapshot,
      rows: [...snapshot.rows, { table: 'tasks', id: 'x', value: '1' }],
    }),
  ];
  for (const fault of faults) {
    const to = emptyEngine();
    const faulty: RestorableEngine = {
      load: async () => await to.load(),
      takeEpoch: async () => await to.takeEpoch(),
      commit: async (changes, guard) => await to.commit(changes, guard),
      close: async () => await to.close(),
      restore: async (snapshot) => await to.restore(fault(snapshot)),
    };
    await assert.rejects(moveStore({ from: engine, to: faulty, markerPath }), /differs/);
    assert.equal(await readStoreMarker(markerPath), 'moving');
    await to.close();
  }
  await engine.close();
});

it('a marker that nobody knows is refused', async () => {
  const path = join(directory, 'strange.marker');
  await writeStoreMarker(path, 'parrot' as 'sqlite');
  await assert.rejects(readStoreMarker(path), /"parrot", which is no store engine/);
});

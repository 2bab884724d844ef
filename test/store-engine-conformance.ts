import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type {
  CommitGuard,
  StoredChange,
  StoredRow,
  StoreEngine,
} from '../src/host/store-engine.ts';
import { Prng } from '../src/lib/prng.ts';
import { migrations, schemaVersionOf } from '../src/store/migrations.ts';
import { Store } from '../src/store/store.ts';

/** Where an engine keeps its state; each test gets a new one. */
export interface EngineStorage {
  /** Opens an engine on it; the engine before has been closed. */
  open(): StoreEngine;
  dispose(): void;
}

interface Contents {
  readonly schemaVersion: number;
  readonly epoch: number;
  readonly revision: number;
  readonly rows: readonly StoredRow[];
}

async function contents(engine: StoreEngine): Promise<Contents> {
  const { schemaVersion, epoch, revision, rows } = await engine.load();
  return { schemaVersion, epoch, revision, rows: [...rows] };
}

function put(id: string, value: unknown = id, table = 'tasks'): StoredChange {
  return { kind: 'put', table, id, value: JSON.stringify(value) };
}

function remove(id: string, table = 'tasks'): StoredChange {
  return { kind: 'delete', table, id };
}

async function committed(
  engine: StoreEngine,
  changes: readonly StoredChange[],
  guard?: CommitGuard,
): Promise<void> {
  const { epoch, revision } = await contents(engine);
  const outcome = await engine.commit(changes, guard ?? { epoch, revision });
  assert.deepEqual(outcome, { kind: 'committed' });
}

/** What every store engine must do, whatever it is made of. */
export function storeEngineConformance(name: string, newStorage: () => EngineStorage): void {
  const test = (finding: string, run: (storage: EngineStorage) => Promise<void>): void => {
    it(finding, async () => {
      const storage = newStorage();
      try {
        await run(storage);
      } finally {
        storage.dispose();
      }
    });
  };
  describe(`${name}: what is committed`, () => committing(test));
  describe(`${name}: an engine`, () => using(test));
  describe(`${name}: the guard`, () => guarding(test));
  describe(`${name}: contents`, () => keeping(test));
  describe(`${name}: after many changes`, () => enduring(test));
}

type Test = (finding: string, run: (storage: EngineStorage) => Promise<void>) => void;

function committing(test: Test): void {
  test('is nothing at first', async (storage) => {
    const engine = storage.open();
    assert.deepEqual(await contents(engine), {
      schemaVersion: 0,
      epoch: 0,
      revision: 0,
      rows: [],
    });
    await engine.close();
  });

  test('is there, in order of arrival, now and after it was opened again', async (storage) => {
    const engine = storage.open();
    await committed(engine, [put('z'), put('a'), { kind: 'schema-version', version: 4 }]);
    await committed(engine, [put('m'), put('z', 'again')]);
    const before = await contents(engine);
    assert.deepEqual(
      before.rows.map((row) => [row.table, row.id, row.value]),
      [
        ['tasks', 'z', '"again"'],
        ['tasks', 'a', '"a"'],
        ['tasks', 'm', '"m"'],
      ],
    );
    assert.equal(before.schemaVersion, 4);
    assert.equal(before.revision, 2);
    await engine.close();
    const again = storage.open();
    assert.deepEqual(await contents(again), before);
    await again.close();
  });

  test('counts a revision even when it changes no row', async (storage) => {
    const engine = storage.open();
    await committed(engine, []);
    await committed(engine, [remove('never was')]);
    assert.equal((await contents(engine)).revision, 2);
    await engine.close();
  });

  test('takes the changes of a batch in their order', async (storage) => {
    const engine = storage.open();
    await committed(engine, [put('a', 1), remove('a'), put('b', 1), put('a', 2), put('b', 2)]);
    await committed(engine, [remove('b'), put('b', 3), put('c'), remove('c')]);
    assert.deepEqual(
      (await contents(engine)).rows.map((row) => [row.id, row.value]),
      [
        ['a', '2'],
        ['b', '3'],
      ],
    );
    await engine.close();
  });
}

function using(test: Test): void {
  test('commits without a load before', async (storage) => {
    const first = storage.open();
    await committed(first, [put('a', 1)]);
    await first.close();
    const second = storage.open();
    assert.deepEqual(await second.commit([put('a', 2)], { epoch: 0, revision: 1 }), {
      kind: 'committed',
    });
    assert.deepEqual(
      (await contents(second)).rows.map((row) => row.value),
      ['2'],
    );
    await second.close();
  });

  test('has one commit in flight at a time', async (storage) => {
    const engine = storage.open();
    const first = engine.commit([put('a')], { epoch: 0, revision: 0 });
    await assert.rejects(engine.commit([put('b')], { epoch: 0, revision: 0 }), /in flight/);
    assert.deepEqual(await first, { kind: 'committed' });
    await engine.close();
  });
}

function guarding(test: Test): void {
  test('lets epochs rise by one, durably', async (storage) => {
    const engine = storage.open();
    assert.equal(await engine.takeEpoch(), 1);
    assert.equal(await engine.takeEpoch(), 2);
    await engine.close();
    const again = storage.open();
    assert.equal((await contents(again)).epoch, 2);
    assert.equal(await again.takeEpoch(), 3);
    await again.close();
  });

  test('refuses an epoch or revision that is not current, changing nothing', async (storage) => {
    const engine = storage.open();
    const old = await engine.takeEpoch();
    await committed(engine, [put('a')]);
    await committed(engine, [put('b')]);
    const epoch = await engine.takeEpoch();
    const before = await contents(engine);
    for (const guard of [
      { epoch: old, revision: 2 },
      { epoch: epoch + 1, revision: 2 },
      { epoch, revision: 1 },
      { epoch, revision: 3 },
    ]) {
      const changes: StoredChange[] = [
        put('a', 'changed'),
        remove('b'),
        put('c'),
        { kind: 'schema-version', version: 9 },
      ];
      assert.deepEqual(await engine.commit(changes, guard), {
        kind: 'refused',
        epoch,
        revision: 2,
      });
      assert.deepEqual(await contents(engine), before);
    }
    await committed(engine, [put('c')], { epoch, revision: 2 });
    await engine.close();
  });
}

function keeping(test: Test): void {
  test('of a newer program are refused with both versions, and left as they are', async (storage) => {
    const known = schemaVersionOf(migrations);
    const engine = storage.open();
    const newer = { kind: 'schema-version', version: known + 4 } as const;
    await committed(engine, [put('a', 1, 'a-table-of-the-future'), newer]);
    const before = await contents(engine);
    const refusal = {
      code: 'failed-precondition',
      message: `the store has schema version ${known + 4}, this program knows up to ${known}`,
    };
    await assert.rejects(Store.follow(engine), refusal);
    await assert.rejects(Store.open(engine), refusal);
    const after = await contents(engine);
    assert.deepEqual({ ...after, epoch: 0 }, { ...before, epoch: 0 });
    await engine.close();
  });
  test('may hold any text', async (storage) => {
    const texts = ['', "'; DROP TABLE rows; --", 'a/b', 'ü 🎻 \u0000 \n \\', 'x'.repeat(2_000_000)];
    const ids = ['a/b', "it's", 'ü🎻', '%', ' ', 'constructor', '__proto__'];
    const engine = storage.open();
    const rows = [
      ...texts.map((text, index) => ({ id: `text${index}`, text })),
      ...ids.map((id) => ({ id, text: id })),
    ];
    await committed(
      engine,
      rows.map((row) => put(row.id, row.text)),
    );
    await engine.close();
    const again = storage.open();
    assert.deepEqual(
      (await contents(again)).rows,
      rows.map((row) => ({ table: 'tasks', id: row.id, value: JSON.stringify(row.text) })),
    );
    await again.close();
  });

  test('keeps tables apart', async (storage) => {
    const engine = storage.open();
    await committed(engine, [put('a', 1, 'tasks'), put('a', 2, 'nodes'), put('a', 3, 'tas')]);
    await committed(engine, [remove('a', 'nodes')]);
    assert.deepEqual(
      (await contents(engine)).rows.map((row) => [row.table, row.value]),
      [
        ['tasks', '1'],
        ['tas', '3'],
      ],
    );
    await engine.close();
  });
}

function enduring(test: Test): void {
  test('takes a large batch', async (storage) => {
    const engine = storage.open();
    const many = Array.from({ length: 20_000 }, (_, n) =>
      put(`id${n}`, { n, text: 'x'.repeat(50) }),
    );
    await committed(engine, many);
    assert.equal((await contents(engine)).rows.length, 20_000);
    await committed(
      engine,
      many.map((_, n) => remove(`id${n}`)),
    );
    assert.equal((await contents(engine)).rows.length, 0);
    await engine.close();
  });

  test('holds what a plain map would hold', async (storage) => {
    const dice = new Prng(20);
    const expected = new Map<string, StoredRow>();
    let engine = storage.open();
    for (let round = 0; round < 150; round += 1) {
      const changes = Array.from({ length: dice.below(8) }, () => {
        const table = dice.pick(['tasks', 'nodes']);
        const id = `id${dice.below(12)}`;
        return dice.chance(0.3) ? remove(id, table) : put(id, dice.uint32(), table);
      });
      for (const change of changes) {
        if (change.kind === 'schema-version') continue;
        const { table, id } = change;
        if (change.kind === 'delete') expected.delete(`${table}/${id}`);
        else expected.set(`${table}/${id}`, { table, id, value: change.value });
      }
      await committed(engine, changes);
      if (dice.chance(0.1)) {
        await engine.close();
        engine = storage.open();
      }
      assert.deepEqual((await contents(engine)).rows, [...expected.values()]);
    }
    await engine.close();
  });

  test('is out of reach once it is closed', async (storage) => {
    const engine = storage.open();
    await engine.close();
    await engine.close();
    await assert.rejects(engine.load(), { code: 'unavailable' });
    await assert.rejects(engine.takeEpoch(), { code: 'unavailable' });
    await assert.rejects(engine.commit([], { epoch: 0, revision: 0 }), { code: 'unavailable' });
  });
}

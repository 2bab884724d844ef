import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { StoredRow } from '../host/store-engine.ts';
import type { Migration } from './migrations.ts';
import { applied, migrate, schemaVersionOf } from './migrations.ts';

const old: readonly StoredRow[] = [
  { table: 'animals', id: '1', value: '{"id":"1","name":"cow"}' },
  { table: 'animals', id: '2', value: '{"id":"2","name":"dodo"}' },
];

/** Names become upper case, and the dodo goes. */
const first: Migration = (rows) =>
  rows.map((row) =>
    row.value.includes('dodo')
      ? { kind: 'delete', table: row.table, id: row.id }
      : { kind: 'put', ...row, value: row.value.replace('cow', 'COW') },
  );
/** Animals are called beasts. */
const second: Migration = (rows) =>
  rows.flatMap((row) => [
    { kind: 'delete', table: row.table, id: row.id } as const,
    { kind: 'put', ...row, table: 'beasts' } as const,
  ]);

describe('a store of an older schema', () => {
  it('is brought forward step by step in one set of changes', () => {
    const changes = migrate({ schemaVersion: 1, rows: old }, [first, second]);
    assert.deepEqual(changes.at(-1), { kind: 'schema-version', version: 3 });
    assert.deepEqual(applied(old, changes), [
      { table: 'beasts', id: '1', value: '{"id":"1","name":"COW"}' },
    ]);
  });

  it('takes only the steps that it has not had', () => {
    const changes = migrate({ schemaVersion: 2, rows: old }, [first, second]);
    assert.deepEqual(
      applied(old, changes).map((row) => [row.table, row.value.includes('cow')]),
      [
        ['beasts', true],
        ['beasts', false],
      ],
    );
  });
});

describe('a store of the current schema', () => {
  it('needs nothing', () => {
    assert.deepEqual(migrate({ schemaVersion: 3, rows: old }, [first, second]), []);
  });
});

describe('a store that was never written', () => {
  it('gets the version alone', () => {
    assert.equal(schemaVersionOf([]), 1);
    assert.deepEqual(migrate({ schemaVersion: 0, rows: [] }, []), [
      { kind: 'schema-version', version: 1 },
    ]);
  });
});

describe('a store of a newer schema', () => {
  it('is refused with both versions named', () => {
    assert.throws(() => migrate({ schemaVersion: 7, rows: old }, [first]), {
      code: 'failed-precondition',
      message: 'the store has schema version 7, this program knows up to 2',
    });
  });
});

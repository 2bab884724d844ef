import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import type { StoreEngine } from '../host/store-engine.ts';
import { Store } from '../store/store.ts';
import { SealingKey } from './certificates-seal.ts';
import { SealedEngine } from './sealed-engine.ts';
import { SqliteEngine } from './sqlite-engine.ts';

const clear = ['bm9ib2R5LXJlYWRzLXRoaXM', 'SWMTKN-1-nobody', 'cmVnaXN0cnktcGFzc3dvcmQ'];
const rows = [
  {
    table: 'secrets',
    id: 's1',
    value: { id: 's1', spec: { name: 'key', labels: {} }, data: clear[0] },
  },
  {
    table: 'services',
    id: 'w1',
    value: {
      id: 'w1',
      spec: { name: 'web', labels: {}, ports: [], dependsOn: [], mode: { kind: 'replicated' } },
      publishedPorts: [],
      virtualAddresses: [],
      registryAuth: clear[2],
    },
  },
  { table: 'clusters', id: 'c1', value: { id: 'c1', joinTokens: { worker: clear[1] } } },
];
const puts = rows.map(
  ({ table, id, value }) => ({ kind: 'put', table, id, value: JSON.stringify(value) }) as const,
);

let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'tutti-sealed-'));
});
afterEach(async () => rm(directory, { recursive: true, force: true }));

function engineOf(): SealedEngine {
  return new SealedEngine({
    engine: SqliteEngine.open(join(directory, 'state.sqlite')),
    key: new SealingKey(join(directory, 'sealing.key')),
  });
}

/** Which of the clear texts are in any file of the directory. */
async function foundInClear(): Promise<readonly string[]> {
  const files = await readdir(directory);
  assert.ok(files.includes('state.sqlite'));
  const contents = await Promise.all(files.map((file) => readFile(join(directory, file))));
  return clear.filter((text) => contents.some((bytes) => bytes.includes(text)));
}

async function rowsOf(engine: StoreEngine): Promise<readonly unknown[]> {
  return [...(await engine.load()).rows].map((row) => JSON.parse(row.value) as unknown);
}

async function writeAll(engine: StoreEngine, schemaVersion: number): Promise<void> {
  const { epoch, revision } = await engine.load();
  const outcome = await engine.commit(
    [...puts, { kind: 'schema-version', version: schemaVersion }],
    {
      epoch,
      revision,
    },
  );
  assert.equal(outcome.kind, 'committed');
}

test('no secret, token or registry credential is in the files of the store', async () => {
  const engine = engineOf();
  await writeAll(engine, 3);
  assert.deepEqual(await foundInClear(), []);
  await engine.close();
  const again = engineOf();
  assert.deepEqual(
    await rowsOf(again),
    rows.map((row) => row.value),
  );
  await again.close();
  assert.deepEqual(await foundInClear(), []);
});

test('a store from before is sealed when it is opened, and nothing of it stays behind', async () => {
  const old = SqliteEngine.open(join(directory, 'state.sqlite'));
  await writeAll(old, 2);
  await old.close();
  assert.deepEqual(await foundInClear(), clear);
  const store = await Store.open(engineOf());
  assert.equal(store.view.secrets.get('s1')?.data, clear[0]);
  assert.equal(store.view.services.get('w1')?.registryAuth, clear[2]);
  assert.deepEqual(await foundInClear(), []);
  await store.close();
  assert.deepEqual(await foundInClear(), []);
});

test('a sealed text that was put into the row of another opens nothing', async () => {
  const engine = engineOf();
  await writeAll(engine, 3);
  await engine.close();
  const thief = SqliteEngine.open(join(directory, 'state.sqlite'));
  const { rows: stored, epoch, revision } = await thief.load();
  const [secret] = [...stored];
  assert.ok(secret !== undefined);
  const value = secret.value.replaceAll('"s1"', '"s2"');
  await thief.commit([{ kind: 'put', table: 'secrets', id: 's2', value }], { epoch, revision });
  await thief.close();
  const robbed = engineOf();
  await assert.rejects(rowsOf(robbed), {
    code: 'failed-precondition',
    message: /data of secrets\/s2 cannot be opened: it is damaged, or sealed for something else/,
  });
  await robbed.close();
});

test('without its key the store says what is missing', async () => {
  const engine = engineOf();
  await writeAll(engine, 3);
  await engine.close();
  await rm(join(directory, 'sealing.key'));
  const locked = engineOf();
  await assert.rejects(rowsOf(locked), { message: /cannot be opened: the key is not there/ });
  await locked.close();
});

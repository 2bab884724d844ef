import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import type { StoredRow } from '../host/store-engine.ts';
import type { Logger } from '../host/logger.ts';
import { FileAgentDisk } from './agent-disk.ts';
import { newLock } from './backup-key.ts';
import { checkBackup, openBackup } from './backup-read.ts';
import { restoreBackup } from './backup-restore.ts';
import { writeBackup } from './backup-write.ts';
import { SealingKey } from './certificates-seal.ts';
import { SealedEngine } from './sealed-engine.ts';
import { Snapshots } from './snapshots.ts';
import { SqliteEngine } from './sqlite-engine.ts';
import { SystemClock } from './system-clock.ts';

const rows: readonly StoredRow[] = [
  { table: 'clusters', id: 'c1', value: '{"id":"c1","advertiseAddress":"10.0.0.1"}' },
  { table: 'roots', id: 'r1', value: '{"id":"r1","sealedKey":"sealed"}' },
  { table: 'nodes', id: 'n1', value: '{"id":"n1"}' },
  { table: 'tasks', id: 't1', value: '{"id":"t1"}' },
  { table: 'secrets', id: 's1', value: '{"id":"s1","data":"dGhlIHdvcmQ"}' },
];
const snapshot = { schemaVersion: 3, epoch: 4, revision: 50, rows };
const known = 3;

let directory: string;
let keyFile: string;
const at = (name: string): string => join(directory, name);

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'tutti-backup-'));
  keyFile = at('key');
  await writeFile(keyFile, 'k'.repeat(32));
});
afterEach(async () => rm(directory, { recursive: true, force: true }));

async function backUp(
  name: string,
  held = rows,
): Promise<{ readonly path: string; readonly key: Buffer }> {
  const { lock, key } = await newLock({ kind: 'key-file', path: keyFile });
  const sealingKey = Buffer.alloc(32, 7).toString('base64');
  const bytes: Uint8Array[] = [];
  const content = {
    snapshot: { ...snapshot, rows: held },
    clusterId: 'c1',
    state: { nodeId: 'n1', sealingKey },
  };
  for await (const chunk of writeBackup(content, { lock, key, why: 'asked', now: 1 })) {
    bytes.push(chunk);
  }
  await writeFile(at(name), Buffer.concat(bytes));
  return { path: at(name), key };
}

function snapshotsOf(sealing: SealingKey, clock = new SystemClock()): Snapshots {
  const silent = (): undefined => undefined;
  const logger = { info: silent, warn: silent } as unknown as Logger;
  return new Snapshots({ directory: at('snapshots'), sealing, clock, logger });
}

async function restoredRows(data: string): Promise<ReadonlyMap<string, unknown>> {
  const engine = new SealedEngine({
    engine: SqliteEngine.open(join(data, 'manager/state.sqlite')),
    key: new SealingKey(join(data, 'manager/sealing.key')),
  });
  const loaded = await engine.load();
  assert.ok(loaded.revision > snapshot.revision && loaded.epoch > snapshot.epoch);
  const found = [...loaded.rows].map((row) => [row.table, JSON.parse(row.value)] as const);
  await engine.close();
  return new Map(found);
}

test('a backup that was changed or cut anywhere is refused', async () => {
  const { path, key } = await backUp('whole');
  await checkBackup(await openBackup(path), key);
  const whole = await readFile(path);
  for (let offset = 0; offset < whole.length; offset += 7) {
    const changed = Buffer.from(whole);
    changed[offset] = (changed[offset] ?? 0) ^ 4;
    await writeFile(path, changed);
    const check = async (): Promise<void> => await checkBackup(await openBackup(path), key);
    await assert.rejects(check, { name: 'TuttiError' }, `byte ${offset}`);
    await writeFile(path, whole.subarray(0, offset));
    await assert.rejects(check, { name: 'TuttiError' }, `cut at ${offset}`);
  }
});

test('a restore brings rows, secrets and node, and counts on from above', async () => {
  const { path } = await backUp('whole');
  const dataDirectory = at('data');
  const options = { path, dataDirectory, secret: { kind: 'key-file', path: keyFile } } as const;
  const report = await restoreBackup({ ...options, newCluster: false }, known);
  assert.equal(report.clusterId, 'c1');
  const found = await restoredRows(dataDirectory);
  assert.deepEqual([...found.keys()], ['roots', 'nodes', 'tasks', 'secrets', 'clusters']);
  assert.deepEqual(found.get('secrets'), { id: 's1', data: 'dGhlIHdvcmQ' });
  const agent = await new FileAgentDisk(join(dataDirectory, 'agent/state.json')).load();
  assert.deepEqual([agent?.nodeId, agent?.clusterId], ['n1', 'c1']);
  const names = await readdir(join(dataDirectory, 'manager'));
  assert.ok(!names.some((name) => name.includes('restoring')));
  await assert.rejects(restoreBackup({ ...options, newCluster: false }, known), {
    message: /holds a cluster already; nothing was restored/,
  });
});

test('the backup of one of several managers makes a cluster with one, which the others are workers of', async () => {
  const seated = (number: number): StoredRow => {
    const seat = { address: `10.0.0.${number}:2377`, peerUrl: `https://10.0.0.${number}:2380` };
    const spec = { role: 'manager', availability: 'active', labels: {} };
    const row = { id: `n${number}`, keyDigest: `k${number}`, spec, seat };
    return { table: 'nodes', id: row.id, value: JSON.stringify(row) };
  };
  const others = rows.filter(({ table }) => table !== 'nodes');
  const path = await backUp('several', [...others, seated(2), seated(1)]);
  const dataDirectory = at('data');
  const secret = { kind: 'key-file', path: keyFile } as const;
  const options = { path: path.path, dataDirectory, secret, newCluster: false };
  await restoreBackup(options, known);
  const engine = SqliteEngine.open(join(dataDirectory, 'manager/state.sqlite'));
  const found = [...(await engine.load()).rows].filter(({ table }) => table === 'nodes');
  await engine.close();
  const [second, first] = found.map(({ value }) => JSON.parse(value) as Record<string, unknown>);
  const common = { availability: 'active', labels: {} };
  assert.deepEqual(first, { id: 'n1', spec: { role: 'manager', ...common } });
  assert.deepEqual(second, { id: 'n2', keyDigest: 'k2', spec: { role: 'worker', ...common } });
  const cluster = (await restoredRows(dataDirectory)).get('clusters') as {
    advertiseAddress: string;
  };
  assert.equal(cluster.advertiseAddress, '10.0.0.1:2377');

  await rm(join(dataDirectory, 'manager/state.sqlite'));
  await writeFile(join(dataDirectory, 'manager/store'), 'etcd\n');
  await assert.rejects(restoreBackup(options, known), { message: /is of one of several managers/ });
});

test('a new cluster has another id, and neither nodes, tasks nor roots', async () => {
  const { path } = await backUp('whole');
  const dataDirectory = at('data');
  const secret = { kind: 'key-file', path: keyFile } as const;
  const report = await restoreBackup(
    { path, dataDirectory, secret, newCluster: true, advertiseAddress: '10.0.0.9' },
    known,
  );
  assert.notEqual(report.clusterId, 'c1');
  const found = await restoredRows(dataDirectory);
  assert.deepEqual([...found.keys()], ['secrets', 'clusters']);
  assert.deepEqual(found.get('clusters'), {
    id: report.clusterId,
    advertiseAddress: '10.0.0.9',
  });
});

test('a snapshot beside a locked sealing key is restored with the unlock key', async () => {
  const dataDirectory = at('data');
  await mkdir(join(dataDirectory, 'manager'), { recursive: true });
  const unlockKey = `SWMKEY-1-${'k'.repeat(43)}`;
  const sealing = new SealingKey(join(dataDirectory, 'manager/sealing.key'));
  const path = await snapshotsOf(sealing).make({ clusterId: 'c1', snapshot }, 'migration');
  await sealing.keepUnder(unlockKey);
  const options = { path, dataDirectory, newCluster: false };
  await assert.rejects(restoreBackup(options, known), { message: /sealing\.key is locked/ });
  const wrong = { kind: 'passphrase', text: 'SWMKEY-1-wrong' } as const;
  await assert.rejects(restoreBackup({ ...options, secret: wrong }, known), {
    message: /invalid key provided/,
  });
  const secret = { kind: 'passphrase', text: unlockKey } as const;
  const report = await restoreBackup({ ...options, secret }, known);
  assert.equal(report.rows['secrets'], 1);
});

test('a damaged backup leaves not even a directory', async () => {
  const { path } = await backUp('whole');
  const whole = await readFile(path);
  await writeFile(path, whole.subarray(0, -1));
  const secret = { kind: 'key-file', path: keyFile } as const;
  await assert.rejects(
    restoreBackup({ path, dataDirectory: at('data'), secret, newCluster: false }, known),
    { message: /is damaged: it was changed or cut off/ },
  );
  await assert.rejects(stat(at('data')), { code: 'ENOENT' });
});

test('of the snapshots the seven newest stay, readable by their owner alone', async () => {
  let now = Date.parse('2026-01-01T00:00:00Z');
  const clock = Object.assign(new SystemClock(), { now: () => now });
  const snapshots = snapshotsOf(new SealingKey(at('sealing.key')), clock);
  for (let day = 0; day < 9; day += 1) {
    now += 86_400_000;
    await snapshots.make({ clusterId: 'c1', snapshot }, 'daily');
  }
  const listed = await snapshots.list();
  assert.equal(listed.length, 7);
  assert.equal(listed[0]?.header?.createdAt, now);
  assert.equal((await stat(listed[0]?.path ?? '')).mode % 0o1000, 0o600);
  await writeFile(listed[1]?.path ?? '', 'not any more');
  assert.equal((await snapshots.list())[1]?.header, undefined);
});

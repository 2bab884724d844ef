import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before } from 'node:test';
import { SimulatedDisk } from '../sim/disk.ts';
import { MemoryEngine } from '../sim/memory-engine.ts';
import { SealingKey } from '../src/os/certificates-seal.ts';
import { EtcdEngine } from '../src/os/etcd-engine.ts';
import { SealedEngine } from '../src/os/sealed-engine.ts';
import { SqliteEngine } from '../src/os/sqlite-engine.ts';
import { TestEtcd } from './etcd/test-etcd.ts';
import { storeEngineConformance } from './store-engine-conformance.ts';

storeEngineConformance('SQLite', () => {
  const directory = mkdtempSync(join(tmpdir(), 'tutti-store-'));
  return {
    open: () => SqliteEngine.open(join(directory, 'store.db')),
    dispose: () => rmSync(directory, { recursive: true }),
  };
});

storeEngineConformance('SQLite with sealed secrets', () => {
  const directory = mkdtempSync(join(tmpdir(), 'tutti-store-'));
  const key = new SealingKey(join(directory, 'sealing.key'));
  return {
    open: () => new SealedEngine({ engine: SqliteEngine.open(join(directory, 'store.db')), key }),
    dispose: () => rmSync(directory, { recursive: true }),
  };
});

storeEngineConformance('memory', () => {
  const disk = new SimulatedDisk();
  return { open: () => new MemoryEngine(disk), dispose: () => undefined };
});

let etcd: TestEtcd;
let etcdStores = 0;

before(async () => {
  etcd = await TestEtcd.start(1);
});
after(async () => await etcd.stop());

storeEngineConformance('etcd', () => {
  etcdStores += 1;
  const prefix = `store${etcdStores}/`;
  return {
    open: () => new EtcdEngine({ client: etcd.client(), prefix }),
    dispose: () => undefined,
  };
});

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SimulatedDisk } from '../sim/disk.ts';
import { MemoryEngine } from '../sim/memory-engine.ts';
import { SqliteEngine } from '../src/os/sqlite-engine.ts';
import { storeEngineConformance } from './store-engine-conformance.ts';

storeEngineConformance('SQLite', () => {
  const directory = mkdtempSync(join(tmpdir(), 'tutti-store-'));
  return {
    open: () => SqliteEngine.open(join(directory, 'store.db')),
    dispose: () => rmSync(directory, { recursive: true }),
  };
});

storeEngineConformance('memory', () => {
  const disk = new SimulatedDisk();
  return { open: () => new MemoryEngine(disk), dispose: () => undefined };
});

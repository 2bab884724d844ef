import assert from 'node:assert/strict';
import { test } from 'node:test';
import { VirtualClock } from './clock.ts';
import { SimulatedDisk } from './disk.ts';
import { MemoryEngine } from './memory-engine.ts';
import { Prng } from '../src/lib/prng.ts';
import { eraseStore } from '../src/store/erase.ts';

function openEngine(disk: SimulatedDisk, failChance = 0): MemoryEngine {
  const faults = { failChance, unknownChance: 0, maxLatencyMs: 0 };
  return new MemoryEngine(disk, { clock: new VirtualClock(), dice: new Prng(1), faults });
}

async function filled(disk: SimulatedDisk): Promise<void> {
  const engine = openEngine(disk);
  const epoch = await engine.takeEpoch();
  const { revision } = await engine.load();
  const changes = ['a', 'b'].map(
    (id) => ({ kind: 'put', table: 'secrets', id, value: '"sealed"' }) as const,
  );
  assert.deepEqual(await engine.commit(changes, { epoch, revision }), { kind: 'committed' });
  await engine.close();
}

test('an erased store has no row, and takes new ones', async () => {
  const disk = new SimulatedDisk();
  await filled(disk);
  await eraseStore(openEngine(disk));
  assert.deepEqual([...(await openEngine(disk).load()).rows], []);
  await filled(disk);
  assert.equal([...(await openEngine(disk).load()).rows].length, 2);
});

test('an empty store is erased already', async () => {
  await eraseStore(openEngine(new SimulatedDisk()));
});

test('what cannot be erased is said to be there, and is', async () => {
  const disk = new SimulatedDisk();
  await filled(disk);
  await assert.rejects(eraseStore(openEngine(disk, 1)), /the store could not be erased: /);
  assert.equal([...(await openEngine(disk).load()).rows].length, 2);
});

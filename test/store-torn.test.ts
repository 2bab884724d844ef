import assert from 'node:assert/strict';
import { copyFileSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { VirtualClock } from '../sim/clock.ts';
import type { TailFate } from '../sim/disk.ts';
import { SimulatedDisk } from '../sim/disk.ts';
import { MemoryEngine } from '../sim/memory-engine.ts';
import { TuttiError } from '../src/lib/error.ts';
import { Prng } from '../src/lib/prng.ts';
import { SqliteEngine } from '../src/os/sqlite-engine.ts';
import { Store } from '../src/store/store.ts';
import { checkLedger, writeLedger } from './prove/store-kill-ledger.ts';

interface Life {
  readonly acknowledged: number;
  readonly fate: TailFate;
}

/** One life of a manager: it opens the store, checks it, writes, and loses its power. */
async function liveOnce(disk: SimulatedDisk, dice: Prng): Promise<Life> {
  const clock = new VirtualClock();
  const faults = { maxLatencyMs: 10, failChance: 0.05, unknownChance: 0.03 };
  const engine = new MemoryEngine(disk, { clock, dice, faults });
  let acknowledged = 0;
  const live = async (): Promise<void> => {
    const store = await openPatiently(engine);
    acknowledged = checkLedger(store.view);
    for (;;) {
      const updates = Array.from({ length: 1 + dice.below(5) }, async () => {
        const entry = await store.update((tx) => writeLedger(tx, { dice, largestBytes: 1_000 }));
        acknowledged = Math.max(acknowledged, entry);
      });
      await Promise.allSettled(updates);
      if (store.fencedBy !== undefined) await store.reload();
      const readable = Number(store.view.configs.get('last')?.data ?? 0);
      assert.ok(readable >= acknowledged, 'what was acknowledged can be read');
    }
  };
  let failure: TuttiError | undefined;
  live().catch((reason: unknown) => {
    failure = TuttiError.from(reason);
  });
  await clock.advance(dice.below(300));
  engine.crash();
  const fate = disk.crash(dice);
  if (failure !== undefined) throw failure;
  return { acknowledged, fate };
}

/** A new store begins with a commit of its schema version, which the dice may let fail. */
async function openPatiently(engine: MemoryEngine): Promise<Store> {
  for (;;) {
    try {
      return await Store.open(engine);
    } catch (reason) {
      if (TuttiError.from(reason).code !== 'unavailable') throw reason;
    }
  }
}

async function runSeed(seed: number, disk: SimulatedDisk): Promise<readonly TailFate[]> {
  const dice = new Prng(seed);
  const fates: TailFate[] = [];
  let acknowledged = 0;
  for (let life = 0; life < 6; life += 1) {
    const lived = await liveOnce(disk, dice);
    fates.push(lived.fate);
    acknowledged = Math.max(acknowledged, lived.acknowledged);
    const store = await Store.open(new MemoryEngine(disk));
    const durable = checkLedger(store.view);
    assert.ok(
      durable >= acknowledged,
      `seed ${seed}: ${acknowledged} was lost, ${durable} is there`,
    );
    acknowledged = durable;
  }
  return fates;
}

describe('a store on a simulated disk that loses or tears what was not synced', () => {
  it('loses no acknowledged write and shows no torn batch, in 200 seeds', async () => {
    const fates = new Set<TailFate>();
    for (let seed = 1; seed <= 200; seed += 1) {
      for (const fate of await runSeed(seed, new SimulatedDisk())) fates.add(fate);
    }
    assert.deepEqual([...fates].toSorted(), ['kept', 'lost', 'torn']);
  });

  it('shows no write that can still be lost, though its writer was killed and the disk is full', async () => {
    const disk = new SimulatedDisk();
    disk.append({
      epoch: 1,
      revision: 1,
      changes: [{ kind: 'put', table: 'configs', id: 'c', value: '{}' }],
    });
    disk.full = true;
    const { revision, rows } = await new MemoryEngine(disk).load();
    const shown = Array.from(rows, ({ id }) => id);
    disk.forgetTail();
    assert.deepEqual({ revision, shown }, { revision: 1, shown: ['c'] });
    assert.equal(disk.state.revision, 1);
  });

  it('is caught when the disk says "synced" too early: the check can fail', async () => {
    const disk = new SimulatedDisk();
    disk.lying = true;
    await assert.rejects(runSeed(3, disk), /seed 3: \d+ was lost/);
  });
});

describe('an SQLite store whose log lost or tore what was written after a commit', () => {
  it('has that commit and everything before it, and nothing torn', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'tutti-torn-'));
    try {
      const path = join(directory, 'store.db');
      const log = `${path}-wal`;
      const dice = new Prng(5);
      const store = await Store.open(SqliteEngine.open(path));
      const synced: { readonly entry: number; readonly logBytes: number }[] = [];
      for (let commit = 0; commit < 40; commit += 1) {
        const updates = [1, 2, 3].map(() =>
          store.update((tx) => writeLedger(tx, { dice, largestBytes: 1_000 })),
        );
        const entries = await Promise.all(updates);
        synced.push({ entry: entries.at(-1) ?? 0, logBytes: statSync(log).size });
      }
      const bytes = readFileSync(log);
      const copy = join(directory, 'copy.db');
      for (const { entry, logBytes } of synced) {
        for (const damage of ['lost', 'cut', 'garbled'] as const) {
          copyFileSync(path, copy);
          writeFileSync(`${copy}-wal`, damaged(bytes, { damage, after: logBytes, dice }));
          const again = await Store.open(SqliteEngine.open(copy));
          const found = checkLedger(again.view);
          assert.ok(found >= entry, `${damage}: ${entry} was lost, ${found} is there`);
          await again.close();
        }
      }
      await store.close();
    } finally {
      rmSync(directory, { recursive: true });
    }
  });
});

function damaged(
  log: Buffer,
  how: { readonly damage: 'lost' | 'cut' | 'garbled'; readonly after: number; readonly dice: Prng },
): Buffer {
  const { damage, after, dice } = how;
  if (damage === 'lost') return log.subarray(0, after);
  const cut = after + dice.below(log.length - after + 1);
  if (damage === 'cut') return log.subarray(0, cut);
  const garbled = Buffer.from(log);
  for (let at = cut; at < garbled.length; at += 1) garbled[at] = dice.below(256);
  return garbled;
}

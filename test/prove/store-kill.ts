import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execPath } from 'node:process';
import { createInterface } from 'node:readline';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Prng } from '../../src/lib/prng.ts';
import { SqliteEngine } from '../../src/os/sqlite-engine.ts';
import { Store } from '../../src/store/store.ts';
import { checkLedger } from './store-kill-ledger.ts';

export interface StoreKillPlan {
  readonly seed: number;
  /** Goes on until there were this many commits. */
  readonly commits: number;
  /** Commits between two kills, on average. */
  readonly commitsPerKill: number;
}

export interface StoreKillResult {
  readonly commits: number;
  readonly kills: number;
  readonly acknowledged: number;
  /** Durable though the writer was killed before it could say so: allowed. */
  readonly unacknowledged: number;
}

interface Killed {
  /** What it found when it started, after it had checked it. */
  readonly loaded: { readonly entry: number; readonly revision: number };
  readonly acknowledged: number;
}

/**
 * Kills (-9) a process that writes to an SQLite store at seeded random moments, again and again,
 * and checks each time that every acknowledged write is there and no batch is torn. Throws when
 * not.
 */
export async function proveStoreKill(plan: StoreKillPlan): Promise<StoreKillResult> {
  const directory = mkdtempSync(join(tmpdir(), 'tutti-kill-'));
  const path = join(directory, 'store.db');
  const dice = new Prng(plan.seed);
  let kills = 0;
  let acknowledged = 0;
  let unacknowledged = 0;
  try {
    for (;;) {
      const killed = await writeAndKill(path, {
        seed: dice.uint32(),
        // Updates: about ten share a commit.
        afterAcknowledged: dice.below(plan.commitsPerKill * 20),
        thenMs: dice.fraction() * 4,
      });
      assertKept(killed.loaded.entry, acknowledged);
      unacknowledged += killed.loaded.entry - acknowledged;
      acknowledged = killed.acknowledged;
      kills += 1;
      if (killed.loaded.revision >= plan.commits) break;
    }
    const store = await Store.open(SqliteEngine.open(path));
    const found = checkLedger(store.view);
    assertKept(found, acknowledged);
    const commits = store.revision;
    await store.close();
    assertSound(path);
    return { commits, kills, acknowledged: found - unacknowledged, unacknowledged };
  } finally {
    rmSync(directory, { recursive: true });
  }
}

function assertKept(found: number, acknowledged: number): void {
  assert.ok(
    found >= acknowledged,
    `entry ${acknowledged} was acknowledged, but after the kill the last one is ${found}`,
  );
}

function assertSound(path: string): void {
  const database = new DatabaseSync(path);
  const verdict = database.prepare('PRAGMA integrity_check').get();
  database.close();
  assert.equal(verdict?.['integrity_check'], 'ok');
}

async function writeAndKill(
  path: string,
  moment: { readonly seed: number; readonly afterAcknowledged: number; readonly thenMs: number },
): Promise<Killed> {
  const script = fileURLToPath(new URL('./store-kill-writer.ts', import.meta.url));
  const writer = spawn(execPath, [script, path, String(moment.seed)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const exited = once(writer, 'exit');
  let loaded: Killed['loaded'] | undefined;
  let acknowledged = 0;
  let count = 0;
  let killing: Promise<void> | undefined;
  const kill = async (): Promise<void> => {
    await sleep(moment.thenMs);
    writer.kill('SIGKILL');
  };
  for await (const line of createInterface(writer.stdout)) {
    const [word, entry, revision] = line.split(' ');
    if (word === 'loaded') {
      loaded = { entry: Number(entry), revision: Number(revision) };
      acknowledged = loaded.entry;
    } else {
      acknowledged = Number(entry);
      count += 1;
    }
    if (count >= moment.afterAcknowledged) killing ??= kill();
  }
  await killing;
  const [code, signal] = (await exited) as [number | null, string | null];
  assert.ok(loaded !== undefined && signal === 'SIGKILL', `the writer ended by itself (${code})`);
  return { loaded, acknowledged };
}

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { appendFileSync, mkdtempSync, rmdirSync, rmSync, statfsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { TuttiError } from '../src/lib/error.ts';
import type { Config } from '../src/model/secret.ts';
import { SqliteEngine } from '../src/os/sqlite-engine.ts';
import { Store } from '../src/store/store.ts';

const megabyte = 1024 * 1024;

/** A file system of its own, small enough to fill. */
function smallFileSystem(): { readonly path: string; [Symbol.dispose](): void } {
  const path = mkdtempSync(join(tmpdir(), 'tutti-full-'));
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', path], { stdio: 'pipe' });
  return {
    path,
    [Symbol.dispose]: () => {
      execFileSync('umount', ['--lazy', path]);
      rmdirSync(path);
    },
  };
}

function whyNotHere(): string | false {
  try {
    smallFileSystem()[Symbol.dispose]();
    return false;
  } catch (reason) {
    return `needs the right to mount a tmpfs: ${TuttiError.from(reason).message}`;
  }
}

function config(id: string, sizeBytes: number): Config {
  const data = 'x'.repeat(sizeBytes);
  return { id, version: 0, createdAt: 0, updatedAt: 0, spec: { name: id, labels: {} }, data };
}

/** Takes all space but this much. */
function fill(directory: string, leaveBytes: number): void {
  const { bavail, bsize } = statfsSync(directory);
  const ballast = join(directory, 'ballast');
  appendFileSync(ballast, Buffer.alloc(bavail * bsize - leaveBytes));
}

async function fillUntilRefused(store: Store): Promise<{ kept: string[]; error: TuttiError }> {
  const kept: string[] = [];
  for (let n = 0; n < 1_000; n += 1) {
    const id = `config${n}`;
    try {
      await store.update((tx) => tx.configs.put(config(id, 20_000)));
      kept.push(id);
    } catch (reason) {
      return { kept, error: TuttiError.from(reason) };
    }
  }
  throw new Error('the disk did not fill');
}

const skip = whyNotHere();

describe('a store on a full disk', { skip }, () => {
  it('refuses writes, reads, loses nothing, and writes again once there is space', async () => {
    using fileSystem = smallFileSystem();
    const path = join(fileSystem.path, 'store.db');
    const store = await Store.open(SqliteEngine.open(path));
    fill(fileSystem.path, megabyte / 2);
    const { kept, error } = await fillUntilRefused(store);
    assert.equal(error.code, 'resource-exhausted');
    assert.match(error.message, /full, nothing was changed/);
    assert.ok(kept.length > 3);
    assert.equal(store.fencedBy, undefined);
    assert.equal(store.view.configs.size, kept.length);
    const { revision } = store;
    await assert.rejects(
      store.update((tx) => tx.configs.put(config('large', megabyte))),
      { code: 'resource-exhausted' },
    );
    assert.equal(store.revision, revision);

    rmSync(join(fileSystem.path, 'ballast'));
    await store.update((tx) => tx.configs.put(config('later', 20_000)));
    await store.close();
    const again = await Store.open(SqliteEngine.open(path));
    assert.deepEqual(
      Array.from(again.view.configs.all(), (row) => row.id),
      [...kept, 'later'],
    );
    assert.equal(again.revision, revision + 1);
    await again.close();
  });

  it('can be read after a restart, and takes writes after a reload with space', async () => {
    using fileSystem = smallFileSystem();
    const path = join(fileSystem.path, 'store.db');
    const store = await Store.open(SqliteEngine.open(path));
    await store.update((tx) => tx.configs.put(config('kept', 20_000)));
    await store.close();
    fill(fileSystem.path, 0);

    const again = await Store.open(SqliteEngine.open(path));
    assert.deepEqual(
      Array.from(again.view.configs.all(), (row) => row.id),
      ['kept'],
    );
    const attempt = again.update((tx) => tx.configs.put(config('more', 20_000)));
    await assert.rejects(attempt, { code: 'resource-exhausted' });
    rmSync(join(fileSystem.path, 'ballast'));
    assert.equal(again.fencedBy?.code, 'resource-exhausted');
    await again.reload();
    await again.update((tx) => tx.configs.put(config('more', 20_000)));
    assert.equal(again.view.configs.size, 2);
    await again.close();
  });
});

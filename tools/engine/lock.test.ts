import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { takeLock } from './lock.ts';

test('a lock has one holder at a time', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'tutti-lock-'));
  try {
    const file = join(directory, 'deep/file.lock');
    const first = await takeLock(file);
    assert.ok(first);
    assert.equal(await takeLock(file), undefined);
    first[Symbol.dispose]();
    await first.released;
    const second = await takeLock(file);
    assert.ok(second);
    second[Symbol.dispose]();
  } finally {
    rmSync(directory, { recursive: true });
  }
});

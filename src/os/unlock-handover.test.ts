import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { newUnlockKey } from '../lib/unlock-key.ts';
import { SealingKey } from './certificates-seal.ts';
import { UnlockHandover } from './unlock-handover.ts';

let directory = '';
before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'tutti-handover-'));
});
after(async () => await rm(directory, { recursive: true }));

/** On `/dev/shm`, which is in memory, so that nothing has to be mounted. */
function handoverAt(name: string): { readonly path: string; readonly handover: UnlockHandover } {
  const path = `/dev/shm/${name}-${process.pid}/handover`;
  return { path, handover: new UnlockHandover(path) };
}

test('a manager that was unlocked has its next process unlocked, once', async () => {
  const { path, handover } = handoverAt('tutti-unlocked');
  const file = join(directory, 'sealing.key');
  const first = new SealingKey(file);
  const material = await first.material();
  await first.keepUnder(newUnlockKey((count) => new Uint8Array(count).fill(7)));
  await first.handOver(handover);
  const next = new SealingKey(file);
  assert.ok(await next.isLocked());
  await next.takeOver(handover);
  assert.deepEqual(await next.material(), material);
  assert.equal(existsSync(path), false, 'nothing stays');
  const later = new SealingKey(file);
  await later.takeOver(handover);
  assert.ok(await later.isLocked(), 'the key was given to one process');
});

test('without autolock nothing is handed over', async () => {
  const { path, handover } = handoverAt('tutti-plain');
  const key = new SealingKey(join(directory, 'plain.key'));
  await key.material();
  await key.handOver(handover);
  assert.equal(existsSync(path), false);
});

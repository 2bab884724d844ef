import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { SealingKey } from './certificates-seal.ts';

let directory: string;
let path: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'tutti-seal-'));
  path = join(directory, 'sealing.key');
});
afterEach(async () => rm(directory, { recursive: true, force: true }));

test('what was sealed is opened after a restart, with a key that only its owner reads', async () => {
  const sealed = await new SealingKey(path).seal('the key of the root', 'root');
  assert.ok(!sealed.includes('the key'));
  assert.ok(!Buffer.from(sealed.split('.')[3] ?? '', 'base64url').includes('the key'));
  assert.equal((await stat(path)).mode % 0o1000, 0o600);
  assert.equal(await new SealingKey(path).unseal(sealed, 'root'), 'the key of the root');
});

test('the same text is sealed differently each time', async () => {
  const key = new SealingKey(path);
  assert.notEqual(await key.seal('text', 'root'), await key.seal('text', 'root'));
});

test('what was sealed for one thing is opened for no other', async () => {
  const key = new SealingKey(path);
  const sealed = await key.seal('text', 'root 1');
  await assert.rejects(key.unseal(sealed, 'root 2'), {
    code: 'failed-precondition',
    message: /damaged, or sealed for something else/,
  });
});

test('a sealed text that was changed anywhere is refused', async () => {
  const key = new SealingKey(path);
  const sealed = await key.seal('text', 'root');
  for (let at = 0; at < sealed.length; at += 1) {
    const other = sealed[at] === 'A' ? 'B' : 'A';
    const changed = sealed.slice(0, at) + other + sealed.slice(at + 1);
    // The last digit of base64 carries bits that mean nothing.
    const meansSame =
      changed.startsWith('sealed-1.') &&
      Buffer.from(changed.split('.')[3] ?? '', 'base64url').equals(
        Buffer.from(sealed.split('.')[3] ?? '', 'base64url'),
      ) &&
      changed.slice(0, -1) === sealed.slice(0, -1);
    if (meansSame) continue;
    await assert.rejects(key.unseal(changed, 'root'), { code: 'failed-precondition' }, changed);
  }
});

test('after the cluster was left nothing opens what was sealed', async () => {
  const key = new SealingKey(path);
  const sealed = await key.seal('text', 'root');
  await key.forget();
  await assert.rejects(key.unseal(sealed, 'root'), { message: /the key is not there/ });
  await key.seal('other', 'root');
  await assert.rejects(key.unseal(sealed, 'root'), { message: /sealed under another key/ });
});

test('a locked key opens nothing until its unlock key comes, and the file holds no key', async () => {
  const unlockKey = `SWMKEY-1-${'k'.repeat(43)}`;
  const key = new SealingKey(path);
  const sealed = await key.seal('text', 'root');
  await key.keepUnder(unlockKey);
  assert.ok(!(await readFile(path, 'utf8')).includes((await key.material()).toString('base64')));
  assert.equal(await key.unseal(sealed, 'root'), 'text');
  const restarted = new SealingKey(path);
  assert.equal(await restarted.isLocked(), true);
  await assert.rejects(restarted.unseal(sealed, 'root'), { message: /is locked/ });
  for (const wrong of ['', 'SWMKEY-1-', `SWMKEY-1-${'x'.repeat(43)}`]) {
    await assert.rejects(restarted.unlock(wrong), {
      code: 'unauthenticated',
      message: 'swarm could not be unlocked: invalid key provided',
    });
  }
  await restarted.unlock(unlockKey);
  assert.equal(await restarted.unseal(sealed, 'root'), 'text');
  await restarted.keepUnder(undefined);
  assert.equal(await new SealingKey(path).unseal(sealed, 'root'), 'text');
});

const badFiles: readonly (readonly [string, RegExp])[] = [
  ['', /no JSON/],
  ['{}', /no "kept" and "key"/],
  ['{"kept":"locked","key":"AAAA"}', /its key is not sealed/],
  ['{"kept":"plain","key":"AAAA"}', /3 bytes, not 32/],
];

for (const [text, message] of badFiles) {
  test(`a key file with ${text || 'nothing'} in it is named, and left as it is`, async () => {
    await writeFile(path, text);
    await assert.rejects(new SealingKey(path).seal('text', 'root'), {
      code: 'failed-precondition',
      message,
    });
    assert.equal(await readFile(path, 'utf8'), text);
  });
}

test('who answers for a change and who hears of it may keep the key at the same time', async () => {
  const key = new SealingKey(path);
  const sealed = await key.seal('text', 'root');
  const unlockKey = `SWMKEY-1-${'k'.repeat(43)}`;
  await Promise.all([1, 2, 3].map(async () => await key.keepUnder(unlockKey)));
  assert.equal((JSON.parse(await readFile(path, 'utf8')) as { kept: string }).kept, 'locked');
  await Promise.all([key.keepUnder(unlockKey), key.keepUnder(undefined)]);
  assert.equal(await new SealingKey(path).unseal(sealed, 'root'), 'text', 'the last word counts');
});

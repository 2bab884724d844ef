import assert from 'node:assert/strict';
import { test } from 'node:test';
import { onOwnHost } from './fixture/on-own-host.ts';
import { proveDiskFull } from './prove/disk-full.ts';

onOwnHost(import.meta.filename, () => {
  test('a node with a full disk refuses writes and says why, reads, and loses nothing', async () => {
    const result = await proveDiskFull(process.env['TUTTI_TEST_ENGINE'] ?? '');
    assert.ok(result.refused >= 7, `${result.refused} refused`);
    assert.ok(result.reads >= 20, `${result.reads} reads`);
    assert.ok(result.acknowledged >= 3, `${result.acknowledged} acknowledged`);
  });
});

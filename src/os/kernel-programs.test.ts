import assert from 'node:assert/strict';
import { tmpdir } from 'node:os';
import { test } from 'node:test';
import { KernelPrograms } from './kernel-programs.ts';

test('a program that hangs is ended where there is a limit, and has failed', async () => {
  const programs = new KernelPrograms();
  await assert.rejects(programs.read('sleep', ['60'], { limitMs: 10 }), /sleep 60 failed/);
});

/** Files for a while go there; nothing can be written to the second one. */
const places = [tmpdir(), '/nowhere'];

test('a program reads the whole of its orders, however long they are', async (context) => {
  const programs = new KernelPrograms();
  const before = process.env['TMPDIR'];
  context.after(() => {
    if (before === undefined) delete process.env['TMPDIR'];
    else process.env['TMPDIR'] = before;
  });
  for (const place of places) {
    process.env['TMPDIR'] = place;
    for (const bytes of [10, 65_536, 2_000_000]) {
      const orders = 'x'.repeat(bytes);
      await programs.feed('sh', ['-c', `test "$(wc -c)" -eq ${bytes}`], orders);
      await assert.rejects(programs.feed('sh', ['-c', 'wc -c; exit 3'], orders), /exit code 3/);
    }
  }
});

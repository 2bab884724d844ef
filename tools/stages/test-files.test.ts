import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { canShareProcess, findTestFiles } from './test-files.ts';

/** A folder with empty files of these names. */
function makeTree(names: readonly string[]): Disposable & { readonly root: string } {
  const root = mkdtempSync(join(tmpdir(), 'tutti-tree-'));
  for (const name of names) {
    mkdirSync(join(root, name, '..'), { recursive: true });
    writeFileSync(join(root, name), '');
  }
  return { root, [Symbol.dispose]: () => rmSync(root, { recursive: true }) };
}

test('tests are found at any depth, and neither fixtures nor packages are', () => {
  using tree = makeTree(['src/b/b.test.ts', 'src/a/a.test.ts', 'src/a/a.ts', 'src/c.ts']);
  using other = makeTree([
    'tools/fixtures/x.test.ts',
    'tools/node_modules/y.test.ts',
    'tools/z.test.ts',
  ]);
  assert.deepEqual(findTestFiles(tree.root, ['src']), ['src/a/a.test.ts', 'src/b/b.test.ts']);
  assert.deepEqual(findTestFiles(other.root, ['tools']), ['tools/z.test.ts']);
});

test('a folder that is there and has no test is refused, and one that is not there is not', () => {
  using tree = makeTree(['src/a/a.ts']);
  assert.throws(() => findTestFiles(tree.root, ['src']), /src\/ has no test/);
  assert.deepEqual(findTestFiles(tree.root, ['sim']), []);
});

test('only tests of code without a world of its own share a process', () => {
  assert.ok(canShareProcess('src/store/table.test.ts'));
  assert.ok(canShareProcess('src/manager/planner.test.ts'));
  assert.ok(!canShareProcess('src/os/session-transport.test.ts'));
  assert.ok(!canShareProcess('tools/tidy.test.ts'));
});

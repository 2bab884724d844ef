import assert from 'node:assert/strict';
import { mkdtempDisposableSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { runProgram } from '../bootstrap/run.mjs';

test('a file that never ends fails and is named, and those after it still run', async () => {
  using scratch = mkdtempDisposableSync(join(tmpdir(), 'tutti-lane-'));
  const fileOf = (name: string, body: string) => {
    const path = join(scratch.path, `${name}.test.mjs`);
    writeFileSync(
      path,
      `import { test } from 'node:test';\ntest('${name}', async () => {${body}});`,
    );
    return path;
  };
  const files = [
    fileOf('hangs', 'setInterval(() => undefined, 1_000); await new Promise(() => undefined);'),
    fileOf('passes', ''),
  ];
  const lane = [join(import.meta.dirname, 'test-lane.ts'), scratch.path, '1000', ...files];
  const { NODE_TEST_CONTEXT: _, ...env } = process.env;
  const { code, output } = await runProgram(process.execPath, lane, { env });
  assert.equal(code, 1);
  assert.match(output, /✔ passes/);
  assert.match(output, /✖ .*hangs/);
  assert.match(output, /no end after 1200 ms/);
});

import assert from 'node:assert/strict';
import { mkdtempDisposableSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { runProgram } from '../tools/bootstrap/run.mjs';
import { findEngine } from '../tools/engine.ts';
import { testImages } from '../tools/images/catalog.ts';
import { repositoryRoot } from '../tools/root.ts';
import { withoutEngine } from './fixture/environment.ts';

/** The short version of `npm run prove -- faults`: one life of a stack. */
const seed = 3;
const faults = 6;

test('a stack outlives kill -9 of daemon, manager and engine, and leaves nothing', async () => {
  using scratch = mkdtempDisposableSync(join(tmpdir(), 'tutti-faults-test-'));
  const archive = join(scratch.path, 'images.tar');
  const engine = `unix://${await findEngine()}`;
  const tags = testImages.map(({ tag }) => tag);
  const saved = await runProgram('docker', ['-H', engine, 'save', '-o', archive, ...tags]);
  assert.equal(saved.code, 0, saved.output);
  const program = [process.execPath, join(repositoryRoot, 'test/faults/main.ts')];
  const options = ['--archive', archive, '--seed', String(seed), '--faults', String(faults)];
  const ownHost = join(repositoryRoot, 'tools/engine/own-host.ts');
  const { code, output } = await runProgram(
    process.execPath,
    [ownHost, '--without-engine', '--', ...program, ...options],
    { env: withoutEngine() },
  );
  assert.equal(code, 0, output);
  assert.equal(output.match(/: as declared after /g)?.length, faults, output);
});

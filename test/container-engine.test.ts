import assert from 'node:assert/strict';
import { mkdtempDisposableSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { runProgram } from '../tools/bootstrap/run.mjs';
import { findEngine } from '../tools/engine.ts';
import { findDockerClients } from '../tools/engine/docker-clients.ts';
import { repositoryRoot } from '../tools/root.ts';

const image = 'tutti-test/busybox:1';

test('every docker command of the machine reaches the engine of the tests', async () => {
  const socketPath = await findEngine();
  assert.ok(socketPath, 'no engine answers');
  const clients = await findDockerClients();
  assert.ok(clients.length > 0, 'no docker command in the usual places');
  for (const { path, version } of clients) {
    const { code, output } = await runProgram(path, ['-H', `unix://${socketPath}`, 'version']);
    assert.equal(code, 0, `${version}: ${output}`);
  }
});

test('an engine that crashed has its containers back, and leaves nothing in the end', async () => {
  using scratch = mkdtempDisposableSync(join(tmpdir(), 'tutti-engine-test-'));
  const archive = join(scratch.path, 'image.tar');
  const engine = await findEngine();
  const saved = await runProgram('docker', [
    '-H',
    `unix://${engine}`,
    'save',
    '-o',
    archive,
    image,
  ]);
  assert.equal(saved.code, 0, saved.output);
  const ownHost = join(repositoryRoot, 'tools/engine/own-host.ts');
  const program = join(repositoryRoot, 'test/container-engine/crash-and-return.ts');
  const { code, output } = await runProgram(process.execPath, [
    ownHost,
    '--without-engine',
    '--',
    process.execPath,
    program,
    image,
    archive,
  ]);
  assert.equal(code, 0, output);
});

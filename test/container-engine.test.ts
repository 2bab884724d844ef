import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runProgram } from '../tools/bootstrap/run.mjs';
import { findEngine } from '../tools/engine.ts';
import { findDockerClients } from '../tools/engine/docker-clients.ts';
import { runWithoutEngine } from './fixture/run-without-engine.ts';

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
  await runWithoutEngine('test/container-engine/crash-and-return.ts', (archive) => [
    'tutti-test/busybox:1',
    archive,
  ]);
});

test('an engine that restarted under its containers checks their health again', async () => {
  await runWithoutEngine('test/container-engine/health-after-restart.ts', (archive) => [archive]);
});

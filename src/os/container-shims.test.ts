import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { endLostShims } from './container-shims.ts';

/** Looks like a shim to whoever reads command lines. */
async function startShim(containerId: string) {
  const script = 'process.stdout.write("up"); setInterval(() => undefined, 1000)';
  const child = spawn(process.execPath, ['-e', script, '--', '-id', containerId], {
    argv0: '/usr/bin/containerd-shim-runc-v2',
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(child.stdout, 'data');
  return child;
}

test('what still runs of a lost container is killed, and nothing of others', async () => {
  const [lost, other] = await Promise.all([startShim('test-lost-1'), startShim('test-lost-12')]);
  try {
    const ended = once(lost, 'exit');
    assert.equal(await endLostShims(['another', 'test-lost-1']), true);
    assert.deepEqual(await ended, [null, 'SIGKILL']);
    assert.equal(other.exitCode, null);
    assert.equal(await endLostShims(['another', 'test-lost-1']), false);
    assert.equal(await endLostShims(['test-lost']), false);
  } finally {
    other.kill();
    lost.kill();
  }
});

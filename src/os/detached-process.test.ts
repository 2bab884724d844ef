import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { startDetached, whenReady } from './detached-process.ts';

test('one connection is made to who starts, however often its directory changes', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'tutti-detached-'));
  const path = join(directory, 'life.sock');
  const open = new Set<Socket>();
  const server = createServer((socket) => {
    open.add(socket.resume());
    socket.once('close', () => open.delete(socket));
  });
  const logPath = join(directory, 'child.log');
  const child = startDetached(['/bin/sh', '-c', 'echo started; exec sleep 60'], { logPath });
  try {
    const { signal } = new AbortController();
    const connecting = whenReady(path, { child, signal });
    // All of it is told at once, as where a server listens and then keeps its socket to itself.
    server.listen(path);
    for (const name of ['a', 'b', 'c']) writeFileSync(join(directory, name), '');
    const socket = await connecting;
    assert.ok(socket !== undefined);
    socket.destroy();
    for (let turn = 0; turn < 20; turn += 1) await nextTurn();
    const closed = once(server, 'close', { signal: AbortSignal.timeout(5_000) });
    server.close();
    await closed;
  } finally {
    for (const socket of open) socket.destroy();
    child.kill();
    await once(child, 'exit');
    assert.equal(readFileSync(logPath, 'utf8'), 'started\n');
    await rm(directory, { recursive: true });
  }
});

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { runProgram } from '../tools/bootstrap/run.mjs';
import { repositoryRoot } from '../tools/root.ts';
import { withoutEngine } from './fixture/environment.ts';
import { readMachineState } from './fixture/machine-state.ts';
import { onOwnHost } from './fixture/on-own-host.ts';

const demo = join(repositoryRoot, 'examples/voting-app/demo.ts');
const ownHost = join(repositoryRoot, 'tools/engine/own-host.ts');
const directory = '/run/tutti-demo-test';

onOwnHost(import.meta.filename, () => {
  test('the demo runs where no engine is, counts votes, and removes everything', async () => {
    const program = [process.execPath, demo, '--once', '--directory', directory];
    const { code, output } = await runProgram(
      process.execPath,
      [ownHost, '--without-engine', '--', ...program],
      { env: withoutEngine() },
    );
    assert.equal(code, 0, output);
    assert.match(output, /30 votes cast, 30 counted/);
    assert.match(output, /Stopping the container engine: done/);
  });

  test('an interrupted demo leaves an engine of others as it was', async () => {
    const engineSocket = process.env['TUTTI_TEST_ENGINE'] ?? '';
    const before = await readMachineState(engineSocket, [directory]);
    await using _taken = await takePort(8080);
    const { code, output } = await interruptAt('demo_redis 1/1 converged');
    assert.equal(code, 130, output);
    assert.match(output, /Port 8080 of this machine is taken; using 8082/);
    assert.match(output, /Everything that the demo made is gone/);
    assert.deepEqual(await readMachineState(engineSocket, [directory]), before);
  });
});

async function interruptAt(line: string): Promise<{ code: number | null; output: string }> {
  const child = spawn(process.execPath, [demo, '--directory', directory], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const ended = once(child, 'exit');
  let output = '';
  for await (const one of createInterface(child.stderr)) {
    output += `${one}\n`;
    if (one === line) child.kill('SIGINT');
  }
  const [code] = (await ended) as [number | null];
  return { code, output };
}

async function takePort(port: number): Promise<AsyncDisposable> {
  const server = createServer().listen(port);
  await once(server, 'listening');
  return {
    [Symbol.asyncDispose]: async () => {
      server.close();
      await once(server, 'close');
    },
  };
}

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { runProgram } from '../tools/bootstrap/run.mjs';
import { repositoryRoot } from '../tools/root.ts';
import { withoutEngine } from './fixture/environment.ts';
import { readMachineState } from './fixture/machine-state.ts';
import { onOwnHost } from './fixture/on-own-host.ts';
import { demoDirectory, runDemo } from './voting-app/run-demo.ts';

const killedDemo = join(repositoryRoot, 'test/voting-app/killed-demo.ts');
const ownHost = join(repositoryRoot, 'tools/engine/own-host.ts');

onOwnHost(import.meta.filename, () => {
  test('where no engine is, the demo runs after one that was killed, and removes all', async () => {
    const { code, output } = await runProgram(
      process.execPath,
      [ownHost, '--without-engine', '--', process.execPath, killedDemo],
      { env: withoutEngine() },
    );
    assert.equal(code, 0, output);
    const [before = '', after = ''] = output.split('\nkilled\n');
    assert.match(before, /Starting a container engine: done/);
    assert.doesNotMatch(before, /The voting app runs/);
    assert.match(after, /An earlier demo was killed; removing what it left/);
    assert.match(after, /30 votes cast, 30 counted/);
    assert.match(after, /Everything that the demo made is gone/);
    assert.match(after, /Stopping the container engine: done/);
  });

  test('an interrupted demo leaves an engine of others as it was', async () => {
    const engineSocket = process.env['TUTTI_TEST_ENGINE'] ?? '';
    const before = await readMachineState(engineSocket, [demoDirectory]);
    await using _taken = await takePort(8080);
    const { code, output } = await runDemo({
      signalAt: { line: 'demo_redis 1/1 converged', signal: 'SIGINT' },
    });
    assert.equal(code, 130, output);
    assert.match(output, /Port 8080 of this machine is taken; using 8082/);
    assert.match(output, /Everything that the demo made is gone/);
    assert.deepEqual(await readMachineState(engineSocket, [demoDirectory]), before);
  });

  test('what a killed demo left in an engine of others goes with the next one', async () => {
    const engineSocket = process.env['TUTTI_TEST_ENGINE'] ?? '';
    const before = await readMachineState(engineSocket, [demoDirectory]);
    await runDemo({ signalAt: { line: 'demo_redis 1/1 converged', signal: 'SIGKILL' } });
    assert.notDeepEqual(await readMachineState(engineSocket, [demoDirectory]), before);
    const { code, output } = await runDemo({
      signalAt: { line: 'Starting a Tutti daemon …', signal: 'SIGINT' },
    });
    assert.equal(code, 130, output);
    assert.match(output, /An earlier demo was killed; removing what it left/);
    assert.deepEqual(await readMachineState(engineSocket, [demoDirectory]), before);
  });
});

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

/**
 * Runs on a host of its own, without an engine: starts one, crashes it, and has it back. Its
 * parameters are an image and the archive to load it from.
 */
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runProgram } from '../../tools/bootstrap/run.mjs';
import { requestEngine } from '../../tools/engine/engine-request.ts';
import { startEngine } from '../../tools/engine/start-engine.ts';

const directory = mkdtempSync(join(tmpdir(), 'tutti-crash-'));
const runDirectory = join(directory, 'run');
const [image, archive] = process.argv.slice(2);
assert.ok(image !== undefined && archive !== undefined);
try {
  await using engine = await startEngine({ directory, runDirectory });
  const { socketPath: engineSocket } = engine;
  const docker = async (...parameters: readonly string[]) => {
    const { code, output } = await runProgram('docker', [
      '-H',
      `unix://${engineSocket}`,
      ...parameters,
    ]);
    assert.equal(code, 0, output);
    return output.trim();
  };
  await docker('load', '--input', archive);
  await docker('network', 'create', 'planted');
  await docker('run', '--detach', '--network=planted', '--name=kept', image, 'sleep', '600');
  const state = () => docker('inspect', '--format={{.State.Pid}} {{.State.Running}}', 'kept');
  const before = await state();
  await engine.kill();
  await assert.rejects(requestEngine(engineSocket, { path: '/_ping' }));
  await engine.start();
  assert.equal(await state(), before);
  await engine.kill();
} finally {
  const isLeft = existsSync(runDirectory);
  rmSync(directory, { recursive: true, force: true });
  assert.ok(!isLeft, 'the run directory was left');
}
const { output: links } = await runProgram('ip', ['-brief', 'link']);
assert.ok(!links.includes('br-'), links);
const { output: processes } = await runProgram('ps', ['-e', '-o', 'args']);
assert.ok(!/dockerd|containerd|sleep 600/.test(processes), processes);

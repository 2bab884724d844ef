/**
 * A container engine for Docker Swarm, on a host of its own: Swarm forbids `live-restore`, and two
 * engines on one host would change the same packet filter. Runs in namespaces that `unshare` made,
 * and ends with its standard input.
 *
 *   unshare --net --mount --fork --kill-child node test/docker-parity/swarm-host.ts DIRECTORY RUN
 */
import { mkdir } from 'node:fs/promises';
import { text } from 'node:stream/consumers';
import { runProgram } from '../../tools/bootstrap/run.mjs';
import { startEngine } from '../../tools/engine/start-engine.ts';

const [directory, runDirectory] = process.argv.slice(2);
if (directory === undefined || runDirectory === undefined) {
  throw new Error('two directories are expected');
}
await run('ip', ['link', 'set', 'lo', 'up']);
// What engines keep in fixed places of a machine gets places of its own.
for (const place of ['/etc/docker', '/run/containerd', '/run/docker']) {
  await mkdir(place, { recursive: true });
  await run('mount', ['-t', 'tmpfs', 'tmpfs', place]);
}
{
  await using engine = await startEngine({ directory, runDirectory, liveRestore: false });
  await text(process.stdin);
  // Networks of a swarm cannot be removed one by one.
  await runProgram('docker', ['-H', `unix://${engine.socketPath}`, 'swarm', 'leave', '--force']);
}

async function run(program: string, parameters: readonly string[]): Promise<void> {
  const { code, output } = await runProgram(program, parameters);
  if (code !== 0) throw new Error(`${program} ${parameters.join(' ')} failed: ${output}`);
}

/**
 * Runs on a host of its own, without an engine: an engine that outlives its containers restarts
 * under a service with a health check, and after that the service becomes unhealthy. Its parameter
 * is the archive with the images.
 */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { FaultHost } from '../faults/fault-host.ts';
import { untilRunning, untilTask } from './inspected.ts';

const [imageArchive] = process.argv.slice(2);
assert.ok(imageArchive !== undefined);
const directory = await mkdtemp(join(tmpdir(), 'tutti-health-'));
try {
  await using host = await FaultHost.start(
    {
      engineDirectory: join(directory, 'engine'),
      engineRunDirectory: join('/run', basename(directory)),
      imageArchive,
      liveRestore: true,
    },
    async () => undefined,
  );
  const { node } = host;
  await node.docker('swarm', 'init', '--advertise-addr', '127.0.0.1');
  const check = ['--health-cmd', '! test -e /sick', '--health-interval', '500ms'];
  const more = ['--health-timeout', '2s', '--health-retries', '1', '--restart-delay', '200ms'];
  const image = 'tutti-test/busybox:1';
  await node.docker('service', 'create', '--quiet', '--name', 'patient', ...check, ...more, image);
  const before = await untilRunning(node, 'patient');
  await host.engine.kill();
  await host.engine.start();
  const container = before.Status.ContainerStatus?.ContainerID ?? '';
  await host.exec(container, 'touch', '/sick');
  const failed = await untilTask(node, 'patient', (task) => task.Status.State === 'failed');
  assert.equal(failed.ID, before.ID);
  assert.match(failed.Status.Err ?? '', /unhealthy/);
  await untilTask(
    node,
    'patient',
    (task) => task.ID !== before.ID && task.Status.State === 'running',
  );
  await host.foreign.remove();
  await node.docker('swarm', 'leave', '--force');
} finally {
  await rm(directory, { recursive: true, force: true });
}

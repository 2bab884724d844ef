import assert from 'node:assert/strict';
import { test } from 'node:test';
import { declare, ManagerWorld } from '../../sim/manager-world.ts';
import { stackLabel } from '../model/labels.ts';
import type { StackReport } from '../model/report.ts';
import { watchStack } from './watch.ts';

const labels = { [stackLabel]: 'app' };

function watch(
  world: ManagerWorld,
  signal: AbortSignal,
): { readonly next: () => Promise<StackReport | undefined> } {
  const reply = watchStack(world.control, { name: 'app', signal });
  assert.equal(reply.kind, 'stream');
  const lines = reply.kind === 'stream' ? reply.chunks[Symbol.asyncIterator]() : undefined;
  return {
    next: async () => {
      const line = await lines?.next();
      if (line === undefined || line.done === true) return undefined;
      return JSON.parse(String(line.value)) as StackReport;
    },
  };
}

test('a watcher sees the stack as it is, then each change of it, until it goes away', async () => {
  const { world } = await ManagerWorld.withCluster();
  const stop = new AbortController();
  const reports = watch(world, stop.signal);
  assert.deepEqual((await reports.next())?.services, []);
  const changed = reports.next();
  await world.control.createService(declare('app_web', 1, { spec: { labels } }));
  assert.equal((await changed)?.services[0]?.name, 'app_web');
  await world.settle();
  assert.equal((await reports.next())?.converged, true);
  const end = reports.next();
  stop.abort();
  assert.equal(await end, undefined);
});

test('what happens to other stacks is no news', async () => {
  const { world } = await ManagerWorld.withCluster();
  const stop = new AbortController();
  const reports = watch(world, stop.signal);
  await reports.next();
  let heard = false;
  const next = reports.next().then((report) => {
    heard = report !== undefined;
  });
  await world.control.createService(declare('other', 1));
  await world.settle();
  assert.equal(heard, false);
  stop.abort();
  await next;
});

test('changes that come while the reader is slow become one report', async () => {
  const { world } = await ManagerWorld.withCluster();
  const reports = watch(world, new AbortController().signal);
  await reports.next();
  for (const name of ['app_a', 'app_b', 'app_c']) {
    await world.control.createService(declare(name, 1, { spec: { labels } }));
    await world.settle();
  }
  assert.equal((await reports.next())?.services.length, 3);
});

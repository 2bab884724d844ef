import assert from 'node:assert/strict';
import { test } from 'node:test';
import { declare, ManagerWorld } from '../../sim/manager-world.ts';
import { stackLabel } from '../model/labels.ts';
import type { RestartPolicy } from '../model/template.ts';
import { explainService, explainTask } from './explain.ts';
import { reportStack, reportStatus } from './reports.ts';

async function failing(restart: RestartPolicy): Promise<ManagerWorld> {
  const { world } = await ManagerWorld.withCluster();
  await world.control.createService(
    declare('w', 1, { spec: { labels: { [stackLabel]: 'st' } }, template: { restart } }),
  );
  await world.settle();
  await fail(world);
  return world;
}

async function fail(world: ManagerWorld): Promise<void> {
  const live = [...world.control.view.tasks.all()].find((task) => task.end === undefined);
  const since = world.control.now();
  const reason = { code: 'exited-with-error', message: 'it ended with 3', since } as const;
  await world.agents[0]?.report(live?.id ?? '', { state: 'failed', exitCode: 3, reason });
  await world.settle();
}

test('a task that failed for good is listed, is a problem, and says what to do', async () => {
  const world = await failing({ condition: 'none' });
  const stack = reportStack(world.control, 'st');
  assert.deepEqual(
    stack?.tasks.map(({ name, state, spent }) => [name, state, spent]),
    [['w.1', 'failed', true]],
  );
  assert.equal(stack?.converged, false);
  const status = reportStatus(world.control);
  assert.deepEqual(
    status.problems.map(({ name }) => name),
    ['w.1'],
  );
  assert.match(status.problems[0]?.reason?.hint ?? '', /docker service logs w/);
});

test('a task that was restarted says how the one before it failed', async () => {
  const world = await failing({ condition: 'any' });
  await fail(world);
  const [task] = reportStack(world.control, 'st')?.tasks ?? [];
  assert.equal(task?.restarts, 2);
  assert.equal(task?.failure?.reason.message, 'it ended with 3');
  const { lines } = explainTask(world.control, 'w.1');
  assert.match(lines.join('\n'), /2 restarts so far; the task before it failed .* ended with 3/);
  const why = explainService(world.control, 'w');
  assert.match(why.lines.join('\n'), /2 earlier tasks failed, the last .* ago: it ended with 3/);
});

test('how tasks of an earlier template failed says nothing of the new one', async () => {
  const world = await failing({ condition: 'any' });
  const [service] = [...world.control.view.services.all()];
  assert.ok(service);
  const next = declare('w', 1, {
    spec: { labels: { [stackLabel]: 'st' } },
    template: { restart: { condition: 'any' }, forceUpdate: 1 },
  });
  await world.control.updateService(service.id, next, { version: service.version });
  await world.settle();
  const live = reportStack(world.control, 'st')?.tasks.filter((task) => task.current) ?? [];
  assert.deepEqual(
    live.map(({ failure, restarts }) => [failure, restarts]),
    [[undefined, 0]],
  );
});

test('a name means the task that stands for the slot now', async () => {
  const world = await failing({ condition: 'any' });
  const newest = [...world.control.view.tasks.all()].toSorted(
    (left, right) => right.generation - left.generation,
  )[0];
  assert.ok(explainTask(world.control, 'w.1').subject.includes(newest?.id ?? 'none'));
});

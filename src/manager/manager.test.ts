import assert from 'node:assert/strict';
import { test } from 'node:test';
import { declare, ManagerWorld } from '../../sim/manager-world.ts';

test('a service is declared, planned, placed and addressed in one commit', async () => {
  const { world, agent } = await ManagerWorld.withCluster();
  const service = await world.control.createService(declare('w', 2));
  await world.settle();
  const [commit] = world.commits;
  const tables = commit?.changes.map((change) => change.table).toSorted();
  assert.deepEqual(tables, ['services', 'tasks', 'tasks', 'templates']);
  const tasks = world.liveTasks(service);
  assert.deepEqual(
    tasks.map((task) => [task.slot, task.nodeId, task.desired]),
    [
      [1, 'node-1', 'running'],
      [2, 'node-1', 'running'],
    ],
  );
  assert.equal(agent.tasks.length, 2);
  for (const task of tasks) assert.equal(world.control.taskStatus(task).state, 'running');
});

test('a killed task is replaced in one commit', async () => {
  const { world, agent } = await ManagerWorld.withCluster();
  const service = await world.control.createService(declare('w', 1));
  await world.settle();
  const [before] = world.liveTasks(service);
  assert.ok(before);
  world.commits.length = 0;
  await agent.report(before.id, { state: 'failed', exitCode: 137 });
  await world.settle();
  const [after] = world.liveTasks(service);
  assert.ok(after);
  assert.notEqual(after.id, before.id);
  assert.equal(after.desired, 'running');
  assert.equal(world.commits.length, 1);
  assert.equal(world.control.view.tasks.get(before.id)?.end?.state, 'failed');
  assert.equal(world.control.taskStatus(after).state, 'running');
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { taskContainerName } from './container-name.ts';

test('a container is named after service, slot and task; a global one after its node', () => {
  const task = { taskId: 't1', serviceName: 'st_web', slot: 3 };
  assert.equal(taskContainerName(task, 'node-a'), 'st_web.3.t1');
  assert.equal(taskContainerName({ ...task, slot: 0 }, 'node-a'), 'st_web.node-a.t1');
});

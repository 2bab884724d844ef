import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ObservedTask } from '../model/task.ts';
import { ObservedState } from './observed-state.ts';

function observed(fields: Partial<ObservedTask>): ObservedTask {
  return { taskId: 't', state: 'running', since: 100, containers: [], hostPorts: [], ...fields };
}

const same = { sentAt: 500, receivedAt: 500 };

test('a task never goes backwards', () => {
  const state = new ObservedState();
  assert.equal(state.report(observed({ state: 'running' }), same), true);
  assert.equal(state.report(observed({ state: 'preparing' }), same), false);
  assert.equal(state.task('t')?.state, 'running');
});

test('the first end of a task stays', () => {
  const state = new ObservedState();
  state.report(observed({ state: 'complete', exitCode: 0 }), same);
  assert.equal(state.report(observed({ state: 'failed', exitCode: 1 }), same), false);
  assert.equal(state.task('t')?.exitCode, 0);
});

test('times are shifted from the clock of the sender to ours', () => {
  const state = new ObservedState();
  const reason = { code: 'pulling-image', message: 'bb:1 is pulled', since: 90 } as const;
  const times = { sentAt: 1_000, receivedAt: 50_000 };
  state.report(observed({ state: 'preparing', since: 400, reason }), times);
  assert.equal(state.task('t')?.since, 49_400);
  assert.equal(state.task('t')?.reason?.since, 49_090);
});

test('nothing happened in our future, whatever the sender says', () => {
  const state = new ObservedState();
  state.report(observed({ since: 9_000 }), { sentAt: 1_000, receivedAt: 50_000 });
  assert.equal(state.task('t')?.since, 50_000);
});

test('a report that took longer on its way says nothing new', () => {
  const state = new ObservedState();
  state.report(observed({}), { sentAt: 500, receivedAt: 500 });
  assert.equal(state.report(observed({}), { sentAt: 500, receivedAt: 530 }), false);
  assert.equal(state.task('t')?.since, 100);
});

test('a container that turns unhealthy is news though the state is the same', () => {
  const state = new ObservedState();
  const container = { name: 'main', containerId: 'c' };
  state.report(observed({ containers: [{ ...container, health: 'healthy' }] }), same);
  const sick = observed({ containers: [{ ...container, health: 'unhealthy' }] });
  assert.equal(state.report(sick, same), true);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { NodeViewChange, TaskAssignment } from '../model/assignment.ts';
import { HeldRemovals } from './held-removals.ts';
import { NodeState } from './node-state.ts';

function task(taskId: string, serviceLabels: Record<string, string> = {}): TaskAssignment {
  return {
    taskId,
    serviceId: 's',
    serviceName: 's',
    serviceLabels,
    slot: 1,
    templateId: 't',
    desired: 'running',
    addresses: [],
    ended: false,
  };
}

const put = (value: TaskAssignment): NodeViewChange => ({ put: 'task', value });

/** The tasks that stay when a whole view names only these. */
function stays(
  before: readonly TaskAssignment[],
  named: readonly string[],
  how: { readonly mayGo?: readonly string[] } = {},
): readonly string[] {
  const state = new NodeState();
  state.apply(before.map(put));
  const removals = new HeldRemovals();
  const changes = before.filter(({ taskId }) => named.includes(taskId)).map(put);
  const mayGo = new Set(how.mayGo ?? []);
  state.replace(removals.keep(changes, { view: state, mayGo, isRunning: () => true }));
  assert.equal(removals.count, state.tasks.size - named.length);
  return [...state.tasks.keys()].toSorted();
}

const four = ['a', 'b', 'c', 'd'].map((id) => task(id));

test('more than half of what runs, and three at least, stays where a manager does not know it', () => {
  assert.deepEqual(stays(four, []), ['a', 'b', 'c', 'd']);
  assert.deepEqual(stays(four, ['a']), ['a', 'b', 'c', 'd']);
});

test('half of it goes, and so do two', () => {
  assert.deepEqual(stays(four, ['a', 'b']), ['a', 'b']);
  assert.deepEqual(stays(four.slice(0, 2), []), []);
});

test('it goes once a person has looked, once', () => {
  const removals = new HeldRemovals();
  const state = new NodeState();
  state.apply(four.map(put));
  const of = { view: state, mayGo: new Set<string>(), isRunning: () => true };
  assert.equal(removals.accept(), 0, 'nothing is held yet');
  assert.equal(removals.keep([], of).length, 4);
  assert.equal(removals.accept(), 4);
  assert.equal(removals.keep([], of).length, 0);
  assert.equal(removals.keep([], of).length, 4);
});

test('what the node made by itself, and what must not run twice, is not held', () => {
  assert.deepEqual(stays(four, [], { mayGo: ['a', 'b'] }), []);
  const fenced = four.map(({ taskId }) => task(taskId, { 'dev.tutti.fence': 'true' }));
  assert.deepEqual(stays(fenced, []), []);
});

test('what is held keeps its template, its networks and its secrets', () => {
  const state = new NodeState();
  const template = {
    templateId: 't',
    spec: { containers: [], networks: [], hostPorts: [], forceUpdate: 0 },
  };
  const data = { id: 'd', kind: 'secret', data: '' } as const;
  state.apply([
    { put: 'template', value: template },
    { put: 'data', value: data },
    ...four.map(put),
  ]);
  const removals = new HeldRemovals();
  const of = { view: state, mayGo: new Set<string>(), isRunning: () => true };
  state.replace(removals.keep([put(task('new'))], of));
  assert.deepEqual([...state.templates.keys(), ...state.data.keys()], ['t', 'd']);
  assert.equal(state.tasks.size, 5);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AloneStart } from '../../src/model/assignment.ts';
import type { Service } from '../../src/model/service.ts';
import type { Task, TaskEnd } from '../../src/model/task.ts';
import { aloneStart } from '../../src/orchestrator/alone-start.ts';
import { MemoryTables } from './memory-tables.ts';
import { serviceRow } from './rows.ts';

const reason = { code: 'exited', message: 'finished', since: 5 } as const;
const end: TaskEnd = { state: 'failed', at: 5, reason };

function row(id: string, change: Partial<Task> = {}): Task {
  return {
    id,
    serviceId: 's',
    slot: 1,
    nodeId: 'here',
    templateId: 'p',
    generation: 1,
    createdAt: 1_000,
    desired: 'ready',
    addresses: [],
    restarts: [],
    ...change,
  };
}

/** What the agent may do with `next`, beside another task of its slot. */
function startOf(next: Task, other: Task, service: Partial<Service> = {}): AloneStart | undefined {
  const tables = new MemoryTables();
  const row = { ...serviceRow('s', { templateId: 'p' }), ...service };
  tables.update((tx) => {
    tx.services.put(row);
    tx.tasks.put(next);
    tx.tasks.put(other);
  });
  return aloneStart(tables.view, { service: row, task: next });
}

const next = row('next', { generation: 2, startAfter: 9_000 });
const over = row('old', { desired: 'shutdown', end });

test('a restart that waits for its time may start by itself then', () => {
  assert.deepEqual(startOf(next, over), { desired: 'running', notBefore: 9_000, after: [] });
});

test('a successor may start when the task before it has stopped on the same node', () => {
  const stopping = row('old', { desired: 'shutdown' });
  const expected = { desired: 'running', notBefore: 9_000, after: ['old'] };
  assert.deepEqual(startOf(next, stopping), expected);
  assert.equal(startOf(next, { ...stopping, nodeId: 'there' }), undefined);
});

test('only a manager starts what another serves for, what runs, and what is on its way out', () => {
  assert.equal(startOf(next, row('old', { desired: 'running' })), undefined);
  assert.equal(startOf({ ...next, desired: 'running' }, over), undefined);
  assert.equal(startOf({ ...next, end }, over), undefined);
  assert.equal(startOf(next, over, { removing: true }), undefined);
});

test('what waits for a dependency waits for a manager', () => {
  const { spec } = serviceRow('s', { templateId: 'p' });
  const dependsOn = [{ service: 'other', condition: 'started', required: true }] as const;
  assert.equal(startOf(next, over, { spec: { ...spec, dependsOn } }), undefined);
});

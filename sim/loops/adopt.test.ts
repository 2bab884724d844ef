import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Attachment } from '../../src/model/attachment.ts';
import type { Service } from '../../src/model/service.ts';
import type { StandIn } from '../../src/model/stand-in.ts';
import type { ObservedTask, Task, TaskEnd } from '../../src/model/task.ts';
import type { TaskState } from '../../src/model/task-state.ts';
import { adoptStandIns } from '../../src/orchestrator/adopt.ts';
import { applySteps } from '../../src/orchestrator/step.ts';
import { isCurrent } from '../../src/store/schema.ts';
import { MemoryTables } from './memory-tables.ts';
import { nodeRow, serviceRow, templateSpec } from './rows.ts';

const now = 100_000;
const address = { networkId: 'n', address: '10.0.1.3/24' };
const end: TaskEnd = {
  state: 'failed',
  at: 50_000,
  reason: { code: 'exited-with-error', message: 'x', since: 50_000 },
};

function row(id: string, change: Partial<Task> = {}): Task {
  return {
    id,
    serviceId: 's',
    slot: 1,
    nodeId: 'here',
    templateId: 'p',
    generation: 1,
    createdAt: 1_000,
    desired: 'running',
    addresses: [address],
    restarts: [],
    ...change,
  };
}

function seen(taskId: string, state: TaskState): ObservedTask {
  return { taskId, state, since: 60_000, containers: [], hostPorts: [] };
}

function standIn(taskId: string, attempts: number): StandIn {
  const restarts = Array.from({ length: attempts }, (_, index) => 70_000 + index);
  return { taskId, originId: 'old', createdAt: 70_000 + attempts, attempts, restarts };
}

/** Adopts a row of stand-ins of the task `old`; the node sees what `observed` says. */
function adopt(given: {
  readonly tasks: readonly Task[];
  readonly standIns?: readonly StandIn[];
  readonly observed?: Readonly<Record<string, TaskState>>;
  readonly attachment?: Attachment;
  readonly maxAttempts?: number;
  /** Another service that came meanwhile. */
  readonly newcomer?: Service;
}): (id: string) => Task | undefined {
  const tables = new MemoryTables();
  const observed = given.observed ?? { old: 'failed', new: 'running' };
  const { maxAttempts = 0 } = given;
  tables.update((tx) => {
    tx.nodes.put(nodeRow('here'));
    tx.nodes.put(nodeRow('there'));
    tx.services.put(serviceRow('s', { templateId: 'p' }));
    const spec = { ...templateSpec(), restart: { maxAttempts } };
    tx.templates.put({ id: 'p', serviceId: 's', spec });
    for (const task of given.tasks) tx.tasks.put(task);
    if (given.newcomer !== undefined) tx.services.put(given.newcomer);
    if (given.attachment !== undefined) tx.attachments.put(given.attachment);
  });
  tables.update((tx) => {
    const plan = adoptStandIns(tx, 'old', {
      nodeId: 'here',
      standIns: given.standIns ?? [standIn('new', 1)],
      observed: (id) => (observed[id] === undefined ? undefined : seen(id, observed[id])),
      runningSince: () => undefined,
      now,
    });
    applySteps(tx, plan.steps);
  });
  const current = [...tables.view.tasks.by('slot', 's/1')].filter(isCurrent);
  assert.ok(current.length <= 1, 'a slot has one current task');
  return (id) => tables.view.tasks.get(id);
}

test('a stand-in takes the place of the task that ended, with all that was wanted of it', () => {
  const task = adopt({ tasks: [row('old', { evicted: true, rollout: 'started' })] });
  assert.equal(task('old')?.end?.state, 'failed');
  assert.equal(task('old')?.desired, 'shutdown');
  const { desired, nodeId, addresses, generation, evicted, rollout } = task('new') ?? {};
  assert.deepEqual(
    { desired, nodeId, addresses, generation, evicted, rollout },
    {
      desired: 'running',
      nodeId: 'here',
      addresses: [address],
      generation: 1,
      evicted: true,
      rollout: undefined,
    },
  );
  assert.equal(task('new')?.end, undefined);
});

test('restarts of both kinds are counted, and those in between become history', () => {
  const task = adopt({
    tasks: [row('old', { restarts: [5], attempts: 1 })],
    standIns: [standIn('first', 1), standIn('third', 3)],
    observed: { old: 'failed', first: 'complete', third: 'running' },
    maxAttempts: 9,
  });
  assert.equal(task('first')?.end?.state, 'complete');
  assert.equal(task('first')?.desired, 'shutdown');
  assert.equal(task('third')?.attempts, 4);
  assert.deepEqual(task('third')?.restarts, [5, 70_000, 70_001, 70_002]);
});

test('what was adopted before is not adopted again', () => {
  const tasks = [
    row('old', { desired: 'shutdown', end }),
    row('first', { attempts: 1, restarts: [70_000] }),
  ];
  const task = adopt({
    tasks,
    standIns: [standIn('first', 1), standIn('second', 2)],
    observed: { old: 'failed', first: 'failed', second: 'running' },
    maxAttempts: 9,
  });
  assert.equal(task('first')?.end?.state, 'failed');
  assert.equal(task('second')?.attempts, 2);
  assert.equal(task('second')?.desired, 'running');
});

test('an elder stays one: its successor elsewhere keeps the place', () => {
  const successor = row('next', { generation: 2, nodeId: 'there', addresses: [] });
  const task = adopt({ tasks: [row('old', { outgoing: true }), successor] });
  assert.equal(task('new')?.outgoing, true);
  assert.equal(task('new')?.desired, 'running');
  assert.equal(task('next')?.desired, 'running');
});

for (const desired of ['shutdown', 'removed'] as const) {
  test(`what stood in for a task that is desired ${desired} is told the same`, () => {
    const task = adopt({ tasks: [row('old', { desired })] });
    assert.equal(task('new')?.desired, desired);
  });
}

const over = row('old', { desired: 'shutdown', end });

test('a restart that nobody can have started gives way to the stand-in', () => {
  const other = { networkId: 'n', address: '10.0.1.4/24' };
  const here = adopt({ tasks: [over, row('next', { generation: 2, addresses: [other] })] });
  assert.equal(here('next')?.desired, 'removed');
  assert.equal(here('new')?.desired, 'running');
  const { nodeId: _, ...unplaced } = row('next', { generation: 2, addresses: [] });
  const nowhere = adopt({ tasks: [over, unplaced] });
  assert.equal(nowhere('next'), undefined);
  assert.equal(nowhere('new')?.desired, 'running');
});

const kept: readonly (readonly [string, Task, Readonly<Record<string, TaskState>>?])[] = [
  ['it is on another node', row('next', { generation: 2, nodeId: 'there', addresses: [] })],
  [
    'the node has it',
    row('next', { generation: 2, addresses: [] }),
    { old: 'failed', new: 'running', next: 'ready' },
  ],
  ['an update made it', row('next', { generation: 2, addresses: [], rollout: 'starting' })],
  ['it got the address', row('next', { generation: 2 })],
];
for (const [why, next, observed] of kept) {
  test(`the successor stays and the stand-in goes where ${why}`, () => {
    const task = adopt({ tasks: [over, next], ...(observed && { observed }) });
    assert.equal(task('next')?.desired, 'running');
    assert.equal(task('new')?.desired, 'shutdown');
    assert.equal(task('new')?.retirement?.code, 'superseded');
  });
}

test('nobody gets the address of a stand-in twice', () => {
  const task = adopt({ tasks: [over, row('next', { generation: 2 })] });
  assert.deepEqual(task('new')?.addresses, []);
});

test('a stand-in goes where a service got its address as a virtual one meanwhile', () => {
  const newcomer = { ...serviceRow('t', { templateId: 'p' }), virtualAddresses: [address] };
  const task = adopt({ tasks: [over], newcomer });
  assert.deepEqual(task('new')?.addresses, []);
  assert.equal(task('new')?.desired, 'shutdown');
});

test('a stand-in goes where a container that is no task got its address meanwhile', () => {
  const attachment = { id: 'a', nodeId: 'there', createdAt: 60_000, ...address };
  const task = adopt({ tasks: [row('old', { desired: 'shutdown', end })], attachment });
  assert.deepEqual(task('new')?.addresses, []);
});

test('a task that is not there, or on another node, has no stand-in', () => {
  assert.equal(adopt({ tasks: [] })('new'), undefined);
  assert.equal(adopt({ tasks: [row('old', { nodeId: 'there' })] })('new'), undefined);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TaskAssignment } from '../model/assignment.ts';
import type { StandIn } from '../model/stand-in.ts';
import type { ObservedTask } from '../model/task.ts';
import type { TaskState } from '../model/task-state.ts';
import type { RestartPolicy } from '../model/template.ts';
import { decideStandIn, startsAloneAt } from './stand-in.ts';

const now = 1_000_000;
const none = { attempts: 0, restarts: [] };

function assigned(change: Partial<TaskAssignment> = {}): TaskAssignment {
  return {
    taskId: 't1',
    serviceId: 's1',
    serviceName: 'web',
    serviceLabels: {},
    slot: 1,
    templateId: 'p1',
    desired: 'running',
    addresses: [],
    ended: false,
    ...change,
  };
}

function seen(state: TaskState, since: number): ObservedTask {
  return { taskId: 't1', state, since, containers: [], hostPorts: [] };
}

function decide(given: {
  readonly assignment?: Partial<TaskAssignment>;
  readonly state?: TaskState;
  readonly endedAt?: number;
  readonly policy?: RestartPolicy;
  readonly past?: Pick<StandIn, 'attempts' | 'restarts'>;
  readonly aloneFrom?: number | undefined;
}) {
  return decideStandIn({
    assignment: assigned(given.assignment),
    observed: seen(given.state ?? 'failed', given.endedAt ?? now),
    policy: given.policy,
    past: given.past ?? none,
    aloneFrom: 'aloneFrom' in given ? given.aloneFrom : now - 10_000,
    now,
  });
}

test('what ends on a node that is alone is restarted at once', () => {
  const counters = { attempts: 1, restarts: [now] };
  assert.deepEqual(decide({}), { kind: 'make', counters });
});

const left: readonly (readonly [string, Parameters<typeof decide>[0]])[] = [
  ['a manager decides', { aloneFrom: undefined }],
  ['it runs', { state: 'running' }],
  ['it was told to stop', { assignment: { desired: 'shutdown' } }],
  ['it was removed', { assignment: { desired: 'removed' } }],
  ['it was not to be started yet', { assignment: { desired: 'ready' } }],
  ['a manager has its end', { assignment: { ended: true } }],
  ['it must not run twice', { assignment: { serviceLabels: { 'dev.tutti.fence': 'true' } } }],
  ['its policy restarts nothing', { policy: { condition: 'none' } }],
  [
    'it ended well, and only failures count',
    { policy: { condition: 'on-failure' }, state: 'complete' },
  ],
  ['the task of a job is complete', { assignment: { desired: 'complete' }, state: 'complete' }],
];
for (const [why, given] of left) {
  test(`a task is left to a manager where ${why}`, () => {
    assert.deepEqual(decide(given), { kind: 'leave' });
  });
}

test('restarts under a manager and without one count together', () => {
  const policy = { maxAttempts: 3 };
  const assignment = { restarts: [1, 2], attempts: 2 };
  const made = decide({ policy, assignment });
  assert.deepEqual(made, { kind: 'make', counters: { attempts: 1, restarts: [now] } });
  const past = { attempts: 1, restarts: [now - 60_000] };
  assert.deepEqual(decide({ policy, assignment, past }), { kind: 'leave' });
});

test('a declared delay counts from the end, back-off from restarts of both kinds', () => {
  const delayed = decide({ policy: { delayMs: 7_000 }, endedAt: now - 1_000 });
  assert.deepEqual(delayed, { kind: 'wait', until: now + 6_000 });
  const crashing = decide({
    assignment: { restarts: [now - 3_000, now - 2_000] },
    past: { attempts: 1, restarts: [now - 1_000] },
  });
  assert.deepEqual(crashing, { kind: 'wait', until: now + 400 });
});

test('what is due before the node is alone waits for that', () => {
  assert.deepEqual(decide({ aloneFrom: now + 2_000 }), { kind: 'wait', until: now + 2_000 });
});

test('what was prepared starts alone at its time, once what it follows has ended', () => {
  const alone = { desired: 'running', notBefore: now + 1_000, after: ['t0'] } as const;
  const assignment = assigned({ desired: 'ready', alone });
  const when = (hasEnded: boolean, aloneFrom: number | undefined): number | undefined =>
    startsAloneAt(assignment, { aloneFrom, hasEnded: () => hasEnded });
  assert.equal(when(true, now), now + 1_000);
  assert.equal(when(true, now + 5_000), now + 5_000);
  assert.equal(when(false, now), undefined);
  assert.equal(when(true, undefined), undefined);
  const unsaid = startsAloneAt(assigned({ desired: 'ready' }), {
    aloneFrom: now,
    hasEnded: () => true,
  });
  assert.equal(unsaid, undefined);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ReasonCode } from '../model/reason.ts';
import type { ServiceReport, StackReport, TaskReport } from '../model/report.ts';
import { DeployJudge } from './deploy-judge.ts';

const settleMs = 1_000;
const patienceMs = 10_000;

function judge(changed: readonly string[] = []): DeployJudge {
  const services = new Set(['a', 'b']);
  return new DeployJudge({ services, changed: new Set(changed), settleMs, patienceMs });
}

function task(service: string, fields: Partial<TaskReport> = {}): TaskReport {
  return {
    id: service,
    name: `${service}.1`,
    service,
    slot: 1,
    image: 'x',
    desired: 'running',
    state: 'running',
    since: 0,
    current: true,
    restarts: 0,
    ...fields,
  };
}

function because(code: ReasonCode): Pick<TaskReport, 'state' | 'reason'> {
  return { state: 'starting', reason: { code, message: code, since: 0 } };
}

const failure = {
  taskId: 'before',
  at: 0,
  reason: { code: 'exited-with-error', message: 'it ended with 1', since: 0 },
} as const;

const failing = { ...because('waiting-to-restart'), restarts: 2, failure } as const;
const running = task('a');

/** Services are converged when their task runs, or came to a good end. */
function report(
  tasks: readonly TaskReport[],
  fields: Partial<Record<string, Partial<ServiceReport>>> = {},
): StackReport {
  const services = tasks.map((one): ServiceReport => {
    const isUp = one.state === 'running' || one.state === 'complete';
    return {
      id: one.service,
      name: one.service,
      mode: 'replicated',
      image: 'x',
      wanted: 1,
      running: one.state === 'running' ? 1 : 0,
      completed: one.state === 'complete' ? 1 : 0,
      converged: isUp,
      ports: [],
      removing: false,
      ...fields[one.service],
    };
  });
  const converged = services.every((service) => service.converged);
  return { name: 'st', services, tasks, networks: [], secrets: [], configs: [], converged };
}

test('what runs must go on to run for a moment', () => {
  const one = judge();
  one.observe(report([running, task('b')]), 0);
  assert.equal(one.verdict(settleMs - 1), 'waiting');
  assert.equal(one.verdict(settleMs), 'done');
});

test('a service of the stack that was not deployed is not waited for', () => {
  const one = judge();
  one.observe(report([running, task('b'), task('old', failing)]), 0);
  assert.equal(one.verdict(settleMs), 'done');
});

test('a service that is not there yet is waited for', () => {
  const one = judge();
  one.observe(report([running]), 0);
  assert.equal(one.verdict(patienceMs * 10), 'waiting');
});

test('what crashes runs for a moment each time, and that is no good end', () => {
  const one = judge();
  for (let now = 0; now < patienceMs; now += settleMs) {
    one.observe(report([running, task('b', { restarts: 2, failure })]), now);
    assert.equal(one.verdict(now + settleMs / 2), 'waiting');
    one.observe(report([running, task('b', failing)]), now + settleMs / 2);
    assert.equal(one.verdict(now + settleMs / 2), 'waiting');
  }
  assert.equal(one.verdict(patienceMs), 'hopeless');
});

test('what crashed and recovered is done after a longer look', () => {
  const one = judge();
  one.observe(report([running, task('b', { restarts: 2, failure })]), 0);
  assert.equal(one.verdict(settleMs), 'waiting');
  assert.equal(one.verdict(settleMs * 5), 'done');
});

test('a task without a node is given up when patience ends, and not before', () => {
  const one = judge();
  one.observe(report([running, task('b', because('constraint-unmet'))]), 0);
  assert.equal(one.verdict(patienceMs - 1), 'waiting');
  assert.equal(one.verdict(patienceMs), 'hopeless');
});

test('as long as another is on its way, nothing is given up', () => {
  const one = judge();
  const stuck = task('b', because('constraint-unmet'));
  one.observe(report([task('a', because('pulling-image')), stuck]), 0);
  assert.equal(one.verdict(patienceMs * 10), 'waiting');
  one.observe(report([running, stuck]), patienceMs * 10);
  assert.equal(one.verdict(patienceMs * 11 - 1), 'waiting', 'patience begins anew');
  assert.equal(one.verdict(patienceMs * 11), 'hopeless');
});

test('what failed for good ends the wait at once, with those that wait for it', () => {
  const one = judge();
  const failed = task('a', { state: 'failed', spent: true, failure });
  one.observe(report([failed, task('b', because('waiting-for-dependency'))]), 0);
  assert.equal(one.verdict(0), 'hopeless');
});

test('what failed for good waits for others that may still fail or recover', () => {
  const one = judge();
  const failed = task('a', { state: 'failed', spent: true });
  one.observe(report([failed, task('b', failing)]), 0);
  assert.equal(one.verdict(patienceMs - 1), 'waiting');
  assert.equal(one.verdict(patienceMs), 'hopeless');
});

test('what failed for good waits for what is on its way', () => {
  const one = judge();
  const failed = task('a', { state: 'failed', spent: true });
  one.observe(report([failed, task('b', because('pulling-image'))]), 0);
  assert.equal(one.verdict(patienceMs * 10), 'waiting');
});

test('a task that came to a good end is no trouble', () => {
  const one = judge();
  one.observe(report([task('a', { state: 'complete', spent: true }), task('b')]), 0);
  assert.equal(one.verdict(settleMs), 'done');
});

test('an update that was rolled back is a failure of the deploy that made it alone', () => {
  const fields = {
    b: {
      update: { state: 'rollback_completed', startedAt: 0, message: 'back', failures: 1, slots: 1 },
    },
  } as const;
  const mine = judge(['b']);
  mine.observe(report([running, task('b')], fields), 0);
  assert.equal(mine.verdict(0), 'hopeless');
  const settling = judge(['b']);
  settling.observe(report([running, task('b', because('pulling-image'))], fields), 0);
  assert.equal(settling.verdict(0), 'hopeless');
  const anothers = judge();
  anothers.observe(report([running, task('b')], fields), 0);
  assert.equal(anothers.verdict(settleMs), 'done');
});

test('an update that paused is given up at once', () => {
  const one = judge(['b']);
  const update = {
    state: 'paused',
    startedAt: 0,
    message: 'failed',
    failures: 1,
    slots: 1,
  } as const;
  one.observe(report([running, task('b', failing)], { b: { update } }), 0);
  assert.equal(one.verdict(0), 'hopeless');
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import type { TaskAssignment } from '../model/assignment.ts';
import type { DesiredState } from '../model/task-state.ts';
import type { Situation } from './situation.ts';
import { step } from './step.ts';

type Container = NonNullable<Situation['container']>;

function assigned(desired: DesiredState): TaskAssignment {
  return {
    taskId: 'task1',
    serviceId: 'service1',
    serviceName: 'web',
    serviceLabels: {},
    slot: 1,
    templateId: 'template1',
    desired,
    addresses: [],
    ended: false,
  };
}

function container(changes: Partial<Container>): Container {
  return {
    id: 'c1',
    name: 'web.1.task1',
    labels: {},
    state: 'running',
    outOfMemory: false,
    health: 'none',
    ...changes,
  };
}

function situation(changes: Partial<Situation>): Situation {
  return {
    assignment: assigned('running'),
    spec: undefined,
    now: 1_000,
    prepared: true,
    missingData: [],
    whole: true,
    healthSince: undefined,
    container: undefined,
    started: false,
    released: false,
    departsUntil: undefined,
    condemned: undefined,
    heldUp: false,
    setback: undefined,
    end: undefined,
    ...changes,
  };
}

/** What a person would see, and what is done: `state / reason → action`. */
function told(changes: Partial<Situation>): string {
  const { state, reason, action } = step(situation(changes));
  const done = action.kind === 'end' ? `end ${action.end.state}` : action.kind;
  return `${state} / ${reason?.code ?? '-'} → ${done}`;
}

test('a task goes from nothing to running, one step at a time', () => {
  const table: readonly (readonly [Partial<Situation>, string])[] = [
    [{ prepared: false }, 'preparing / pulling-image → prepare'],
    [{}, 'preparing / creating-container → create'],
    [{ container: container({ state: 'created' }) }, 'starting / starting-container → start'],
    [
      { container: container({ health: 'starting' }), started: true },
      'starting / waiting-for-health → wait',
    ],
    [{ container: container({ health: 'healthy' }), started: true }, 'running / - → wait'],
    [{ container: container({}), started: true }, 'running / - → wait'],
  ];
  for (const [changes, expected] of table) assert.equal(told(changes), expected);
});

test('a task that is wanted ready is prepared and created, and not started', () => {
  const assignment = assigned('ready');
  assert.equal(told({ assignment }), 'preparing / creating-container → create');
  assert.equal(
    told({ assignment, container: container({ state: 'created' }) }),
    'ready / waiting-for-predecessor → wait',
  );
});

test('a container that an agent before this one may have left half made is made anew', () => {
  const half = { whole: false, container: container({ state: 'created' }) };
  assert.equal(told(half), 'preparing / creating-container → create');
  assert.equal(told({ ...half, prepared: false }), 'preparing / pulling-image → prepare');
  assert.equal(told({ ...half, missingData: ['key'] }), 'accepted / secret-unavailable → wait');
  assert.equal(told({ whole: false, container: container({}) }), 'running / - → wait');
});

test('each way to end has its state and its reason', () => {
  const exited = (exitCode: number, more: Partial<Container> = {}): Partial<Situation> => ({
    started: true,
    container: container({ state: 'exited', exitCode, ...more }),
  });
  const table: readonly (readonly [Partial<Situation>, string])[] = [
    [exited(0), 'complete / exited → end complete'],
    [exited(3), 'failed / exited-with-error → end failed'],
    [exited(137, { outOfMemory: true }), 'failed / out-of-memory → end failed'],
    [exited(127, { error: 'no such program' }), 'failed / start-failed → end failed'],
    [{ started: true }, 'failed / container-lost → end failed'],
    [
      { started: true, container: container({ state: 'created', error: 'no such program' }) },
      'failed / start-failed → end failed',
    ],
  ];
  for (const [changes, expected] of table) assert.equal(told(changes), expected);
});

test('a task that becomes unhealthy is condemned, released, stopped, and has failed', () => {
  const sick = container({ health: 'unhealthy', healthLog: 'connection refused' });
  const { action } = step(situation({ started: true, container: sick }));
  assert.equal(action.kind, 'condemn');
  const condemned = action.kind === 'condemn' ? action.reason : undefined;
  assert.match(condemned?.message ?? '', /connection refused/);
  const doomed = { started: true, condemned } as const;
  assert.equal(told({ ...doomed, container: sick }), 'starting / unhealthy → release');
  assert.equal(told({ ...doomed, released: true, container: sick }), 'starting / unhealthy → stop');
  const gone = container({ state: 'exited', exitCode: 0 });
  assert.equal(told({ ...doomed, container: gone }), 'failed / unhealthy → end failed');
});

test('a health check that an engine forgot with its restart is resumed', () => {
  const seen = (lastAt?: number): Partial<Situation> => ({
    started: true,
    healthSince: 1_000,
    container: container({
      health: 'healthy',
      healthCheck: { periodMs: 4_000, ...(lastAt !== undefined && { lastAt }) },
    }),
  });
  const early = step(situation({ ...seen(900), now: 2_000 }));
  assert.deepEqual(early, { state: 'running', action: { kind: 'wait', until: 10_000 } });
  assert.equal(told({ ...seen(900), now: 10_000 }), 'running / - → resume-health-check');
  assert.equal(told({ ...seen(), now: 10_000 }), 'running / - → resume-health-check');
  assert.equal(told({ ...seen(1_500), now: 10_000 }), 'running / - → wait');
  assert.equal(told({ ...seen(900), healthSince: undefined, now: 10_000 }), 'running / - → wait');
  const plain = container({ health: 'none' });
  assert.equal(told({ ...seen(), container: plain, now: 10_000 }), 'running / - → wait');
});

test('nobody is led to a task before it is told to stop', () => {
  for (const assignment of [assigned('shutdown'), assigned('removed'), undefined]) {
    const up = { assignment, started: true, container: container({}) };
    assert.match(told(up), /→ release$/);
    assert.match(told({ ...up, released: true }), /→ stop$/);
  }
});

test('a task is told to stop once other nodes lead nobody to it, or when they took too long', () => {
  const up = { assignment: assigned('shutdown'), started: true, container: container({}) };
  const released = { ...up, released: true, departsUntil: 3_000 };
  assert.match(told({ ...released, now: 2_999 }), /→ wait$/);
  assert.match(told({ ...released, now: 3_000 }), /→ stop$/);
  assert.match(told({ ...released, departsUntil: undefined, now: 2_999 }), /→ stop$/);
  const over = container({ state: 'exited', exitCode: 0 });
  assert.match(told({ ...released, container: over, now: 2_999 }), /→ end shutdown$/);
});

test('a task that never ran is stopped without a container', () => {
  const assignment = assigned('shutdown');
  assert.equal(told({ assignment, prepared: false }), 'shutdown / stopped → end shutdown');
});

test('what is assigned no more is cleaned away, also after its end', () => {
  const end = {
    state: 'failed',
    reason: { code: 'exited-with-error', message: 'x', since: 0 },
  } as const;
  assert.equal(told({ assignment: undefined, end }), 'shutdown / stopping → clean');
  assert.equal(told({ end }), 'failed / exited-with-error → wait');
});

test('a task waits for secrets that no manager has sent, and says which', () => {
  const { reason } = step(situation({ missingData: ['db_password'] }));
  assert.equal(reason?.code, 'secret-unavailable');
  assert.match(reason?.message ?? '', /db_password/);
});

test('after a setback the task waits until the time to try again', () => {
  const reason = { code: 'container-engine-unavailable', message: 'gone', since: 900 } as const;
  const early = step(situation({ prepared: false, setback: { reason, retryAt: 1_500 } }));
  assert.deepEqual(early.action, { kind: 'wait', until: 1_500 });
  assert.equal(early.reason?.code, 'container-engine-unavailable');
  assert.match(told({ prepared: false, setback: { reason, retryAt: 1_000 } }), /→ prepare$/);
  const leaving = { assignment: undefined, container: container({}), released: true };
  const held = step(situation({ ...leaving, setback: { reason, retryAt: 1_500 } }));
  assert.deepEqual(held.action, { kind: 'wait', until: 1_500 });
  assert.match(told({ ...leaving, setback: { reason, retryAt: 1_000 } }), /→ stop$/);
});

test('whatever the situation, whoever is not running has a reason', () => {
  const flags = fc.record({
    assignment: fc.constantFrom(undefined, ...(['ready', 'running', 'removed'] as const)),
    prepared: fc.boolean(),
    whole: fc.boolean(),
    started: fc.boolean(),
    released: fc.boolean(),
    state: fc.constantFrom(undefined, 'created', 'running', 'exited', 'removing', 'dead'),
    health: fc.constantFrom('none', 'starting', 'healthy', 'unhealthy'),
    exitCode: fc.constantFrom(0, 1, 137),
    missing: fc.boolean(),
  });
  fc.assert(
    fc.property(flags, (flag) => {
      const { state, health, exitCode } = flag;
      const decision = step(
        situation({
          assignment: flag.assignment === undefined ? undefined : assigned(flag.assignment),
          prepared: flag.prepared,
          whole: flag.whole,
          started: flag.started,
          released: flag.released,
          missingData: flag.missing ? ['secret'] : [],
          container: state === undefined ? undefined : container({ state, health, exitCode }),
        }),
      );
      assert.ok(decision.state === 'running' || decision.reason !== undefined);
    }),
  );
});

test('a task that must not run twice is killed, not stopped, when the lease of its node is over', () => {
  const fenced = 'lease-over' as const;
  const running = { container: container({}), started: true, fenced };
  assert.equal(told(running), 'starting / fenced → kill');
  const stopping = { ...running, assignment: assigned('shutdown'), released: true };
  assert.equal(told(stopping), 'starting / fenced → kill');
  const { action } = step(situation(running));
  const condemned = action.kind === 'kill' ? action.reason : undefined;
  const exited = { container: container({ state: 'exited', exitCode: 137 }), started: true };
  assert.equal(told({ ...exited, fenced, condemned }), 'failed / fenced → end failed');
});

test('while the lease is over a task that must not run twice is prepared and not started', () => {
  const fenced = 'lease-over' as const;
  const created = { container: container({ state: 'created' }) };
  assert.equal(told({ ...created, fenced }), 'ready / fenced → wait');
  const waiting = step(situation({ ...created, fenced: 'unguarded' }));
  assert.match(waiting.reason?.message ?? '', /the process that would stop it/);
  assert.equal(told(created), 'starting / starting-container → start');
  assert.equal(told({ fenced, prepared: false }), 'preparing / pulling-image → prepare');
});

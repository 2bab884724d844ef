import type { Reason, ReasonCode } from '../model/reason.ts';
import type { DesiredState } from '../model/task-state.ts';
import type { Decision, SeenEnd, Situation, TaskAction } from './situation.ts';

/** A result of a health check may be this late before the engine counts as having forgotten it. */
const healthSlackMs = 5_000;

/**
 * The next step of a task: pure, at most one transition a call (after swarmkit
 * agent/exec/controller.go). Whoever carries the action out looks again and asks again, until the
 * answer is `wait`.
 */
export function step(situation: Situation): Decision {
  const { assignment, end } = situation;
  if (assignment === undefined) return leave(situation);
  if (end !== undefined) {
    return { state: end.state, reason: end.reason, action: { kind: 'wait' } };
  }
  if (situation.setback !== undefined && situation.now < situation.setback.retryAt) {
    const { reason, retryAt } = situation.setback;
    return { state: stateBefore(situation), reason, action: { kind: 'wait', until: retryAt } };
  }
  if (situation.fenced !== undefined) return fenced(situation);
  return wanted(situation, assignment.desired);
}

function wanted(situation: Situation, desired: DesiredState): Decision {
  switch (desired) {
    case 'shutdown':
    case 'removed':
      return stopping(situation);
    case 'ready':
    case 'running':
    case 'complete':
      return situation.condemned === undefined
        ? running(situation)
        : stopCondemned(situation, situation.condemned);
  }
}

const fenceWords = {
  'lease-over': {
    message: 'the node has not reached a manager in time, and the task must not run twice',
    hint: 'It runs again, here or elsewhere, once managers and nodes reach each other.',
  },
  unguarded: {
    message: 'waiting for the process that would stop it if the daemon could not',
    hint: 'If it does not start within seconds, the log of the daemon says why `tutti guard-fence` does not run.',
  },
} as const satisfies Readonly<Record<NonNullable<Situation['fenced']>, object>>;

/** Nothing runs and nothing is started while another task may have the slot elsewhere. */
function fenced(situation: Situation): Decision {
  const { assignment, container } = situation;
  const reason = because(situation, {
    code: 'fenced',
    ...fenceWords[situation.fenced ?? 'lease-over'],
  });
  if (container !== undefined && isAlive(container.state)) {
    return { state: 'starting', reason, action: { kind: 'kill', reason } };
  }
  const decision = wanted(situation, assignment?.desired ?? 'removed');
  if (decision.action.kind !== 'start') return decision;
  return { state: 'ready', reason, action: { kind: 'wait' } };
}

function because(
  situation: Situation,
  reason: { readonly code: ReasonCode; readonly message: string; readonly hint?: string },
): Reason {
  return { ...reason, since: situation.now };
}

function stateBefore(situation: Situation): Decision['state'] {
  if (situation.container === undefined) return 'preparing';
  return situation.container.state === 'created' ? 'ready' : 'starting';
}

/** The task is not assigned any more: nothing of it stays. */
function leave(situation: Situation): Decision {
  const { setback } = situation;
  if (setback !== undefined && situation.now < setback.retryAt) {
    const action = { kind: 'wait', until: setback.retryAt } as const;
    return { state: 'shutdown', reason: setback.reason, action };
  }
  const reason = because(situation, { code: 'stopping', message: 'the task is being removed' });
  const isUp = situation.container !== undefined && isAlive(situation.container.state);
  if (isUp && !situation.released)
    return { state: 'shutdown', reason, action: { kind: 'release' } };
  if (isUp) return { state: 'shutdown', reason, action: { kind: 'stop' } };
  return { state: 'shutdown', reason, action: { kind: 'clean' } };
}

type ContainerState = NonNullable<Situation['container']>['state'];

function isAlive(state: ContainerState): boolean {
  return state === 'running' || state === 'paused' || state === 'restarting';
}

function stopping(situation: Situation): Decision {
  const { container, departsUntil } = situation;
  if (container !== undefined && isAlive(container.state)) {
    if (departsUntil !== undefined && situation.now < departsUntil) {
      const reason = because(situation, {
        code: 'stopping',
        message: 'other nodes are told to lead nobody to it any more; then it is told to stop',
      });
      return { state: 'starting', reason, action: { kind: 'wait', until: departsUntil } };
    }
    const reason = because(situation, {
      code: 'stopping',
      message: 'the container was told to stop',
    });
    const action = situation.released
      ? ({ kind: 'stop' } as const)
      : ({ kind: 'release' } as const);
    return { state: 'starting', reason, action };
  }
  const exitCode = container?.exitCode;
  const reason = because(situation, { code: 'stopped', message: 'stopped as asked' });
  return ending({
    state: 'shutdown',
    reason,
    ...(exitCode !== undefined && { exitCode }),
  });
}

function ending(end: SeenEnd): Decision {
  return { state: end.state, reason: end.reason, action: { kind: 'end', end } };
}

function stopCondemned(situation: Situation, reason: Reason): Decision {
  const { container } = situation;
  if (container !== undefined && isAlive(container.state)) {
    const action = situation.released
      ? ({ kind: 'stop' } as const)
      : ({ kind: 'release' } as const);
    return { state: 'starting', reason, action };
  }
  const exitCode = container?.exitCode;
  return ending({ state: 'failed', reason, ...(exitCode !== undefined && { exitCode }) });
}

function running(situation: Situation): Decision {
  const { container } = situation;
  if (container === undefined) return withoutContainer(situation);
  // Whoever made it may have been stopped halfway: it is made anew.
  const mayBeHalf = container.state === 'created' && !situation.whole && !situation.started;
  if (mayBeHalf) return withoutContainer(situation);
  switch (container.state) {
    case 'created':
      return created(situation, container);
    case 'running':
    case 'paused':
    case 'restarting':
      return alive(situation, container);
    case 'removing':
    case 'exited':
    case 'dead':
      return exited(situation, container);
  }
}

function withoutContainer(situation: Situation): Decision {
  if (situation.started) {
    const reason = because(situation, {
      code: 'container-lost',
      message: 'the container is gone from the container engine',
    });
    return ending({ state: 'failed', reason });
  }
  if (situation.missingData.length > 0) {
    const reason = because(situation, {
      code: 'secret-unavailable',
      message: `waiting for a manager to send ${situation.missingData.join(', ')}`,
      hint: 'The task starts when the node reaches a manager.',
    });
    return { state: 'accepted', reason, action: { kind: 'wait' } };
  }
  if (!situation.prepared) {
    const image = situation.spec?.image ?? '';
    const reason = because(situation, {
      code: 'pulling-image',
      message: `getting ${image} and its networks ready`,
    });
    return { state: 'preparing', reason, action: { kind: 'prepare' } };
  }
  const reason = because(situation, {
    code: 'creating-container',
    message: 'creating the container',
  });
  return { state: 'preparing', reason, action: { kind: 'create' } };
}

type Container = NonNullable<Situation['container']>;

function created(situation: Situation, container: Container): Decision {
  if (situation.assignment?.desired === 'ready' || situation.heldUp) {
    const reason = because(situation, {
      code: 'waiting-for-predecessor',
      message: situation.heldUp
        ? 'waiting for the task that stood in for it to stop'
        : 'ready to start when the manager says so',
    });
    return { state: 'ready', reason, action: { kind: 'wait' } };
  }
  if (situation.started && container.error !== undefined) {
    const reason = because(situation, { code: 'start-failed', message: container.error });
    return ending({
      state: 'failed',
      reason,
      ...(container.exitCode !== undefined && { exitCode: container.exitCode }),
    });
  }
  const reason = because(situation, {
    code: 'starting-container',
    message: 'starting the container',
  });
  return { state: 'starting', reason, action: { kind: 'start' } };
}

function alive(situation: Situation, container: Container): Decision {
  switch (container.health) {
    case 'none':
    case 'healthy':
      return { state: 'running', action: watchHealth(situation, container) };
    case 'starting': {
      const reason = because(situation, {
        code: 'waiting-for-health',
        message: 'waiting for the health check to pass',
        ...(container.healthLog !== undefined && { hint: `It said: ${container.healthLog}` }),
      });
      return { state: 'starting', reason, action: watchHealth(situation, container) };
    }
    case 'unhealthy': {
      const said = container.healthLog === undefined ? '' : `: ${container.healthLog}`;
      const reason = because(situation, {
        code: 'unhealthy',
        message: `task: unhealthy container${said}`,
      });
      return { state: 'starting', reason, action: { kind: 'condemn', reason } };
    }
  }
}

/**
 * An engine that restarted under its containers may have forgotten to check their health. One that
 * is found paused may be so because an agent before this one was stopped while it resumed the
 * check.
 */
function watchHealth(situation: Situation, container: Container): TaskAction {
  const { healthSince, now } = situation;
  const { healthCheck } = container;
  if (healthSince === undefined || healthCheck === undefined) return { kind: 'wait' };
  if (healthCheck.lastAt !== undefined && healthCheck.lastAt >= healthSince) {
    return { kind: 'wait' };
  }
  const dueAt = healthSince + healthCheck.periodMs + healthSlackMs;
  return now < dueAt ? { kind: 'wait', until: dueAt } : { kind: 'resume-health-check' };
}

function exited(situation: Situation, container: Container): Decision {
  const exitCode = container.exitCode ?? 0;
  if (container.outOfMemory) {
    const reason = because(situation, {
      code: 'out-of-memory',
      message: `the container was killed for using too much memory (exit code ${exitCode})`,
      hint: 'Raise its memory limit.',
    });
    return ending({ state: 'failed', reason, exitCode });
  }
  if (container.error !== undefined && container.pid === undefined && exitCode !== 0) {
    const reason = because(situation, { code: 'start-failed', message: container.error });
    return ending({ state: 'failed', reason, exitCode });
  }
  if (exitCode === 0) {
    const reason = because(situation, { code: 'exited', message: 'finished with exit code 0' });
    return ending({ state: 'complete', reason, exitCode });
  }
  const reason = because(situation, {
    code: 'exited-with-error',
    message: `task: non-zero exit (${exitCode})`,
  });
  return ending({ state: 'failed', reason, exitCode });
}

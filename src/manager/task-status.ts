import type { Instant } from '../model/instant.ts';
import type { Observed } from '../model/observed.ts';
import type { Reason, ReasonCode } from '../model/reason.ts';
import type { ObservedTask, Task } from '../model/task.ts';
import { compareTaskStates } from '../model/task-state.ts';
import { firstUnmet } from '../orchestrator/dependencies.ts';
import { isLive, slotKey } from '../store/schema.ts';
import type { View } from '../store/view.ts';
import type { TaskStatus } from './control-plane.ts';

export interface StatusSources {
  readonly view: View;
  readonly observed: Observed;
  readonly now: Instant;
  /** Why the task could not be placed when it was tried last. */
  placementRefusal(taskId: string): Reason | undefined;
}

/** Joins a task's row with what is observed of it. Whatever is not running gets a reason. */
export function taskStatus(task: Task, sources: StatusSources): TaskStatus {
  const observed = sources.observed.task(task.id);
  const about = observed === undefined ? { task } : { task, observed };
  const { end } = task;
  if (end !== undefined) return { ...about, state: end.state, since: end.at, reason: end.reason };
  if (task.nodeId === undefined) {
    const reason = whyUnplaced(task, sources);
    return { ...about, state: 'pending', since: reason.since, reason };
  }
  if (observed === undefined) {
    const reason = whyUnheard(task, { ...sources, nodeId: task.nodeId });
    return { ...about, state: 'assigned', since: task.createdAt, reason };
  }
  const { state, since } = observed;
  if (state === 'running') return { ...about, state, since };
  return { ...about, state, since, reason: whyNotRunning(task, { ...sources, seen: observed }) };
}

function whyUnplaced(task: Task, sources: StatusSources): Reason {
  const refusal = sources.placementRefusal(task.id);
  if (refusal !== undefined) return refusal;
  if (!isLive(task)) return stopping(task, task.createdAt);
  const message = 'the task waits for the scheduler to choose a node';
  return reason('awaiting-placement', message, task.createdAt);
}

function whyUnheard(task: Task, sources: StatusSources & { readonly nodeId: string }): Reason {
  if (!isLive(task)) return stopping(task, task.createdAt);
  const name = sources.view.nodes.get(sources.nodeId)?.description.hostname ?? sources.nodeId;
  const node = sources.observed.node(sources.nodeId);
  if (node?.state === 'ready') {
    return reason('awaiting-node', `node ${name} has not accepted the task yet`, task.createdAt);
  }
  const since = node?.since ?? task.createdAt;
  return {
    ...reason('node-unreachable', `node ${name} has no session with the manager`, since),
    hint: 'Look whether its daemon runs.',
  };
}

function whyNotRunning(
  task: Task,
  sources: StatusSources & { readonly seen: ObservedTask },
): Reason {
  const { seen } = sources;
  if (compareTaskStates(seen.state, 'running') > 0) {
    return seen.reason ?? reason('exited', `the task is ${seen.state}`, seen.since);
  }
  if (!isLive(task)) return seen.reason ?? stopping(task, seen.since);
  if (task.desired === 'ready' && seen.state === 'ready') return whyHeld(task, sources);
  if (seen.reason !== undefined) return seen.reason;
  return reason(progressCode(seen.state), `the task is ${seen.state} on its node`, seen.since);
}

const awaited = {
  started: 'runs',
  healthy: 'is healthy',
  'completed-successfully': 'has completed successfully',
} as const;

/** It is prepared and may not start yet. */
function whyHeld(task: Task, sources: StatusSources & { readonly seen: ObservedTask }): Reason {
  const { view, now, seen } = sources;
  const service = view.services.get(task.serviceId);
  const unmet = service === undefined ? undefined : firstUnmet(view, service);
  if (unmet !== undefined) {
    const message = `the task waits until ${unmet.service} ${awaited[unmet.condition]}`;
    return {
      ...reason('waiting-for-dependency', message, seen.since),
      hint: `tutti why service ${unmet.service} says what holds that one up.`,
    };
  }
  if (task.startAfter !== undefined && task.startAfter > now) {
    const message = `the task is started in ${Math.ceil((task.startAfter - now) / 1_000)} s`;
    return reason('waiting-to-restart', message, seen.since);
  }
  for (const other of view.tasks.by('slot', slotKey(task))) {
    if (other.id === task.id || other.end !== undefined) continue;
    const message = `the task waits until task ${other.id} of the same slot has stopped`;
    return reason('waiting-for-predecessor', message, seen.since);
  }
  return reason(
    'update-in-progress',
    'the task is started when the update comes to it',
    seen.since,
  );
}

function stopping(task: Task, since: Instant): Reason {
  const { retirement } = task;
  if (retirement === undefined) return reason('stopping', 'the task was told to stop', since);
  return reason('stopping', `the task stops: ${retirement.message}`, retirement.since);
}

function progressCode(state: ObservedTask['state']): ReasonCode {
  if (state === 'preparing') return 'creating-container';
  return state === 'ready' || state === 'starting' ? 'starting-container' : 'awaiting-node';
}

function reason(code: ReasonCode, message: string, since: Instant): Reason {
  return { code, message, since };
}

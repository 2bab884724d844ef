import type { Instant } from '../model/instant.ts';
import type { Reason } from '../model/reason.ts';
import type { Service } from '../model/service.ts';
import type { ObservedTask, Task, TaskEnd } from '../model/task.ts';
import type { EndState } from '../model/task-state.ts';
import { isEndState } from '../model/task-state.ts';
import { isWanted } from '../store/schema.ts';
import type { View } from '../store/view.ts';
import { isJob } from './new-task.ts';
import type { Plan } from './plan.ts';
import { nothingToDo, PlanDraft, reasonOf } from './plan.ts';
import { slotUnit } from './unit.ts';
import { isInProgress, updateSettings } from './update-settings.ts';

/**
 * What a reported end makes durable: the end itself and the counters that follow from it, in one
 * transaction. `follow` names the slot, to be planned in that transaction too. An end that is
 * known, or of a task that is not, changes nothing.
 */
export function recordEnd(
  view: View,
  observed: ObservedTask,
  known: {
    readonly now: Instant;
    /** When the task began to run, where that was observed. */
    readonly runningSince?: Instant;
  },
): Plan {
  const task = view.tasks.get(observed.taskId);
  if (task === undefined || task.end !== undefined || !isEndState(observed.state)) {
    return nothingToDo;
  }
  const draft = new PlanDraft();
  const end = endOf(task, observed, observed.state);
  draft.push({ kind: 'end-task', taskId: task.id, end });
  const service = view.services.get(task.serviceId);
  if (service !== undefined && isWanted(task)) {
    countEnd(view, draft, { service, task, end, ...known });
  }
  draft.follow(slotUnit(task));
  return draft.finish();
}

/** A task that was told to go ends for the reason why it was told so. */
function endOf(task: Task, observed: ObservedTask, state: EndState): TaskEnd {
  const said = observed.reason ?? unsaid(observed);
  const asked = task.retirement;
  const reason =
    asked === undefined || state !== 'shutdown' ? said : { ...asked, since: observed.since };
  const end = { state, at: observed.since, reason };
  return observed.exitCode === undefined ? end : { ...end, exitCode: observed.exitCode };
}

function unsaid(observed: ObservedTask): Reason {
  const code = observed.state === 'complete' ? 'exited' : 'stopped';
  return reasonOf(code, { message: `the task is ${observed.state}`, since: observed.since });
}

function countEnd(
  view: View,
  draft: PlanDraft,
  of: {
    readonly service: Service;
    readonly task: Task;
    readonly end: TaskEnd;
    readonly now: Instant;
    readonly runningSince?: Instant;
  },
): void {
  const { service, task, end } = of;
  const { id: serviceId } = service;
  if (isJob(service)) {
    if (end.state === 'complete' && task.iteration !== undefined) {
      draft.push({ kind: 'count-completion', serviceId, iteration: task.iteration });
    }
    draft.follow({ kind: 'update', serviceId });
    return;
  }
  // Its turn in the update is over, whether that counts it or not.
  if (task.rollout !== undefined) draft.follow({ kind: 'update', serviceId });
  if (task.move?.turn === 'held') {
    draft.follow({ kind: 'moves', serviceId });
    endMove(view, draft, of);
  }
  if (!isInProgress(service) || task.templateId !== service.templateId) return;
  if (!isFailureOfUpdate(view, of)) return;
  draft.push({ kind: 'settle-rollout', taskId: task.id, rollout: 'failed' });
  draft.push({ kind: 'fail-update', serviceId, taskId: task.id, at: of.now });
}

/** A task that fails after a rebalance moved it ends the rebalance of its service. */
function endMove(
  view: View,
  draft: PlanDraft,
  of: {
    readonly service: Service;
    readonly task: Task;
    readonly end: TaskEnd;
    readonly now: Instant;
  },
): void {
  const { service, task, end, now } = of;
  if (task.move?.cause !== 'rebalance') return;
  const node = view.nodes.get(task.nodeId ?? '')?.description.hostname ?? 'its new node';
  const message = `${service.spec.name}.${task.slot} ended on ${node}: ${end.reason.message}`;
  draft.push({ kind: 'end-rebalance', serviceId: service.id, at: now, message });
}

/** It was made by the update, and left before it ran for the monitored time. */
function isFailureOfUpdate(
  view: View,
  of: {
    readonly service: Service;
    readonly task: Task;
    readonly end: TaskEnd;
    readonly runningSince?: Instant;
  },
): boolean {
  const { service, task, end, runningSince } = of;
  if (task.rollout !== 'starting' && task.rollout !== 'started') return false;
  const condition = view.templates.get(task.templateId)?.spec.restart?.condition ?? 'any';
  // A task that is meant to come to an end did what it was for.
  if (end.state === 'complete' && condition !== 'any') return false;
  const { monitorMs } = updateSettings(service);
  if (runningSince !== undefined) return end.at - runningSince < monitorMs;
  // It ran under another manager: how long is not known, but until when the update watches is.
  return task.rollout === 'starting' || end.at < (service.update?.watchUntil ?? 0);
}

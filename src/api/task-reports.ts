import type { ControlPlane } from '../manager/control-plane.ts';
import type { Reason } from '../model/reason.ts';
import type { TaskFailure, TaskReport } from '../model/report.ts';
import type { Task } from '../model/task.ts';
import { isEndState } from '../model/task-state.ts';
import { isWanted, slotKey } from '../store/schema.ts';
import { withHint } from './hints.ts';

/** A task as a person wants to see it. */
export function reportTask(controlPlane: ControlPlane, task: Task): TaskReport {
  const { view } = controlPlane;
  const service = view.services.get(task.serviceId);
  const node = task.nodeId === undefined ? undefined : view.nodes.get(task.nodeId);
  const { state, since, reason } = controlPlane.taskStatus(task);
  const serviceName = service?.spec.name ?? task.serviceId;
  const nodeName = node?.description.hostname;
  const image = view.templates.get(task.templateId)?.spec.containers[0]?.image ?? '';
  const scope = { service: serviceName, image };
  const failure = failureBefore(controlPlane, task);
  const isGlobal = service?.spec.mode.kind.startsWith('global') ?? task.slot === 0;
  return {
    id: task.id,
    name: `${serviceName}.${isGlobal ? (nodeName ?? task.nodeId ?? '') : task.slot}`,
    service: serviceName,
    slot: task.slot,
    image,
    desired: task.desired,
    state,
    since,
    current: task.templateId === service?.templateId,
    restarts: task.restarts.length,
    ...(task.nodeId !== undefined && { nodeId: task.nodeId }),
    ...(nodeName !== undefined && { nodeName }),
    ...(reason !== undefined && { reason: reportReason(reason, { task, scope }) }),
    ...(failure !== undefined && {
      failure: { ...failure, reason: withHint(failure.reason, scope) },
    }),
    ...(task.spent === true && { spent: true }),
  };
}

function reportReason(
  reason: Reason,
  about: { readonly task: Task; readonly scope: Parameters<typeof withHint>[1] },
): Reason {
  // After a good end that is to stay there is nothing to do.
  if (about.task.spent === true && about.task.end?.state === 'complete') return reason;
  return withHint(reason, about.scope);
}

/** How the latest task before this one failed, in its slot and under its template. */
function failureBefore({ view }: ControlPlane, task: Task): TaskFailure | undefined {
  let latest: Task | undefined;
  for (const other of view.tasks.by('slot', slotKey(task))) {
    if (other.generation >= task.generation || other.templateId !== task.templateId) continue;
    if (latest === undefined || other.generation > latest.generation) latest = other;
  }
  const end = latest?.end;
  if (latest === undefined || end === undefined) return undefined;
  if (end.state !== 'failed' && end.state !== 'rejected') return undefined;
  return {
    taskId: latest.id,
    at: end.at,
    reason: end.reason,
    ...(end.exitCode !== undefined && { exitCode: end.exitCode }),
  };
}

/** Tasks of a service that are wanted, not yet stopped, or stand for their slot after their end. */
export function activeTasks(controlPlane: ControlPlane, serviceId: string): readonly TaskReport[] {
  return [...controlPlane.view.tasks.by('service', serviceId)]
    .filter(
      (task) =>
        isWanted(task) || task.spent === true || !isEndState(controlPlane.taskStatus(task).state),
    )
    .map((task) => reportTask(controlPlane, task))
    .toSorted((left, right) => left.slot - right.slot || left.since - right.since);
}

/** Whether a task should run and does not, or failed for good. */
export function isProblem(task: TaskReport): boolean {
  if (task.spent === true) return task.state !== 'complete';
  return (task.desired === 'running' || task.desired === 'ready') && task.state !== 'running';
}

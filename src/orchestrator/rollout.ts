import type { Task } from '../model/task.ts';
import type { View } from '../store/view.ts';
import { mayStart } from './dependencies.ts';
import type { PlanContext } from './plan.ts';
import type { Slot } from './slot.ts';
import { updateSettings } from './update-settings.ts';

/**
 * How long an update waits for a new task that has no node, or whose node does not answer. Swarm
 * waits for ever, and its failure action never comes; after this the task counts as a failure.
 */
const placementPatienceMs = 30_000;
/**
 * How long an update waits for a task that an agent prepares and starts: large images take long.
 */
const startPatienceMs = 15 * 60_000;

/**
 * Follows a task that an update made until it ran for the update's delay, or was waited for too
 * long.
 */
export function planRollout(view: View, slot: Slot, context: PlanContext): void {
  const { head, service, draft } = slot;
  if (head === undefined || head.end !== undefined || head.rollout !== 'starting') return;
  const { now } = context;
  const observed = context.observed.task(head.id);
  if (observed?.state === 'running') {
    const { delayMs, monitorMs } = updateSettings(service);
    const settledAt = observed.since + delayMs;
    if (settledAt > now) {
      draft.wake(settledAt);
      return;
    }
    slot.step({ kind: 'settle-rollout', taskId: head.id, rollout: 'started' });
    draft.push({
      kind: 'watch-update',
      serviceId: service.id,
      until: observed.since + monitorMs,
    });
    draft.follow({ kind: 'update', serviceId: service.id });
    return;
  }
  const deadline = deadlineOf(view, slot, { head, context });
  if (deadline === undefined) return;
  if (deadline > now) {
    draft.wake(deadline);
    return;
  }
  slot.step({ kind: 'settle-rollout', taskId: head.id, rollout: 'failed' });
  draft.push({ kind: 'fail-update', serviceId: service.id, taskId: head.id, at: now });
  draft.follow({ kind: 'update', serviceId: service.id });
}

/** When waiting for the head ends; never while the task before it is still stopping. */
export function deadlineOf(
  view: View,
  slot: Slot,
  of: { readonly head: Task; readonly context: PlanContext },
): number | undefined {
  const { head, context } = of;
  if (slot.leaving.length > 0) return undefined;
  const freeSince = slot.tasks
    .filter((task) => task !== head && task.end !== undefined)
    .reduce((latest, task) => Math.max(latest, task.end?.at ?? 0), head.createdAt);
  const since = workedOnSince(head, context);
  if (since === undefined) return undefined;
  const isReady =
    head.nodeId !== undefined && context.observed.node(head.nodeId)?.state === 'ready';
  const isHeld = !mayStart(view, slot.service);
  const patienceMs = isReady || isHeld ? startPatienceMs : placementPatienceMs;
  return Math.max(freeSince, since) + patienceMs;
}

/**
 * Since when this manager has the scheduler or the node as it is to work on the head; undefined: it
 * was not tried yet, or a manager that has just started has not heard of the node. What was before
 * is no fault of the update.
 */
function workedOnSince(head: Task, context: PlanContext): number | undefined {
  if (head.nodeId === undefined) return context.refusedSince(head.id);
  const node = context.observed.node(head.nodeId);
  return node === undefined || node.state === 'unknown' ? undefined : node.since;
}

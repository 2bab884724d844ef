import type { Service, UpdateStatus } from '../model/service.ts';
import type { Task } from '../model/task.ts';
import { isLive, slotKey } from '../store/schema.ts';
import type { View } from '../store/view.ts';
import { isClean } from './eviction.ts';
import { acceptsTasks } from './global.ts';
import { planJobProgress } from './job.ts';
import { isJob } from './new-task.ts';
import type { Plan, PlanContext } from './plan.ts';
import { nothingToDo, PlanDraft } from './plan.ts';
import { planSlotTasks, replaceHead } from './slot-tasks.ts';
import { slotOf } from './slot.ts';
import { isInProgress, isPaused, isRollback, updateSettings } from './update-settings.ts';

/**
 * Begins, carries on or ends the replacement of tasks that are not what the service declares.
 * Counts come from indexes: the cost is that of the slots taken now, not that of all slots.
 */
export function planUpdate(view: View, serviceId: string, context: PlanContext): Plan {
  const service = view.services.get(serviceId);
  if (service === undefined || service.removing === true) return nothingToDo;
  if (isJob(service)) return planJobProgress(view, service, context);
  if (isPaused(service)) return nothingToDo;
  const draft = new PlanDraft();
  const inFlight = view.tasks.count('rollout', service.templateId);
  const moving = view.tasks.count('moving', serviceId);
  begin(view, service, { draft, context });
  const { parallelism } = updateSettings(service);
  const free = parallelism === 0 ? Number.POSITIVE_INFINITY : parallelism - inFlight - moving;
  const taken = takeSlots(view, service, { draft, context, free });
  if (taken === 0 && inFlight === 0) complete(service, { draft, context });
  return draft.finish();
}

/**
 * Sets the status where an update begins; a rollback has one already, without its count of slots.
 * What another declaration finds half replaced is part of its update: it may fail it, too.
 */
function begin(
  view: View,
  service: Service,
  of: { readonly draft: PlanDraft; readonly context: PlanContext },
): void {
  const { id: serviceId, update } = service;
  if (update !== undefined && (update.slots > 0 || !isInProgress(service))) return;
  const started = [...view.tasks.by('rollout', service.templateId)];
  // Those that are misplaced count as outdated already.
  const placed = started.filter((task) => task.misplaced !== true);
  const slots = countOutdated(view, service) + placed.length;
  if (slots === 0) return;
  const fresh: UpdateStatus = {
    state: 'updating',
    startedAt: of.context.now,
    message: 'update in progress',
    failures: 0,
    slots,
  };
  const status = update === undefined ? fresh : { ...update, slots };
  of.draft.push({ kind: 'set-update', serviceId, update: status });
}

/** Replaces up to `free` tasks; returns how many it took, or would have taken were there room. */
function takeSlots(
  view: View,
  service: Service,
  of: { readonly draft: PlanDraft; readonly context: PlanContext; readonly free: number },
): number {
  const { draft, context } = of;
  let { free } = of;
  let taken = 0;
  for (const task of outdated(view, service)) {
    if (!canBeReplaced(view, task, context)) continue;
    const isDisturbed = task.move?.turn === 'held';
    if (!isDisturbed && free <= 0) return Math.max(taken, 1);
    if (draft.steps.length >= context.stepsLeft) {
      draft.follow({ kind: 'update', serviceId: service.id });
      return Math.max(taken, 1);
    }
    const slot = slotOf(view, { service, slotKey: slotKey(task) });
    planSlotTasks(view, slot, context);
    const { head } = slot;
    if (head?.id === task.id && !isClean(view, { service, task: head, now: context.now })) {
      const made = { templateId: service.templateId, restarts: [], rollout: 'starting' } as const;
      replaceHead(view, slot, { context, with: made });
      taken += 1;
      if (!isDisturbed) free -= 1;
    }
    draft.add(slot.draft.finish());
  }
  return taken;
}

/** A global service's task on a node that takes no tasks now waits until the node does. */
function canBeReplaced(view: View, task: Task, context: PlanContext): boolean {
  if (task.targetNodeId === undefined) return true;
  const node = view.nodes.get(task.targetNodeId);
  return node !== undefined && acceptsTasks(node, context.observed);
}

function complete(
  service: Service,
  of: { readonly draft: PlanDraft; readonly context: PlanContext },
): void {
  const { update } = service;
  const { draft, context } = of;
  if (update === undefined || !isInProgress(service)) return;
  const { watchUntil } = update;
  if (watchUntil !== undefined && watchUntil > context.now) {
    draft.wake(watchUntil);
    return;
  }
  const isBack = isRollback(service);
  draft.push({
    kind: 'set-update',
    serviceId: service.id,
    update: {
      ...update,
      state: isBack ? 'rollback_completed' : 'completed',
      completedAt: context.now,
      message: isBack ? 'rollback completed' : 'update completed',
    },
  });
}

/**
 * Tasks that stand for their slots and are not what the service declares. Those whose start a move
 * or an earlier update still waits for come first: their slots are disturbed already.
 */
function* outdated(view: View, service: Service): Generator<Task> {
  const others = [...view.templates.by('service', service.id)].filter(
    (template) => template.id !== service.templateId,
  );
  const isMoving = (task: Task): boolean => task.move?.turn === 'held' && isLive(task);
  for (const task of view.tasks.by('moving', service.id)) {
    const isRight = task.templateId === service.templateId && task.misplaced !== true;
    if (!isRight) yield task;
  }
  for (const { id } of others) {
    for (const task of view.tasks.by('rollout', id)) {
      if (!isMoving(task)) yield task;
    }
  }
  for (const { id } of others) {
    for (const task of view.tasks.by('current', id)) {
      if (isMoving(task)) continue;
      if (task.rollout !== 'starting' || task.end !== undefined) yield task;
    }
  }
  for (const task of view.tasks.by('misplaced', service.templateId)) {
    if (!isMoving(task)) yield task;
  }
}

function countOutdated(view: View, service: Service): number {
  let count = view.tasks.count('misplaced', service.templateId);
  for (const { id } of view.templates.by('service', service.id)) {
    if (id !== service.templateId) count += view.tasks.count('current', id);
  }
  return count;
}

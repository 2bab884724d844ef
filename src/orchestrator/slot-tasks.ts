import type { Reason } from '../model/reason.ts';
import type { Service } from '../model/service.ts';
import type { Task, TaskMove } from '../model/task.ts';
import type { RestartPolicy } from '../model/template.ts';
import { isLive } from '../store/schema.ts';
import type { View } from '../store/view.ts';
import { hasLeft, isClean, isLost, reasonToEvict } from './eviction.ts';
import { planHandover } from './handover.ts';
import { trimHistory } from './history.ts';
import { markMisplaced } from './misplaced.ts';
import { isJob, newTask, placeAfter } from './new-task.ts';
import { keepsElder, needsTurn, planTurn } from './move.ts';
import { isHeadLost, mayTakeBack } from './node-down.ts';
import type { PlanContext } from './plan.ts';
import { reasonOf } from './plan.ts';
import { isWantedElsewhere } from './rebalance-progress.ts';
import { planPromotion } from './promotion.ts';
import { removalReason } from './removal.ts';
import type { RestartDecision } from './restart.ts';
import { carried, decideRestart } from './restart.ts';
import { planRollout } from './rollout.ts';
import { removeAll } from './slot.ts';
import type { Slot } from './slot.ts';
import { isPaused } from './update-settings.ts';

/**
 * What to do about the tasks of one slot, whatever changed in it: ends what is lost, removes what
 * is to be removed, restarts, moves, hands over, promotes, and trims the history. Costs what the
 * slot holds.
 */
export function planSlotTasks(view: View, slot: Slot, context: PlanContext): void {
  for (const task of slot.tasks) {
    if (isLost(view, task)) endLost(slot, { task, context });
  }
  const { service } = slot;
  if (service.removing === true) removeAll(slot, removalReason(service, context.now));
  for (const task of slot.tasks) {
    if (isOfPastIteration(service, task)) removeTask(slot, task, pastIteration(service, context));
    else if (isTargetGone(view, task)) removeTask(slot, task, nodeGone(context));
  }
  sweepRemoved(slot);
  markMisplaced(view, slot, context);
  if (slot.head !== undefined) settleHead(view, slot, context);
  trimHistory(view, slot);
}

function settleHead(view: View, slot: Slot, context: PlanContext): void {
  const { service } = slot;
  giveUpUnwantedHead(view, slot, context);
  for (const elder of slot.elders) {
    if (elder.end !== undefined) slot.retire(elder, supersededBy(slot, context));
  }
  const { head } = slot;
  if (head === undefined || head.spent === true) return;
  if (head.end !== undefined) {
    if (!keepsElder(slot, context)) {
      for (const elder of slot.elders) slot.retire(elder, supersededBy(slot, context));
    }
    restart(view, slot, { head, context });
    return;
  }
  if (isHeadLost(slot, context)) replaceHead(view, slot, { context, with: moved(head) });
  else if (slot.elders.length > 0) planHandover(view, slot, context);
  else evict(view, slot, { service, head, context });
  planPromotion(view, slot, context);
  planRollout(view, slot, context);
  planTurn(view, slot, context);
}

/**
 * Keeps the elder where the head that was to replace it failed and the update stopped there, or
 * where the head is not what is wanted any more and the elder is: a rollback, or a drain that was
 * called off.
 */
function giveUpUnwantedHead(view: View, slot: Slot, context: PlanContext): void {
  const { head, service } = slot;
  const elder = slot.elders.at(-1);
  if (head === undefined || elder === undefined) return;
  const { now } = context;
  const isServing = head.end === undefined && context.observed.task(head.id)?.state === 'running';
  const isDone = isJob(service) && elder.end?.state === 'complete';
  const isBack = mayTakeBack({ head, elder }, context);
  const isRight =
    isDone ||
    (isBack &&
      isClean(view, { service, task: elder, now }) &&
      !isServing &&
      !isWantedElsewhere(view, slot, context));
  if (!isRight && !isAbandoned(slot, { head, elder })) return;
  const message = 'the task that it was to replace stays';
  slot.retire(head, {
    desired: 'shutdown',
    reason: reasonOf('superseded', { message, since: now }),
  });
  slot.step({ kind: 'mark-outgoing', taskId: elder.id, outgoing: false });
}

/** The update that made the head goes no further: the head failed, or was never started. */
function isAbandoned(slot: Slot, of: { readonly head: Task; readonly elder: Task }): boolean {
  const { head, elder } = of;
  const isOutdated = head.templateId !== slot.service.templateId;
  const isOther = head.templateId !== elder.templateId;
  if (head.end !== undefined) return isOther && (isPaused(slot.service) || isOutdated);
  return isPaused(slot.service) && isOther && elder.end !== undefined && head.desired === 'ready';
}

function restart(
  view: View,
  slot: Slot,
  of: { readonly head: Task; readonly context: PlanContext },
): void {
  const { head, context } = of;
  const { now } = context;
  const { end } = head;
  if (end === undefined) return;
  const declared = view.templates.get(head.templateId)?.spec.restart;
  // A move costs no attempts: as long as the task before serves, the next one is tried again.
  const policy: RestartPolicy | undefined = keepsElder(slot, context)
    ? { ...declared, condition: 'any', maxAttempts: 0 }
    : declared;
  // A node that stopped it because it was cut off has lost it: that is no failure of the task.
  const judged = end.reason.code === 'fenced' ? ({ ...end, state: 'orphaned' } as const) : end;
  const isJobTask = isJob(slot.service);
  const decision = decideRestart(policy, { task: head, end: judged, now, isJob: isJobTask });
  if (decision.kind === 'done') {
    // A job's task that completed stays desired `complete`: it counts as done, not as given up.
    const isDone = isJob(slot.service) && end.state === 'complete';
    if (!isDone) slot.step({ kind: 'spend-task', taskId: head.id });
    return;
  }
  if (decision.kind === 'exhausted') {
    const tries = decision.attempts === 1 ? '1 restart' : `${decision.attempts} restarts`;
    const within = decision.windowMs > 0 ? ` within ${decision.windowMs / 1_000} s` : '';
    const message = `gave up after ${tries}${within}; the last end: ${end.reason.message}`;
    const reason = reasonOf('restart-attempts-exhausted', {
      message,
      since: end.reason.since,
      hint: 'Fix the cause and update the service, or raise its restart attempts.',
    });
    slot.step({ kind: 'spend-task', taskId: head.id, reason });
    return;
  }
  restartAt(view, slot, { head, context, decision });
}

/**
 * The successor gets ready while it waits for its time; but one that could not even get ready is
 * not tried again before, or the wait would be none.
 */
function restartAt(
  view: View,
  slot: Slot,
  of: {
    readonly head: Task;
    readonly context: PlanContext;
    readonly decision: Extract<RestartDecision, { kind: 'restart' }>;
  },
): void {
  const { head, context } = of;
  const { kind: _, at: startAfter, ...counters } = of.decision;
  const isEarly = startAfter > context.now;
  if (isEarly) slot.draft.wake(startAfter);
  if (isEarly && head.end?.state === 'rejected') return;
  const keeps = keepsElder(slot, context);
  slot.retire(head, supersededBy(slot, context));
  const isMove = head.end?.state === 'orphaned';
  slot.step({
    kind: 'create-task',
    task: newTask(view, slot.service, {
      context,
      at: placeAfter(slot.tasks, head),
      // The task before may still be stopping: the head was to take its place.
      hold: isEarly || keeps || slot.leaving.length > 0,
      with: {
        ...(isMove ? carriedOver(head) : { templateId: head.templateId }),
        ...((keeps || head.move?.turn === 'held') && { move: head.move }),
        ...counters,
        ...(isEarly ? { startAfter } : {}),
      },
    }),
  });
}

/**
 * A task that may not stay gets a successor elsewhere, when it is its turn if it serves; in global
 * services it just goes.
 */
function evict(
  view: View,
  slot: Slot,
  of: { readonly service: Service; readonly head: Task; readonly context: PlanContext },
): void {
  const { service, head, context } = of;
  const reason = reasonToEvict(view, { service, task: head, now: context.now });
  if (reason === undefined) {
    if (head.evicted === true) {
      slot.step({ kind: 'mark-evicted', taskId: head.id, evicted: false });
    }
    return;
  }
  if (head.targetNodeId !== undefined) {
    slot.retire(head, { desired: 'shutdown', reason });
    return;
  }
  if (needsTurn(slot, context)) {
    if (head.evicted !== true) {
      slot.step({ kind: 'mark-evicted', taskId: head.id, evicted: true });
    }
    slot.draft.follow({ kind: 'moves', serviceId: service.id });
    return;
  }
  replaceHead(view, slot, { context, with: moved(head) });
}

/** What a successor elsewhere takes over; it takes no turn that the head does not hold. */
function moved(head: Task): ReturnType<typeof carriedOver> & Pick<Task, 'move'> {
  const move: TaskMove = { cause: 'eviction', turn: 'over' };
  return { ...carriedOver(head), move: head.move?.turn === 'held' ? head.move : move };
}

/** A move is no restart: it keeps what the slot has of template, attempts, and update. */
export function carriedOver(
  head: Task,
): Pick<Task, 'templateId' | 'restarts'> & Partial<Pick<Task, 'attempts' | 'rollout'>> {
  const { rollout } = head;
  const kept = { templateId: head.templateId, ...carried(head) };
  return rollout === 'starting' ? { ...kept, rollout } : kept;
}

/**
 * Gives the slot a successor that gets ready while the head goes on; `planHandover` does the rest.
 * Whatever was to succeed the serving task before is given up.
 */
export function replaceHead(
  view: View,
  slot: Slot,
  of: {
    readonly context: PlanContext;
    readonly with: Partial<Pick<Task, 'templateId' | 'restarts' | 'attempts' | 'rollout' | 'move'>>;
  },
): void {
  const { head } = slot;
  if (head === undefined) return;
  const { context } = of;
  const serving = slot.elders.findLast(isLive);
  const isServing = context.observed.task(head.id)?.state === 'running';
  if (head.end !== undefined || (serving !== undefined && !isServing)) {
    slot.retire(head, supersededBy(slot, context));
  } else {
    slot.step({ kind: 'mark-outgoing', taskId: head.id, outgoing: true });
  }
  const at = placeAfter(slot.tasks, head);
  const hold = head.end === undefined || slot.leaving.length > 0;
  slot.step({
    kind: 'create-task',
    task: newTask(view, slot.service, { context, at, hold, with: of.with }),
  });
  planHandover(view, slot, context);
  planPromotion(view, slot, context);
}

function endLost(slot: Slot, of: { readonly task: Task; readonly context: PlanContext }): void {
  const { task, context } = of;
  const { now: at } = context;
  const end = { state: 'orphaned', at, reason: nodeGone(context) } as const;
  slot.step({ kind: 'end-task', taskId: task.id, end });
}

function nodeGone(context: PlanContext): Reason {
  const message = 'the node of the task left the cluster';
  return reasonOf('node-removed', { message, since: context.now });
}

/** The slot of a global service goes with its node. */
function isTargetGone(view: View, task: Task): boolean {
  return task.targetNodeId !== undefined && hasLeft(view, task.targetNodeId);
}

function isOfPastIteration(service: Service, task: Task): boolean {
  return service.job !== undefined && task.iteration !== service.job.iteration;
}

function pastIteration(service: Service, context: PlanContext): Reason {
  const message = `the job ${service.spec.name} was started anew`;
  return reasonOf('superseded', { message, since: context.now });
}

function removeTask(slot: Slot, task: Task, reason: Reason): void {
  slot.retire(task, { desired: 'removed', reason });
}

/** Rows of removed tasks go once nothing is left of the task. */
function sweepRemoved(slot: Slot): void {
  for (const task of slot.tasks) {
    if (task.desired === 'removed' && task.end !== undefined) {
      const reason = task.retirement ?? task.end.reason;
      slot.retire(task, { desired: 'removed', reason });
    }
  }
}

function supersededBy(
  slot: Slot,
  context: PlanContext,
): { readonly desired: 'shutdown'; readonly reason: Reason } {
  const message = `a newer task of ${slot.service.spec.name} takes its place`;
  return {
    desired: 'shutdown',
    reason: reasonOf('superseded', { message, since: context.now }),
  };
}

import type { Instant } from '../model/instant.ts';
import type { Reason } from '../model/reason.ts';
import type { StandIn } from '../model/stand-in.ts';
import type { ObservedTask, Task, TaskEnd } from '../model/task.ts';
import { isEndState } from '../model/task-state.ts';
import { addressKey, isWanted, slotKey } from '../store/schema.ts';
import type { View } from '../store/view.ts';
import { desiredInTheEnd } from './new-task.ts';
import type { Plan } from './plan.ts';
import { nothingToDo, PlanDraft, reasonOf } from './plan.ts';
import { recordEnd } from './record-end.ts';
import { counted } from './restart.ts';
import { type Slot, slotOf } from './slot.ts';
import { slotUnit } from './unit.ts';

/** What a node says that it did while it had no manager. */
export interface Absence {
  readonly nodeId: string;
  /** Those of one place in their order; times are ours. */
  readonly standIns: readonly StandIn[];
  /** What the node observes of its tasks; undefined: it has no such task. */
  observed(taskId: string): ObservedTask | undefined;
  runningSince(taskId: string): Instant | undefined;
  readonly now: Instant;
}

/**
 * Gives rows to the tasks that a node made by itself in one place: the end of the task before them,
 * each of them with its end, and the counters that follow. The last one inherits what is wanted of
 * the place: it serves on, or it is on its way out. All steps belong into one transaction, before
 * the slot is planned.
 */
export function adoptStandIns(view: View, originId: string, absence: Absence): Plan {
  const standIns = absence.standIns.filter((one) => one.originId === originId);
  const ids = [originId, ...standIns.map(({ taskId }) => taskId)];
  // Some may have been adopted by a manager whose answer got lost.
  const known = ids.findLastIndex((id) => view.tasks.get(id) !== undefined);
  const base = view.tasks.get(ids[known] ?? '');
  const service = view.services.get(base?.serviceId ?? '');
  const fresh = standIns.slice(Math.max(known, 0));
  const last = fresh.at(-1);
  if (base === undefined || service === undefined || last === undefined) return nothingToDo;
  if (base.nodeId !== absence.nodeId) return nothingToDo;
  const draft = new PlanDraft();
  const slot = slotOf(view, { service, slotKey: slotKey(base) });
  const place = placeOf(view, { slot, base }, absence);
  const seen = absence.observed(base.id);
  if (seen !== undefined) {
    const since = absence.runningSince(base.id);
    const known = { now: absence.now, ...(since !== undefined && { runningSince: since }) };
    draft.add(recordEnd(view, seen, known));
  }
  const policy = view.templates.get(base.templateId)?.spec.restart;
  const counters = (standIn: StandIn): Pick<Task, 'restarts' | 'attempts'> => {
    const done = known === 0 ? 0 : (standIns[known - 1]?.attempts ?? 0);
    const attempts = standIn.attempts - done;
    return counted(policy, base, { restarts: standIn.restarts.slice(-attempts), attempts });
  };
  const like = (standIn: StandIn): Task => ({
    ...place.like,
    ...counters(standIn),
    id: standIn.taskId,
    createdAt: Math.max(standIn.createdAt, base.createdAt + 1),
  });
  for (const standIn of fresh.slice(0, -1)) {
    const end = endOf(absence.observed(standIn.taskId), absence);
    const { desired: _, ...task } = like(standIn);
    const over = { desired: 'shutdown', retirement: superseded(absence), end } as const;
    draft.push({ kind: 'create-task', task: { ...task, ...over } });
  }
  if (isWanted(base)) draft.push(retire(base, absence));
  const { givesWay } = place;
  if (givesWay?.nodeId !== undefined) draft.push(retire(givesWay, absence, 'removed'));
  else if (givesWay !== undefined) draft.push({ kind: 'delete-task', taskId: givesWay.id });
  draft.push({ kind: 'create-task', task: like(last) });
  draft.follow(slotUnit(base));
  return draft.finish();
}

/** What becomes of the place: who has it from now on, and who goes for it. */
function placeOf(
  view: View,
  of: { readonly slot: Slot; readonly base: Task },
  absence: Absence,
): { readonly like: Task; readonly givesWay?: Task } {
  const { slot, base } = of;
  const { end: _end, spent: _spent, rollout: _rollout, startAfter: _after, ...like } = base;
  const isFree = base.end === undefined || areFree(view, base);
  const addresses = isFree ? base.addresses : [];
  const isKnownLost = base.end?.state === 'orphaned' || !isFree;
  if (isWanted(base) && !isKnownLost) return { like: { ...like, addresses } };
  const givesWay = isKnownLost ? undefined : restartOf(base, { slot, absence });
  if (givesWay !== undefined) {
    const { retirement: _, outgoing: _outgoing, ...again } = like;
    const desired = desiredInTheEnd(slot.service);
    return { like: { ...again, addresses, desired }, givesWay };
  }
  const desired = base.desired === 'removed' ? 'removed' : 'shutdown';
  const retirement = base.retirement ?? superseded(absence);
  return { like: { ...like, addresses, desired, retirement } };
}

/**
 * A manager may have heard of the end, and its answer got lost with the session: the restart that
 * it made gives way if it cannot have started anywhere.
 */
function restartOf(
  base: Task,
  { slot, absence }: { readonly slot: Slot; readonly absence: Absence },
): Task | undefined {
  const { head, elders } = slot;
  if (base.desired !== 'shutdown' || head === undefined || head.end !== undefined) return undefined;
  const isRestart =
    elders.length === 0 &&
    head.generation === base.generation + 1 &&
    head.templateId === base.templateId &&
    head.rollout === undefined &&
    head.move === undefined;
  const isHere = head.nodeId === absence.nodeId && absence.observed(head.id) === undefined;
  return isRestart && (head.nodeId === undefined || isHere) ? head : undefined;
}

function areFree(view: View, { addresses }: Task): boolean {
  return addresses.every(({ networkId, address }) => {
    const key = addressKey(networkId, address);
    const { tasks, services, attachments } = view;
    return [tasks, services, attachments].every((table) => table.count('address', key) === 0);
  });
}

function retire(task: Task, absence: Absence, desired: 'shutdown' | 'removed' = 'shutdown') {
  const reason = superseded(absence);
  return { kind: 'retire-task', taskId: task.id, desired, reason } as const;
}

function superseded({ now }: Absence): Reason {
  const message = 'its node restarted it while no manager was in reach';
  return reasonOf('superseded', { message, since: now });
}

/** One in the middle of the row has ended, or the next had not been made. */
function endOf(observed: ObservedTask | undefined, { now }: Absence): TaskEnd {
  const at = observed?.since ?? now;
  const reason = observed?.reason ?? reasonOf('stopped', { message: 'it ended unseen', since: at });
  const state = observed !== undefined && isEndState(observed.state) ? observed.state : 'failed';
  const end = { state, at, reason };
  return observed?.exitCode === undefined ? end : { ...end, exitCode: observed.exitCode };
}

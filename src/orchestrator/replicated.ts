import type { Observed } from '../model/observed.ts';
import type { Service } from '../model/service.ts';
import type { Task } from '../model/task.ts';
import { isLive, slotKey } from '../store/schema.ts';
import type { View } from '../store/view.ts';
import { markMisplaced } from './misplaced.ts';
import type { PlanContext, PlanDraft } from './plan.ts';
import { reasonOf } from './plan.ts';
import { planSlotTasks } from './slot-tasks.ts';
import { byGeneration, removeAll, Slot } from './slot.ts';

/** Gives up the slots that are too many and brings each into order. Walks all slots. */
export function planReplicated(
  view: View,
  of: { readonly service: Service; readonly replicas: number; readonly context: PlanContext },
  draft: PlanDraft,
): void {
  const { service, replicas, context } = of;
  const slots = slotsOf(view, service);
  const occupied = [...slots.values()].filter((slot) => slot.head !== undefined);
  const surplus = occupied.length - replicas;
  if (surplus > 0) {
    const count = Math.min(surplus, context.stepsLeft);
    for (const slot of slotsToRemove(occupied, { count, observed: context.observed })) {
      removeSlot(slot, context);
    }
    if (count < surplus) draft.follow({ kind: 'service', serviceId: service.id });
  }
  for (const slot of slots.values()) {
    markMisplaced(view, slot, context);
    planSlotTasks(view, slot, context);
    draft.add(slot.draft.finish());
  }
  if (surplus < 0) draft.follow({ kind: 'scale', serviceId: service.id });
}

export function slotsOf(view: View, service: Service): ReadonlyMap<string, Slot> {
  const bySlot = new Map<string, Task[]>();
  for (const task of view.tasks.by('service', service.id)) {
    const key = slotKey(task);
    const tasks = bySlot.get(key);
    if (tasks === undefined) bySlot.set(key, [task]);
    else tasks.push(task);
  }
  const slots = new Map<string, Slot>();
  for (const [key, tasks] of bySlot) slots.set(key, new Slot(service, byGeneration(tasks)));
  return slots;
}

/**
 * The slots to give up, as Swarm chooses them: first those that do not run, then those on the nodes
 * with the most copies, then the highest numbers (swarmkit orchestrator/replicated/services.go).
 */
function slotsToRemove(
  slots: readonly Slot[],
  of: { readonly count: number; readonly observed: Observed },
): readonly Slot[] {
  const ranked = slots.map((slot) => ({
    slot,
    number: slot.head?.slot ?? 0,
    nodeId: slot.head?.nodeId,
    isRunning: slot.tasks.some(
      (task) => isLive(task) && of.observed.task(task.id)?.state === 'running',
    ),
    copy: 0,
  }));
  // The first ones are kept longest.
  ranked.sort((left, right) =>
    left.isRunning === right.isRunning
      ? left.number - right.number
      : Number(right.isRunning) - Number(left.isRunning),
  );
  const copies = new Map<string, number>();
  for (const one of ranked) {
    if (one.nodeId === undefined) continue;
    one.copy = (copies.get(one.nodeId) ?? 0) + 1;
    copies.set(one.nodeId, one.copy);
  }
  const byCopies = ranked.toSorted((left, right) =>
    left.isRunning === right.isRunning
      ? left.copy - right.copy
      : Number(right.isRunning) - Number(left.isRunning),
  );
  return byCopies.slice(byCopies.length - of.count).map((one) => one.slot);
}

function removeSlot(slot: Slot, context: PlanContext): void {
  const message = `the service ${slot.service.spec.name} was scaled down`;
  const reason = reasonOf('scaled-down', { message, since: context.now });
  removeAll(slot, reason);
}

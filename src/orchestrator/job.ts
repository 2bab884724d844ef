import type { Service } from '../model/service.ts';
import { slotKey } from '../store/schema.ts';
import type { View } from '../store/view.ts';
import { fillSlot } from './fill-slot.ts';
import type { Plan, PlanContext, PlanDraft } from './plan.ts';
import { nothingToDo, PlanDraft as Draft } from './plan.ts';
import { slotsOf } from './replicated.ts';
import { planSlotTasks } from './slot-tasks.ts';
import { slotOf } from './slot.ts';

/**
 * Brings every slot of a job into order, past iterations' too; the next tasks follow. Walks all
 * slots.
 */
export function planReplicatedJob(
  view: View,
  of: { readonly service: Service; readonly context: PlanContext },
  draft: PlanDraft,
): void {
  const { service, context } = of;
  for (const slot of slotsOf(view, service).values()) {
    planSlotTasks(view, slot, context);
    draft.add(slot.draft.finish());
  }
  draft.follow({ kind: 'update', serviceId: service.id });
}

/**
 * Starts the next tasks of a job, up to its concurrency and its number of completions. Slots are
 * taken in order from 0 and never given up, so that their number is the number of the next.
 */
export function planJobProgress(view: View, service: Service, context: PlanContext): Plan {
  const { mode } = service.spec;
  if (mode.kind !== 'replicated-job') return nothingToDo;
  const started = view.tasks.count('current', service.templateId);
  const live = view.tasks.count('live', service.id);
  const concurrent = mode.maxConcurrent === 0 ? mode.totalCompletions : mode.maxConcurrent;
  const lacking = Math.min(concurrent - live, mode.totalCompletions - started);
  const next = Math.min(lacking, context.stepsLeft);
  const draft = new Draft();
  if (next < lacking) draft.follow({ kind: 'update', serviceId: service.id });
  for (let number = started; number < started + next; number += 1) {
    const key = slotKey({ serviceId: service.id, slot: number });
    const slot = slotOf(view, { service, slotKey: key });
    fillSlot(view, slot, { at: { slot: number }, context });
    draft.add(slot.draft.finish());
  }
  return draft.finish();
}

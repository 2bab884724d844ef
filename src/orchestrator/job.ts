import type { Service } from '../model/service.ts';
import { slotKey } from '../store/schema.ts';
import type { View } from '../store/view.ts';
import { fillSlot } from './fill-slot.ts';
import type { Plan, PlanContext } from './plan.ts';
import { nothingToDo, PlanDraft } from './plan.ts';
import { slotOf } from './slot.ts';

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
  const draft = new PlanDraft();
  if (next < lacking) draft.follow({ kind: 'update', serviceId: service.id });
  for (let number = started; number < started + next; number += 1) {
    const key = slotKey({ serviceId: service.id, slot: number });
    const slot = slotOf(view, { service, slotKey: key });
    fillSlot(view, slot, { at: { slot: number }, context });
    draft.add(slot.draft.finish());
  }
  return draft.finish();
}

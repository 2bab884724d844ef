import type { Service } from '../model/service.ts';
import { slotKey } from '../store/schema.ts';
import type { View } from '../store/view.ts';
import { fillSlot } from './fill-slot.ts';
import type { Plan, PlanContext } from './plan.ts';
import { nothingToDo, PlanDraft } from './plan.ts';
import { slotOf } from './slot.ts';

/**
 * Makes the slots that a replicated service lacks, as many as fit into the transaction. New slots
 * take the lowest numbers that are free. How many are occupied comes from an index.
 */
export function planScale(view: View, serviceId: string, context: PlanContext): Plan {
  const service = view.services.get(serviceId);
  const mode = service?.spec.mode;
  if (service === undefined || service.removing === true || mode?.kind !== 'replicated') {
    return nothingToDo;
  }
  const lacking = mode.replicas - occupiedSlots(view, service);
  let missing = Math.min(lacking, context.stepsLeft);
  const draft = new PlanDraft();
  if (missing < lacking) draft.follow({ kind: 'scale', serviceId });
  for (let number = 1; missing > 0; number += 1) {
    if (fillNumber(view, { service, number, context }, draft)) missing -= 1;
  }
  return draft.finish();
}

function occupiedSlots(view: View, service: Service): number {
  let count = 0;
  for (const template of view.templates.by('service', service.id)) {
    count += view.tasks.count('current', template.id);
  }
  return count;
}

/** Whether the slot was free. */
function fillNumber(
  view: View,
  of: { readonly service: Service; readonly number: number; readonly context: PlanContext },
  draft: PlanDraft,
): boolean {
  const { service, number, context } = of;
  const key = slotKey({ serviceId: service.id, slot: number });
  const slot = slotOf(view, { service, slotKey: key });
  if (slot.head !== undefined) return false;
  fillSlot(view, slot, { at: { slot: number }, context });
  draft.add(slot.draft.finish());
  return true;
}

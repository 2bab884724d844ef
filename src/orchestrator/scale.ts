import type { Service } from '../model/service.ts';
import { slotKey } from '../store/schema.ts';
import type { View } from '../store/view.ts';
import { fillSlot } from './fill-slot.ts';
import type { Plan, PlanContext } from './plan.ts';
import { nothingToDo, PlanDraft } from './plan.ts';
import { slotOf } from './slot.ts';
import { giveUpSlots } from './surplus.ts';

/**
 * Makes the slots that a replicated service lacks, or gives up those that are too many, as many as
 * fit into the transaction. New slots take the lowest numbers that are free. How many are occupied
 * comes from an index.
 */
export function planScale(view: View, serviceId: string, context: PlanContext): Plan {
  const service = view.services.get(serviceId);
  const mode = service?.spec.mode;
  if (service === undefined || service.removing === true || mode?.kind !== 'replicated') {
    return nothingToDo;
  }
  const lacking = mode.replicas - occupiedSlots(view, service);
  const missing = Math.min(Math.abs(lacking), context.stepsLeft);
  if (missing === 0) return nothingToDo;
  const draft = new PlanDraft();
  if (missing < Math.abs(lacking)) draft.follow({ kind: 'scale', serviceId });
  if (lacking > 0) makeSlots(view, { service, count: missing, context }, draft);
  else giveUpSlots(view, { service, count: missing, context }, draft);
  return draft.finish();
}

function occupiedSlots(view: View, service: Service): number {
  let count = 0;
  for (const template of view.templates.by('service', service.id)) {
    count += view.tasks.count('current', template.id);
  }
  return count;
}

function makeSlots(
  view: View,
  of: { readonly service: Service; readonly count: number; readonly context: PlanContext },
  draft: PlanDraft,
): void {
  const { service, context } = of;
  let made = 0;
  for (let number = 1; made < of.count; number += 1) {
    const key = slotKey({ serviceId: service.id, slot: number });
    const slot = slotOf(view, { service, slotKey: key });
    if (slot.head !== undefined) continue;
    fillSlot(view, slot, { at: { slot: number }, context });
    draft.add(slot.draft.finish());
    made += 1;
  }
}

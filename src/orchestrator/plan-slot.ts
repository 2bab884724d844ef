import type { View } from '../store/view.ts';
import { fillGlobalSlot } from './global.ts';
import type { Plan, PlanContext } from './plan.ts';
import { nothingToDo } from './plan.ts';
import { finishRemoval } from './removal.ts';
import { planSlotTasks } from './slot-tasks.ts';
import { slotOf } from './slot.ts';
import type { SlotUnit } from './unit.ts';

/** What to do about one slot. The entry for everything that happens to a single task. */
export function planSlot(view: View, unit: SlotUnit, context: PlanContext): Plan {
  const service = view.services.get(unit.serviceId);
  if (service === undefined) return nothingToDo;
  const slot = slotOf(view, { service, slotKey: unit.slotKey });
  planSlotTasks(view, slot, context);
  if (unit.targetNodeId !== undefined) {
    fillGlobalSlot(view, slot, { nodeId: unit.targetNodeId, context });
  }
  finishRemoval(view, slot);
  return slot.draft.finish();
}

import type { View } from '../store/view.ts';
import { freeTurns } from './move.ts';
import type { Plan, PlanContext } from './plan.ts';
import { nothingToDo, PlanDraft } from './plan.ts';
import { carriedOver, planSlotTasks, replaceHead } from './slot-tasks.ts';
import { slotOf } from './slot.ts';
import { slotKey } from '../store/schema.ts';

/**
 * Moves the next tasks of a service that have to leave their nodes, as many at a time as its update
 * settings allow to be replaced. Costs what is moved now, not what waits.
 */
export function planMoves(view: View, serviceId: string, context: PlanContext): Plan {
  const service = view.services.get(serviceId);
  if (service === undefined || service.removing === true) return nothingToDo;
  const draft = new PlanDraft();
  let free = freeTurns(view, service);
  for (const task of view.tasks.by('evicted', serviceId)) {
    if (free <= 0) break;
    if (draft.steps.length >= context.stepsLeft) {
      draft.follow({ kind: 'moves', serviceId });
      break;
    }
    const slot = slotOf(view, { service, slotKey: slotKey(task) });
    planSlotTasks(view, slot, context);
    const { head } = slot;
    if (head?.id === task.id && head.evicted === true && head.end === undefined) {
      const move = { cause: 'eviction', turn: 'held' } as const;
      replaceHead(view, slot, { context, with: { ...carriedOver(head), move } });
      free -= 1;
    }
    draft.add(slot.draft.finish());
  }
  return draft.finish();
}

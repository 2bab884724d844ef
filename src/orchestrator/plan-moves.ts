import type { Service } from '../model/service.ts';
import type { Task } from '../model/task.ts';
import { slotKey } from '../store/schema.ts';
import type { View } from '../store/view.ts';
import { freeTurns } from './move.ts';
import type { Plan, PlanContext } from './plan.ts';
import { nothingToDo, PlanDraft } from './plan.ts';
import { carriedOver, planSlotTasks, replaceHead } from './slot-tasks.ts';
import { slotOf } from './slot.ts';

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

/**
 * Gives a task that runs a successor, to be put on another node in the same transaction; the slot's
 * own plan does the rest. No steps where the task does not stand for its slot any more.
 */
export function startMove(
  view: View,
  of: { readonly service: Service; readonly task: Task },
  context: PlanContext,
): Plan {
  const { service, task } = of;
  const slot = slotOf(view, { service, slotKey: slotKey(task) });
  const { head } = slot;
  if (head?.id === task.id && head.end === undefined && slot.elders.length === 0) {
    const move = { cause: 'rebalance', turn: 'held' } as const;
    replaceHead(view, slot, { context, with: { ...carriedOver(head), move } });
  }
  return slot.draft.finish();
}

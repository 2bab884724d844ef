import type { Service } from '../model/service.ts';
import type { Task } from '../model/task.ts';
import { slotKey } from '../store/schema.ts';
import type { View } from '../store/view.ts';
import type { Plan, PlanContext } from './plan.ts';
import { carriedOver, replaceHead } from './slot-tasks.ts';
import { slotOf } from './slot.ts';

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

import type { Task } from '../model/task.ts';
import type { View } from '../store/view.ts';
import { newTask } from './new-task.ts';
import type { PlanContext } from './plan.ts';
import type { Slot } from './slot.ts';

/**
 * Makes the first task of a slot that nobody stands for. What was there may still be stopping: then
 * the new task is only prepared, because two tasks of one slot must not run at the same time.
 */
export function fillSlot(
  view: View,
  slot: Slot,
  of: {
    readonly at: Pick<Task, 'slot'> & Partial<Pick<Task, 'targetNodeId'>>;
    readonly context: PlanContext;
  },
): void {
  const at = { ...of.at, generation: (slot.tasks.at(-1)?.generation ?? 0) + 1 };
  const hold = slot.leaving.length > 0;
  const task = newTask(view, slot.service, { context: of.context, at, hold });
  slot.step({ kind: 'create-task', task });
}

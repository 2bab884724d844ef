import { isLive } from '../store/schema.ts';
import type { View } from '../store/view.ts';
import { reasonToLeave } from './eviction.ts';
import type { PlanContext } from './plan.ts';
import type { Slot } from './slot.ts';

/**
 * Marks tasks that a changed declaration leaves behind: on a node that its placement no longer
 * allows, or off the network of its ports. They go when the update takes their slots, so that never
 * more slots are down than the update allows. Global services leave a node at once.
 */
export function markMisplaced(view: View, slot: Slot, context: PlanContext): void {
  const { service } = slot;
  for (const task of slot.tasks) {
    if (!isLive(task) || task.nodeId === undefined) continue;
    const reason = reasonToLeave(view, { service, task, now: context.now });
    const misplaced =
      reason?.code === 'update-in-progress' ||
      (reason !== undefined && reason.code !== 'node-drained' && task.targetNodeId === undefined);
    if (misplaced !== (task.misplaced === true)) {
      slot.step({ kind: 'mark-misplaced', taskId: task.id, misplaced });
    }
  }
}

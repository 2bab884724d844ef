import type { Node } from '../model/node.ts';
import type { Service } from '../model/service.ts';
import type { Task } from '../model/task.ts';
import { isLive } from '../store/schema.ts';
import type { View } from '../store/view.ts';
import { reasonToLeave } from './eviction.ts';
import type { PlanContext } from './plan.ts';
import type { Slot } from './slot.ts';

/**
 * Marks tasks that a changed declaration leaves behind: on a node that its placement no longer
 * allows, or off the network of its ports. They go when the update takes their slots, so that never
 * more slots are down than the update allows. What a change of its node leaves behind is moved at
 * once and not marked; global services leave a node at once in either case.
 */
export function markMisplaced(view: View, slot: Slot, context: PlanContext): void {
  const { service } = slot;
  for (const task of slot.tasks) {
    if (!isLive(task) || task.nodeId === undefined) continue;
    const misplaced = isMisplaced(view, { service, task, now: context.now });
    if (misplaced === (task.misplaced === true)) continue;
    slot.step({ kind: 'mark-misplaced', taskId: task.id, misplaced });
    slot.draft.follow({ kind: 'update', serviceId: service.id });
  }
}

function isMisplaced(
  view: View,
  of: { readonly service: Service; readonly task: Task; readonly now: number },
): boolean {
  const { service, task } = of;
  const code = reasonToLeave(view, of)?.code;
  if (code === undefined || code === 'node-drained') return false;
  if (code === 'update-in-progress' || task.misplaced === true) return true;
  if (task.targetNodeId !== undefined || task.outgoing === true) return false;
  const node = view.nodes.get(task.nodeId ?? '');
  return node !== undefined && !changedSince(node, service);
}

/**
 * Whether the node was changed after the service was declared: it, and not the declaration, is then
 * why they no longer go together. Both rows say so themselves, so that a manager which starts in
 * the middle of it decides the same.
 */
function changedSince(node: Node, service: Service): boolean {
  return node.version > service.version || node.updatedAt > service.updatedAt;
}

import type { Task } from '../model/task.ts';
import type { View } from '../store/view.ts';
import { reasonToLeave } from './eviction.ts';
import type { PlanContext } from './plan.ts';
import { deadlineOf } from './rollout.ts';
import type { Slot } from './slot.ts';
import { slotUnit } from './unit.ts';

/** Whether a rebalance still wants the head in the place of an elder that might as well stay. */
export function isWantedElsewhere(view: View, slot: Slot, context: PlanContext): boolean {
  const { head, service } = slot;
  if (head?.move?.cause !== 'rebalance' || head.end !== undefined) return false;
  if (service.rebalance?.state !== 'running' || head.templateId !== service.templateId)
    return false;
  return reasonToLeave(view, { service, task: head, now: context.now }) === undefined;
}

/** Stops the rebalance where its task does not come to run in all that time. */
export function planPatience(view: View, slot: Slot, context: PlanContext): void {
  const { head, service, draft } = slot;
  if (head?.move?.cause !== 'rebalance' || service.rebalance?.state !== 'running') return;
  const deadline = deadlineOf(view, slot, { head, context });
  if (deadline === undefined) return;
  if (deadline > context.now) {
    draft.wake(deadline);
    return;
  }
  draft.push({
    kind: 'end-rebalance',
    serviceId: service.id,
    at: context.now,
    message: `${describe(view, slot, head)} did not come to run`,
  });
  draft.follow(slotUnit(head));
}

/** How the task of a move is called in sentences. */
function describe(view: View, { service }: Slot, task: Task): string {
  const node = view.nodes.get(task.nodeId ?? '')?.description.hostname ?? 'its new node';
  return `${service.spec.name}.${task.slot} on ${node}`;
}

import type { Task } from '../model/task.ts';
import { isLive } from '../store/schema.ts';
import type { View } from '../store/view.ts';
import { mayStart } from './dependencies.ts';
import { isHeldByPause } from './handover.ts';
import { handoverOrder } from './move.ts';
import { desiredInTheEnd } from './new-task.ts';
import { isGivenUp } from './node-down.ts';
import type { PlanContext } from './plan.ts';
import type { Slot } from './slot.ts';

/** What a prepared task waits for before it may start. */
type Gate =
  | { readonly kind: 'delay'; readonly until: number }
  | { readonly kind: 'dependency' }
  | { readonly kind: 'predecessor'; readonly task: Task }
  | { readonly kind: 'pause' }
  /** Its elder serves on, and may yet stay. */
  | { readonly kind: 'placement' };

/** Lets the head start once nothing holds it back. */
export function planPromotion(view: View, slot: Slot, context: PlanContext): void {
  const { head } = slot;
  if (head === undefined || head.end !== undefined || head.desired !== 'ready') return;
  const gate = gateOf(view, slot, context);
  if (gate === undefined) {
    const desired = desiredInTheEnd(slot.service);
    slot.step({ kind: 'promote-task', taskId: head.id, desired });
  } else if (gate.kind === 'delay') {
    slot.draft.wake(gate.until);
  }
}

/**
 * The first thing that holds the head back; dependencies gate only the first start of a service.
 */
function gateOf(view: View, slot: Slot, context: PlanContext): Gate | undefined {
  const { head, service } = slot;
  const startAfter = head?.startAfter;
  if (startAfter !== undefined && startAfter > context.now) {
    return { kind: 'delay', until: startAfter };
  }
  if (!mayStart(view, service)) return { kind: 'dependency' };
  if (isHeldByPause(slot)) return { kind: 'pause' };
  if (head?.move !== undefined && head.nodeId === undefined && slot.elders.some(isLive)) {
    return { kind: 'placement' };
  }
  const startsFirst = handoverOrder(view, slot) === 'start-first';
  // Until there is a place elsewhere, the node that is down may be back and the only one.
  const isPlaced = head?.nodeId !== undefined;
  const before = slot.tasks.find(
    (task) =>
      task !== head &&
      task.end === undefined &&
      !(startsFirst && isLive(task)) &&
      !(isPlaced && isGivenUp(service, task, context)),
  );
  return before === undefined ? undefined : { kind: 'predecessor', task: before };
}

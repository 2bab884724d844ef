import type { Reason } from '../model/reason.ts';
import type { Task } from '../model/task.ts';
import { compareTaskStates } from '../model/task-state.ts';
import { addressKey, isLive, staticAddresses } from '../store/schema.ts';
import type { View } from '../store/view.ts';
import { reasonToEvict, reasonToLeave } from './eviction.ts';
import { handoverOrder, isHomeless } from './move.ts';
import { isGivenUp, reasonGivenUp } from './node-down.ts';
import type { PlanContext } from './plan.ts';
import { reasonOf } from './plan.ts';
import type { Slot } from './slot.ts';
import { isPaused } from './update-settings.ts';

/**
 * Retires what the head replaces as soon as the head can take over: with `stop-first` when it is
 * prepared (so that no image is pulled while nobody serves, and a task that cannot be prepared
 * costs nothing), with `start-first` when it runs. What has the head's static address goes as soon
 * as a node would take the head. A task that has to leave leaves too when its
 * successor finds no place.
 */
export function planHandover(view: View, slot: Slot, context: PlanContext): void {
  const { head, service } = slot;
  if (head === undefined || head.end !== undefined) return;
  for (const elder of slot.elders.filter(isLive)) {
    const of = { service, task: elder, now: context.now };
    const eviction = reasonToEvict(view, of);
    if (eviction === undefined && isFrozen(slot, elder)) continue;
    const leaves = eviction !== undefined && isHomeless(view, slot, context);
    if (!leaves && !canTakeOver(view, slot, { elder, context })) continue;
    const lost = reasonGivenUp(view, { slot, elder }, context);
    const reason = lost ?? eviction ?? reasonToLeave(view, of) ?? updated(slot, context);
    slot.retire(elder, { desired: 'shutdown', reason });
  }
}

function isFrozen(slot: Slot, elder: Task): boolean {
  const { head, service } = slot;
  return isPaused(service) && (elder.misplaced === true || head?.templateId !== elder.templateId);
}

/** Whether a paused update keeps the head from taking its elder's place. */
export function isHeldByPause(slot: Slot): boolean {
  return slot.elders.some((elder) => isLive(elder) && isFrozen(slot, elder));
}

/**
 * Whether nothing but the elder keeps the head from a node: it has a static address that the head
 * is to have, which two containers must not. On a node that is down it may still live, and comes
 * back as it is.
 */
function isInTheWay(
  view: View,
  slot: Slot,
  { elder, context }: { readonly elder: Task; readonly context: PlanContext },
): boolean {
  const { head, service } = slot;
  if (head === undefined || head.nodeId !== undefined) return false;
  if (context.refusalCode(head.id) !== 'address-in-use') return false;
  if (isGivenUp(service, elder, context)) return false;
  const template = view.templates.get(head.templateId);
  const wanted = template === undefined ? [] : staticAddresses(template.spec);
  return elder.addresses.some((one) => wanted.includes(addressKey(one.networkId, one.address)));
}

/** An elder that was never let start serves nobody, and one that has no place even less. */
function canTakeOver(
  view: View,
  slot: Slot,
  { elder, context }: { readonly elder: Task; readonly context: PlanContext },
): boolean {
  if (elder.nodeId === undefined || isInTheWay(view, slot, { elder, context })) return true;
  const state = context.observed.task(slot.head?.id ?? '')?.state ?? 'new';
  const startsFirst = handoverOrder(view, slot) === 'start-first';
  const needed = startsFirst && elder.desired !== 'ready' ? 'running' : 'ready';
  return compareTaskStates(state, needed) >= 0;
}

function updated(slot: Slot, context: PlanContext): Reason {
  const isMove = slot.elders.some((elder) => elder.templateId === slot.head?.templateId);
  const message =
    slot.head?.move === undefined && !isMove
      ? `replaced by an update of ${slot.service.spec.name}`
      : 'moved to another node';
  return reasonOf('superseded', { message, since: context.now });
}

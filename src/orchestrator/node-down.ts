import { isFenced } from '../model/fence.ts';
import type { Reason } from '../model/reason.ts';
import type { Service } from '../model/service.ts';
import type { Task } from '../model/task.ts';
import type { View } from '../store/view.ts';
import type { PlanContext } from './plan.ts';
import { reasonOf } from './plan.ts';
import type { Slot } from './slot.ts';

/**
 * Whether the task is on a node that was given up, so that nobody waits for it and its slot gets
 * another one. A fenced task is given up later: when its node must have stopped it.
 */
export function isGivenUp(service: Service, task: Task, { observed }: PlanContext): boolean {
  if (task.nodeId === undefined || task.end !== undefined) return false;
  const node = observed.node(task.nodeId);
  return node?.state === 'down' && (node.fenced === true || !isFenced(service));
}

/** Whether the slot has lost its head with a node. A global service's slot goes with its node. */
export function isHeadLost({ service, head }: Slot, context: PlanContext): boolean {
  if (head === undefined || head.targetNodeId !== undefined) return false;
  return isGivenUp(service, head, context);
}

/**
 * Whether an elder may take its slot back from a head that was to run elsewhere. What a manager
 * decided stays decided while the elder's node is not there: one that has just started knows
 * nothing of it.
 */
export function mayTakeBack(
  of: { readonly head: Task; readonly elder: Task },
  { observed }: PlanContext,
): boolean {
  const { head, elder } = of;
  if (head.templateId !== elder.templateId || elder.nodeId === undefined) return true;
  return elder.end === undefined && observed.node(elder.nodeId)?.state === 'ready';
}

/** Why an elder goes that was replaced because of its node; undefined: it was for another cause. */
export function reasonGivenUp(
  view: View,
  of: { readonly slot: Slot; readonly elder: Task },
  context: PlanContext,
): Reason | undefined {
  const { slot, elder } = of;
  if (!isGivenUp(slot.service, elder, context)) return undefined;
  const name = view.nodes.get(elder.nodeId ?? '')?.description.hostname ?? elder.nodeId;
  const message = `node ${name} is down; the task runs elsewhere`;
  return reasonOf('node-down', { message, since: context.now });
}
